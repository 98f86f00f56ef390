"""The rules as a policy pack of Pulumi: an adapter from its SDK, the only module that imports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi_policy as policy
from pulumi_policy.proxy import UnknownValueError

from platform_policy import signatures
from platform_policy.disruption import Resource
from platform_policy.pack import NAME, RESOURCE_RULES, STACK_RULES, kind_of


def policy_pack() -> policy.PolicyPack:
    """Create the policy pack: each rule is mandatory, unless the pack's configuration sets another level.

    The `__main__.py` of a policy pack calls it once; the SDK then serves the pack to the engine.
    """
    return policy.PolicyPack(
        name=NAME,
        enforcement_level=policy.EnforcementLevel.MANDATORY,
        policies=[
            *map(_resource_policy, RESOURCE_RULES),
            *map(_stack_policy, STACK_RULES),
            _signature_policy(),
        ],
    )


def _resource_policy(name: str) -> policy.ResourceValidationPolicy:
    rule = RESOURCE_RULES[name]

    def validate(args: policy.ResourceValidationArgs, report: policy.ReportViolation) -> None:
        kind = kind_of(args.resource_type)
        for reason in rule.evaluate(kind, plain(args.props)) if kind else ():
            report(reason)

    return policy.ResourceValidationPolicy(name=name, description=rule.description, validate=validate)


def _stack_policy(name: str) -> policy.StackValidationPolicy:
    rule = STACK_RULES[name]

    def validate(args: policy.StackValidationArgs, report: policy.ReportViolation) -> None:
        resources = [
            Resource(kind=kind, name=entry.name, properties=plain(entry.props))
            for entry in args.resources
            if (kind := kind_of(entry.resource_type))
        ]
        urns = {
            entry.name: entry.urn for entry in args.resources if kind_of(entry.resource_type) == "Deployment"
        }
        for resource, reason in rule.evaluate(resources):
            report(reason, urns.get(resource))

    return policy.StackValidationPolicy(name=name, description=rule.description, validate=validate)


def _signature_policy() -> policy.ResourceValidationPolicy:
    def validate(args: policy.ResourceValidationArgs, report: policy.ReportViolation) -> None:
        kind = kind_of(args.resource_type)
        found = (
            signatures.image_signed(kind, plain(args.props), args.get_config(), signatures.verify_image)
            if kind
            else ()
        )
        for reason in found:
            report(reason)

    schema = policy.PolicyConfigSchema(
        properties={
            signatures.PUBLIC_KEY: {"type": "string"},
            signatures.IMAGES: {"type": "array", "items": {"type": "string"}},
        }
    )
    return policy.ResourceValidationPolicy(
        name=signatures.NAME, description=signatures.DESCRIPTION, validate=validate, config_schema=schema
    )


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value, as the SDK's proxy
    """Convert the SDK's proxies of maps and lists to plain data; a value that a preview cannot know becomes None."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(value, position) for position in range(len(value))]
    return value


def _known(container: Any, key: str | int) -> Any:  # noqa: ANN401 - any JSON value, as the SDK's proxy
    try:
        return plain(container[key])
    except UnknownValueError:
        return None
