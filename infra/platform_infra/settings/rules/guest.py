"""Rules for a cluster of others: credentials by value or by name, certificates, and marks that the platform sets itself. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platform_infra import names
from platform_infra.settings.problem import Problem
from platform_infra.settings.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_infra.settings.model import Settings

RESERVED_LABELS: Final = frozenset(names.labels("operator"))
RESERVED_DOMAINS: Final = (names.GROUP, "pulumi.com")
"""Annotations of these domains have a meaning for the platform, or for Pulumi."""

GUEST_RULES: Final = (
    Rule(
        keys=("channelsSlackExistingSecret", "channelsSlackWebhookUrl"),
        is_broken=lambda s: bool(s.channels.slack.existing_secret and s.channels.slack.url),
        what="is set in addition to channelsSlackWebhookUrl, but the URL can only come from one of them",
        hint="remove one of them",
    ),
    Rule(
        keys=("operatorRegistryServer", "operatorRegistryUsername", "operatorRegistryPassword"),
        is_broken=lambda s: s.operator.registry.is_incomplete,
        what="and operatorRegistryUsername and operatorRegistryPassword require each other, but not all of them are set",
        hint="set all three, or use operatorImagePullSecrets for an existing Secret",
    ),
    Rule(
        keys=("operatorRegistryServer", "operatorImagePullSecrets"),
        is_broken=lambda s: bool(s.operator.registry.server and s.operator.image_pull_secrets),
        what="is set in addition to operatorImagePullSecrets, but the credentials of the registry can only come from one of them",
        hint="remove one of them",
    ),
    Rule(
        keys=("operatorCaBundleConfigMap", "operatorCaBundleSecret"),
        is_broken=lambda s: bool(s.operator.ca_bundle.config_map and s.operator.ca_bundle.secret),
        what="is set in addition to operatorCaBundleSecret, but the operator reads one file",
        hint="remove one of them; a file can contain any number of certificates",
    ),
    Rule(
        keys=("operatorEnv", "operatorCaBundleConfigMap", "operatorCaBundleSecret"),
        is_broken=lambda s: names.CA_VARIABLE in s.operator.env and s.operator.ca_bundle.is_set,
        what=f"contains {names.CA_VARIABLE}, which operatorCaBundleConfigMap or operatorCaBundleSecret sets, too",
        hint="remove the variable or the bundle",
    ),
    Rule(
        keys=("operatorReplicasManaged", "operatorLeaderElection"),
        is_broken=lambda s: not s.operator.replicas_managed and not s.operator.leader_election,
        what="is false, so others can start several replicas, but operatorLeaderElection is false, so each would deliver every notification",
        hint="set it or operatorLeaderElection to true",
    ),
)


def mark_problems(settings: Settings) -> Iterator[Problem]:
    """Yield the labels and annotations that would contradict those of the platform."""
    operator = settings.operator
    for key, labels in (
        ("operatorServiceAccountLabels", operator.service_account.labels),
        ("operatorPodLabels", operator.pod.labels),
    ):
        yield from _reserved(key, labels, [name for name in labels if name in RESERVED_LABELS])
    for key, entries in (
        ("operatorServiceAccountAnnotations", operator.service_account.annotations),
        ("operatorPodAnnotations", operator.pod.annotations),
    ):
        yield from _reserved(key, entries, [name for name in entries if _is_reserved(name)])


def _reserved(key: str, values: Mapping[str, str], reserved: list[str]) -> Iterator[Problem]:
    for name in reserved:
        yield Problem(
            key=key,
            what=f"contains {name!r} with the value {values[name]!r}, but the platform sets this key itself",
            hint="remove it",
        )


def _is_reserved(annotation: str) -> bool:
    domain = annotation.partition("/")[0]
    return any(domain == each or domain.endswith(f".{each}") for each in RESERVED_DOMAINS)
