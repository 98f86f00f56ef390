"""All rules by name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_policy.disruption import Resource, disruption_budget
from platform_policy.permissions import no_wildcard_rbac
from platform_policy.pods import image_by_digest, limits_set, restricted_pod_security
from platform_policy.previews import previews_excluded
from platform_policy.secrets_in_plain import no_plain_secrets
from platform_policy.traffic import network_policy
from platform_policy.way_out import way_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

NAME = "notification-platform"
PREFIX = "kubernetes:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRule:
    """A rule for one resource: kind and properties in, reasons of violations out."""

    description: str
    evaluate: Callable[[str, Mapping[str, Any]], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRule:
    """A rule for all resources of a stack: yields the name of each violating resource with the reason."""

    description: str
    evaluate: Callable[[Sequence[Resource]], Iterable[tuple[str, str]]]


RESOURCE_RULES = {
    "restricted-pod-security": ResourceRule(
        description="Pods comply with the restricted pod security standard.", evaluate=restricted_pod_security
    ),
    "no-wildcard-rbac": ResourceRule(
        description="Roles list their permissions without wildcards.", evaluate=no_wildcard_rbac
    ),
    "image-by-digest": ResourceRule(description="Images are referenced by digest.", evaluate=image_by_digest),
    "limits-set": ResourceRule(
        description="Containers request CPU and memory and have a memory limit.", evaluate=limits_set
    ),
    "no-plain-secrets": ResourceRule(
        description="Secret values are stored only in Secrets.", evaluate=no_plain_secrets
    ),
}
STACK_RULES = {
    "disruption-budget": StackRule(
        description="Deployments have at least two replicas and a disruption budget.",
        evaluate=disruption_budget,
    ),
    "network-policy": StackRule(
        description="A network policy limits the traffic of every Deployment in both directions.",
        evaluate=network_policy,
    ),
    "previews-excluded": StackRule(
        description="An operator whose cluster previews use does not watch their namespaces.",
        evaluate=previews_excluded,
    ),
    "prod-notifies-somebody": StackRule(
        description="A receiver or a routing rule leads outside the cluster.", evaluate=way_out
    ),
}


def kind_of(resource_type: str) -> str | None:
    """Return the Kubernetes kind of a resource's type such as `kubernetes:apps/v1:Deployment`, or None."""
    return resource_type.rpartition(":")[2] if resource_type.startswith(PREFIX) else None


def violations(resources: Iterable[tuple[str, str, Mapping[str, Any]]]) -> set[tuple[str, str, str]]:
    """Return rule, resource and reason of every violation; `resources` are type, name and properties."""
    objects = [
        Resource(kind=kind, name=name, properties=properties)
        for resource_type, name, properties in resources
        if (kind := kind_of(resource_type))
    ]
    single = {
        (name, entry.name, reason)
        for name, rule in RESOURCE_RULES.items()
        for entry in objects
        for reason in rule.evaluate(entry.kind, entry.properties)
    }
    whole = {
        (name, resource, reason)
        for name, rule in STACK_RULES.items()
        for resource, reason in rule.evaluate(objects)
    }
    return single | whole
