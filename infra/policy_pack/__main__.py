"""The policy pack as Pulumi runs it: a thin shell around the rules of platform_policy.

It has an environment of its own, `infra/policy_pack/.venv`, since its SDK's pins disagree with the program's (`make policy`
makes it).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pulumi_policy as policy  # noqa: E402 - only in its own environment
from pulumi_policy.proxy import UnknownValueError  # noqa: E402 - likewise

from platform_policy.disruption import Resource  # noqa: E402 - found by the line above
from platform_policy.pack import NAME, RESOURCE_RULES, STACK_RULES, kind_of  # noqa: E402 - likewise


def _resource_policy(name: str) -> policy.ResourceValidationPolicy:
    judge, meaning = RESOURCE_RULES[name]

    def validate(args: policy.ResourceValidationArgs, report: policy.ReportViolation) -> None:
        kind = kind_of(args.resource_type)
        for reason in judge(kind, plain(args.props)) if kind else ():
            report(reason)

    return policy.ResourceValidationPolicy(name=name, description=meaning, validate=validate)


def _stack_policy(name: str) -> policy.StackValidationPolicy:
    judge, meaning = STACK_RULES[name]

    def validate(args: policy.StackValidationArgs, report: policy.ReportViolation) -> None:
        known = [
            Resource(kind=kind, name=entry.name, properties=plain(entry.props))
            for entry in args.resources
            if (kind := kind_of(entry.resource_type))
        ]
        urns = {
            entry.name: entry.urn for entry in args.resources if kind_of(entry.resource_type) == "Deployment"
        }
        for resource, reason in judge(known):
            report(reason, urns.get(resource))

    return policy.StackValidationPolicy(name=name, description=meaning, validate=validate)


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value, in the SDK's wrapping
    """Undo the SDK's wrapping of maps and lists, so that the rules see plain data; what a preview cannot know is None."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(value, position) for position in range(len(value))]
    return value


def _known(container: Any, place: str | int) -> Any:  # noqa: ANN401 - likewise
    try:
        return plain(container[place])
    except UnknownValueError:
        return None


policy.PolicyPack(
    name=NAME,
    enforcement_level=policy.EnforcementLevel.MANDATORY,
    policies=[*map(_resource_policy, RESOURCE_RULES), *map(_stack_policy, STACK_RULES)],
)
