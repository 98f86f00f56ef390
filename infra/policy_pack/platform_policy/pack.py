"""Every rule by its name, with what it is for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from platform_policy.disruption import Resource, disruption_budget
from platform_policy.permissions import no_wildcard_rbac
from platform_policy.pods import image_by_digest, limits_set, restricted_pod_security
from platform_policy.secrets_in_plain import no_plain_secrets

NAME = "notification-platform"
PREFIX = "kubernetes:"

ResourceRule = Callable[[str, Mapping[str, Any]], Iterable[str]]

RESOURCE_RULES: dict[str, tuple[ResourceRule, str]] = {
    "restricted-pod-security": (
        restricted_pod_security,
        "Pods keep to the restricted pod security standard.",
    ),
    "no-wildcard-rbac": (no_wildcard_rbac, "Roles name what they grant."),
    "image-by-digest": (image_by_digest, "Images are named by their digest."),
    "limits-set": (limits_set, "Containers reserve CPU and memory, and have a memory limit."),
    "no-plain-secrets": (no_plain_secrets, "Secrets stand in Secrets alone."),
}
"""Rules that look at one resource."""
STACK_RULES: dict[str, tuple[Callable[[list[Resource]], Iterable[tuple[str, str]]], str]] = {
    "disruption-budget": (
        disruption_budget,
        "Deployments have two replicas or more, and a disruption budget.",
    ),
}
"""Rules that look at all of a stack."""


def kind_of(resource_type: str) -> str | None:
    """Return the Kubernetes kind of a resource's type such as `kubernetes:apps/v1:Deployment`, or None."""
    return resource_type.rpartition(":")[2] if resource_type.startswith(PREFIX) else None


def findings(resources: Iterable[tuple[str, str, Mapping[str, Any]]]) -> set[tuple[str, str, str]]:
    """Return rule, resource and reason of all that is wrong with resources given as type, name and properties."""
    known = [
        Resource(kind=kind, name=name, properties=properties)
        for kind, name, properties in (
            (kind_of(kind), name, properties) for kind, name, properties in resources
        )
        if kind
    ]
    single = {
        (rule, entry.name, reason)
        for rule, (judge, _) in RESOURCE_RULES.items()
        for entry in known
        for reason in judge(entry.kind, entry.properties)
    }
    whole = {
        (rule, name, reason) for rule, (judge, _) in STACK_RULES.items() for name, reason in judge(known)
    }
    return single | whole
