"""Rules that relate several settings of a stack. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract.quantity import amount
from notification_contract.routing.document import check_document
from notification_contract.settings.operator import nested_sections
from platform_infra import names
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.derivation import operator_settings, sources
from platform_infra.settings.model import SECRET_KEYS, Settings, key_of
from platform_infra.settings.problem import Problem
from platform_infra.settings.rules.config_file import file_problems
from platform_infra.settings.rules.drills import DRILL_KEYS, DRILL_RULES, drill_problems
from platform_infra.settings.rules.gateway import GATEWAY_RULES, oidc_problems, system_namespace_problems
from platform_infra.settings.rules.guest import GUEST_RULES, mark_problems
from platform_infra.settings.rules.network import (
    NETWORK_RULES,
    PROXY_PORT_KEYS,
    SLACK_PORT_KEYS,
    closed_proxy_ports,
    closed_slack_port,
)
from platform_infra.settings.rules.receivers import RULES as RECEIVER_RULES
from platform_infra.settings.rules.receivers import receiver_problems
from platform_infra.settings.rules.rule import Rule, covers_request, has_room_for_worker
from platform_infra.settings.rules.served_channels import KEYS as SERVED_KEYS
from platform_infra.settings.rules.served_channels import unserved_channels
from platform_infra.settings.sections.credentials import plain_text, with_existing_secrets
from platform_infra.settings.sections.deployment import FileVolume
from platform_infra.settings.sections.preview import EXCLUDED, excludes_previews
from platform_infra.settings.sections.volumes import (
    DIRECTORY_KEYS,
    OCCUPIED,
    directory_problems,
    normal,
    parent_of,
    volume_problems,
)
from platform_infra.settings.sections.volumes import KEYS as VOLUME_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


OPERATOR_MEBIBYTES = 132
"""Memory of the operator in MiB, as it was measured at most: at a start with 20,000 finished notifications."""
ROUTING_HINT = "correct it in the stack's file; docs/routing.md has an example"


RULES = (
    Rule(
        keys=("clusterKubeconfig", "clusterKind"),
        is_broken=lambda s: s.cluster.kind == "existing" and not s.cluster.kubeconfig,
        what="is empty, but clusterKind is `existing`",
        hint="set the path of a kubeconfig file with `pulumi config set clusterKubeconfig PATH`",
    ),
    Rule(
        keys=("clusterContext", "clusterKind"),
        is_broken=lambda s: s.cluster.kind == "existing" and not s.cluster.context,
        what="is empty, but clusterKind is `existing` and the current context is never used",
        hint="choose one of `kubectl config get-contexts` with `pulumi config set clusterContext NAME`",
    ),
    Rule(
        keys=("clusterKubeconfig", "clusterKind"),
        is_broken=lambda s: s.cluster.kind != "existing" and bool(s.cluster.kubeconfig or s.cluster.context),
        what="or clusterContext is set, but clusterKind is not `existing`",
        hint="set clusterKind to `existing`, or remove both",
    ),
    Rule(
        keys=("clusterStack", "clusterKind"),
        is_broken=lambda s: (s.cluster.kind == "stack") != bool(s.cluster.stack),
        what="and the clusterKind `stack` require each other, but only one of them is set",
        hint="set clusterKind to `stack` and clusterStack to `organization/project/stack`, or remove clusterStack",
    ),
    Rule(
        keys=("clusterKindName", "clusterKindImage", "clusterKindConfig", "clusterKind"),
        is_broken=lambda s: (
            s.cluster.kind != ClusterKind.KIND
            and bool(s.cluster.kind_name or s.cluster.kind_image or s.cluster.kind_config)
        ),
        what="or clusterKindImage or clusterKindConfig is set, but clusterKind is not `kind`",
        hint="set clusterKind to `kind`, or remove them",
    ),
    Rule(
        keys=("operatorImage",),
        is_broken=lambda s: s.operator.image.endswith(f"@sha256:{'0' * 64}"),
        what="has a digest of zeros, which no image has",
        hint="remove it with `pulumi config rm operatorImage` until a release sets an image",
    ),
    Rule(
        keys=("deployWave", "clusterKind"),
        is_broken=lambda s: s.deploy_wave > 0 and s.cluster.kind.is_local,
        what="is set, but a CI job cannot deploy to a node of another machine",
        hint="set it to 0, or use an existing cluster",
    ),
    Rule(
        keys=("operatorReplicas", "operatorLeaderElection"),
        is_broken=lambda s: s.operator.replicas > 1 and not s.operator.leader_election,
        what="is greater than 1, but operatorLeaderElection is false, so every replica would deliver every notification",
        hint="set it to 1, or operatorLeaderElection to true",
    ),
    Rule(
        keys=("watchNamespaces", "previewNumber"),
        is_broken=lambda s: s.preview.number > 0 and not s.watch.namespaces,
        what="is empty, but a preview must only watch its own namespaces",
        hint="set them; `tools/notif-platform preview` does so",
    ),
    Rule(
        keys=("watchNamespaceSelector", "watchNamespaces", "previewBase", "operatorEnabled"),
        is_broken=lambda s: (
            s.preview.base
            and s.operator.enabled
            and not s.watch.namespaces
            and not excludes_previews(s.watch.namespace_selector)
        ),
        what="does not exclude previews, but previewBase is true, so two operators would deliver their notifications",
        hint=f"add the requirement with `pulumi config set watchNamespaceSelector '{EXCLUDED}'`",
    ),
    Rule(
        keys=("previewBase", "previewNumber"),
        is_broken=lambda s: s.preview.base and s.preview.number > 0,
        what="is true, but the stack is a preview itself",
        hint="remove it with `pulumi config rm previewBase`",
    ),
    Rule(
        keys=("previewRestricted", "previewNumber", "clusterKind"),
        is_broken=lambda s: (
            s.preview.restricted
            and (not s.preview.number or s.cluster.kind not in {ClusterKind.EXISTING, ClusterKind.STACK})
        ),
        what="is true, but the stack is no preview in the cluster of a base",
        hint="remove it with `pulumi config rm previewRestricted`; `tools/notif-platform preview` sets it",
    ),
    Rule(
        keys=("placementMaxUnavailable", "operatorReplicas"),
        is_broken=lambda s: 1 < s.operator.replicas <= s.placement.max_unavailable,
        what="allows a drain of nodes to evict all replicas at once",
        hint="set it to less than operatorReplicas",
    ),
    covers_request(
        "operatorMemoryLimit",
        "operatorMemoryRequest",
        lambda s: (s.operator.memory_limit, s.operator.memory_request),
    ),
    has_room_for_worker("operator", OPERATOR_MEBIBYTES, lambda s: s.operator.memory_limit),
    covers_request(
        "operatorCpuLimit",
        "operatorCpuRequest",
        lambda s: (s.operator.cpu_limit, s.operator.cpu_request),
        optional=True,
    ),
    covers_request(
        "operatorEphemeralStorageLimit",
        "operatorEphemeralStorageRequest",
        lambda s: (s.operator.ephemeral_storage_limit, s.operator.ephemeral_storage_request),
    ),
    Rule(
        keys=("operatorHostUsers", "clusterKind"),
        is_broken=lambda s: not s.operator.host_users and s.cluster.kind == ClusterKind.LOCAL,
        what="is false, but the container runtime of a local node does not support user namespaces",
        hint="set it to true, or use an existing cluster",
    ),
    *GUEST_RULES,
    *NETWORK_RULES,
    *RECEIVER_RULES,
    *DRILL_RULES,
    *GATEWAY_RULES,
    Rule(
        keys=("channelsFileSize", "channelsFileVolume", "channelsFileEnabled"),
        is_broken=lambda s: (
            s.channels.file.enabled
            and s.channels.file.volume != FileVolume.EMPTY_DIR
            and not amount(s.channels.file.size)
        ),
        what="is 0, but channelsFileVolume is a claim, which needs a size",
        hint="set a size such as 1Gi",
    ),
    Rule(
        keys=("channelsFileVolume", "channelsFileEnabled", "operatorReplicas", "clusterKind"),
        is_broken=lambda s: (
            s.channels.file.enabled
            and s.channels.file.volume == FileVolume.PVC
            and s.operator.replicas > 1
            and not s.cluster.kind.is_local
        ),
        what="is pvc, but operatorReplicas is greater than 1, and pods on several nodes cannot mount a ReadWriteOnce volume",
        hint="set operatorReplicas to 1, or channelsFileVolume to emptyDir",
    ),
    Rule(
        keys=("operatorEnv",),
        is_broken=lambda s: not names.RESERVED_VARIABLES.isdisjoint(s.operator.env),
        what=f"contains one of the reserved variables {', '.join(sorted(names.RESERVED_VARIABLES))}",
        hint="remove it; set the Slack URL with channelsSlackWebhookUrl",
    ),
    Rule(
        keys=("auditFile", "channelsFileDirectory"),
        is_broken=lambda s: (
            bool(s.audit.file) and parent_of(s.audit.file) in {*OCCUPIED, normal(s.channels.file.directory)}
        ),
        what="lies directly in a directory that the pod uses for other files",
        hint="choose a directory for the audit file alone, such as /var/lib/notification-audit",
    ),
    Rule(
        keys=("auditFileClaim", "auditFile"),
        is_broken=lambda s: bool(s.audit.file_claim) and not s.audit.file,
        what="is set, but auditFile is empty",
        hint="set auditFile, or remove it",
    ),
    Rule(
        keys=("auditFileClaim", "operatorShards"),
        is_broken=lambda s: bool(s.audit.file_claim) and s.operator.shards > 1,
        what="is set, but operatorShards is greater than 1, and an audit file has only one writer",
        hint="set operatorShards to 1, or use an audit store (auditUrl)",
    ),
    Rule(
        keys=("watchNamespaces",),
        is_broken=lambda s: len(set(s.watch.namespaces)) < len(s.watch.namespaces),
        what="contains a namespace twice",
        hint="remove the duplicate",
    ),
    Rule(
        keys=("serverHealthPort", "serverMetricsPort"),
        is_broken=lambda s: s.server.health_port == s.server.metrics_port,
        what="and serverMetricsPort are equal",
        hint="set different ports",
    ),
    Rule(
        keys=("serverHealthPort", "serverMetricsPort"),
        is_broken=lambda s: 0 in {s.server.health_port, s.server.metrics_port},
        what="or serverMetricsPort is 0, but probes and scrapes need a fixed port",
        hint="set a port from 1 to 65535",
    ),
)


def broken_rules(
    settings: Settings, secret_keys: Iterable[str], unreadable_keys: Iterable[str]
) -> list[Problem]:
    """Return a problem per broken rule. A rule that involves an unreadable key is not checked."""
    unreadable = set(unreadable_keys)
    problems = [
        Problem(key=rule.keys[0], what=rule.what, hint=rule.hint)
        for rule in RULES
        if unreadable.isdisjoint(rule.keys) and rule.is_broken(settings)
    ]
    problems += _operator_problems(settings, unreadable)
    problems += oidc_problems(settings, unreadable)
    problems += system_namespace_problems(settings, unreadable)
    if "routing" not in unreadable and settings.routing:
        problems += [
            Problem(key="routing", what=f"is invalid: {problem}", hint=ROUTING_HINT)
            for problem in check_document(settings.routing)[0]
        ]
    if "receivers" not in unreadable:
        problems += receiver_problems(settings)
    if unreadable.isdisjoint(SLACK_PORT_KEYS):
        problems += closed_slack_port(settings)
    if unreadable.isdisjoint(PROXY_PORT_KEYS):
        problems += closed_proxy_ports(settings)
    if unreadable.isdisjoint(DRILL_KEYS):
        problems += drill_problems(settings)
    if settings.routing and unreadable.isdisjoint(SERVED_KEYS):
        problems += unserved_channels(settings)
    problems += file_problems(settings)
    problems += mark_problems(settings)
    if unreadable.isdisjoint(VOLUME_KEYS):
        problems += volume_problems(settings)
    if unreadable.isdisjoint(DIRECTORY_KEYS):
        problems += directory_problems(settings)
    encrypted = set(secret_keys)
    return problems + [
        problem for problem in plain_text(settings) if problem.key.partition("[")[0] not in encrypted
    ]


def _operator_problems(settings: Settings, unreadable: set[str]) -> Iterator[Problem]:
    """Yield the rules of the operator that the stack breaks, with the keys of the stack."""
    keys = {target: key_of(source) for target, source in sources(type(settings)).items()}
    for path, section in nested_sections(operator_settings(with_existing_secrets(settings))):
        for rule in section.broken_rules():
            involved = [keys[(*path, name)] for name in rule.settings]
            key = involved[0]
            hint = (
                f"set it with `pulumi config set --secret {key} VALUE`" if key in SECRET_KEYS else rule.hint
            )
            if unreadable.isdisjoint(involved):
                yield Problem(key=key, what=rule.problem.format(*involved), hint=hint.format(*involved))
