"""Stacks drawn from the whole space of settings.

The values of a truth value, an enumeration and a number come from its declaration, so that a new setting is drawn without a
change here. Texts, lists and maps have examples; a test fails for a setting that has neither.
"""

from __future__ import annotations

import random
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, Literal

from notification_contract.settings import declared_settings
from platform_infra.settings.model import PATHS, SECRET_KEYS, Settings, default_of
from platform_infra.settings.reader import SettingsError, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic.fields import FieldInfo

Values = dict[str, Any]

ROUTING: Final = {
    "route": {"receiver": "all", "routes": [{"match": {"priority": "critical"}, "receiver": "all"}]},
    "receivers": [{"name": "all", "consoleConfigs": [{"enabled": True}]}],
}
RECEIVERS: Final = [
    {
        "name": "on-call",
        "default": True,
        "spec": {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "on-call"}}},
        "secrets": {"on-call": {"routing-key": "0123456789abcdef0123456789abcdef"}},
    },
    {
        "name": "mail",
        "spec": {
            "type": "email",
            "allowedNamespaces": {"from": "All"},
            "email": {
                "to": ["team@example.com"],
                "from": "platform@example.com",
                "host": "mail.example.com",
            },
        },
    },
]
TOLERATIONS: Final = [
    {"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "spot", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60},
    {"operator": "Exists"},
]
AFFINITY: Final = {
    "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "preference": {"matchExpressions": [{"key": "spot", "operator": "DoesNotExist"}]}}
        ]
    }
}
VOLUMES: Final = [{"name": "tokens", "projected": {"sources": [{"configMap": {"name": "tokens"}}]}}]
EXAMPLES: Final[Mapping[str, Sequence[Any]]] = {
    # Without an operator, most settings have no effect.
    "operatorEnabled": (True, True, True, False),
    "admissionLinkSchemes": (["https"], ["http", "https"], []),
    "admissionDefaultChannels": (["console", "log"], [], ["slack"]),
    "admissionStatusWriters": ([], ["system:serviceaccount:tools:*", "ann@example.com"]),
    "operatorImagePullSecrets": ([], ["registry"], ["registry", "mirror"]),
    "operatorCpuRequest": ("50m", "0.5", "1", "1500m", "0"),
    "operatorCpuLimit": ("", "2", "1.75", "2000m"),
    "operatorMemoryRequest": ("96Mi", "0.125Gi", "128M", "134217728"),
    "operatorMemoryLimit": ("256Mi", "1024Mi", "1.5Gi", "1G", "1000000k"),
    "operatorEphemeralStorageRequest": ("0", "1024Ki", "0.5Gi"),
    "operatorEphemeralStorageLimit": ("512Mi", "2048Mi", "1.5G"),
    "operatorRegistryServer": ("", "ghcr.io"),
    "operatorRegistryUsername": ("", "robot"),
    "operatorRegistryPassword": (None, "token"),
    "operatorServiceAccountLabels": ({}, {"team": "platform"}),
    "operatorServiceAccountAnnotations": ({}, {"example.com/role": "arn:x", "empty": ""}),
    "operatorPodLabels": ({}, {"azure.workload.identity/use": "true"}),
    "operatorPodAnnotations": ({}, {"mesh.example.com/inject": "false"}),
    "operatorVolumes": ([], VOLUMES),
    "operatorVolumeMounts": ([], [{"name": "tokens", "mountPath": "/tokens", "readOnly": True}]),
    "operatorCaBundleConfigMap": ("", "authorities"),
    "operatorCaBundleSecret": ("", "authorities"),
    "operatorCaBundleKey": ("ca.crt", "bundle.pem"),
    "operatorEnv": ({}, {"HTTPS_PROXY": "http://proxy:443"}, {"EMPTY": "", "TEXT": "a: 'b'\n$(HOME)"}),
    "leaderElectionLeaseName": ("notification-operator", "other.lease"),
    "placementAffinity": ({}, AFFINITY),
    "placementPriorityClass": ("", "system-cluster-critical"),
    "placementNodeSelector": ({}, {"kubernetes.io/os": "linux", "empty": ""}),
    "placementTolerations": ([], TOLERATIONS),
    "watchNamespaces": ([], ["shop"], ["shop", "billing"]),
    "watchNamespaceSelector": ("", "team=web,env!=dev"),
    "channelsConsoleNamespaces": ([], ["team-*"]),
    "channelsFileDirectory": ("/var/lib/notifications", "/data/files/"),
    "channelsFileHostPath": ("/var/lib/notifications", "/srv/notifications/"),
    "channelsFileSize": ("1Gi", "1024Mi", "0.5Gi", "1500M", "0"),
    "channelsFileStorageClass": ("", "fast"),
    "channelsFileNamespaces": ([], ["shop"]),
    "channelsLogNamespaces": ([], ["shop", "team-*"]),
    "channelsSlackNamespaces": ([], ["shop"]),
    "channelsSlackExistingSecret": ("", "slack"),
    "channelsSlackExistingSecretKey": ("webhook-url", "url"),
    "channelsSlackWebhookUrl": ("", "https://hooks.example.com/T0/B0/x"),
    "channelsPlugins": ({}, {"sms": {"factory": "sms.channel:create", "options": {"from": "x"}}}),
    "auditUrl": ("", "https://audit.example.com:8443/events"),
    "auditTokenAudience": ("", "https://audit.example.com"),
    "auditFile": ("", "/var/lib/notification-audit/trail.jsonl"),
    "auditFileClaim": ("", "audit-trail"),
    "routing": ({}, ROUTING),
    "routingConfigMapName": ("notification-routing-config", "rules"),
    "routingConfigMapKey": ("routing.yaml", "a.b-c"),
    "receivers": ([], RECEIVERS),
    "receiversElsewhere": ([], ["teams", "webhook"]),
    "receiversTypesElsewhere": (["console", "log", "file"], [], ["slack", "webhook"]),
    "receiversCluster": ("", "eu-1"),
    "receiversDeniedNetworks": ([], ["198.51.100.0/24", "2001:db8:64::/96"]),
    "receiversAllowedHosts": ([], ["example.com", "events.pagerduty.com"]),
    "receiversMaxPerNamespace": (200, 50),
    "receiversMaxTotal": (2000, 500),
    "drillSchedule": ("", "0 9 * * 1", "@daily"),
    "drillTimeZone": ("Etc/UTC", "Europe/Berlin"),
    "monitoringExternalHeartbeatSecret": ("", "dead-mans-switch"),
    "monitoringExternalHeartbeatSecretKey": ("url", "ping"),
    "gatewayHost": ("", "hooks.example.com"),
    "gatewayCertSecret": ("", "gateway-tls"),
    "gatewayTlsSecret": ("", "hooks-tls"),
    "gatewayClassName": ("", "nginx"),
    "gatewayIngressAnnotations": ({}, {"example.com/permitted": "192.0.2.0/24", "empty": ""}),
    "gatewayAllowedCidrs": ([], ["192.0.2.0/24", "2001:db8:64::/96"]),
    "gatewayAllowedNamespaceLabels": ({}, {"kubernetes.io/metadata.name": "ingress", "empty": ""}),
    "gatewaySecrets": ([], ["hook"]),
    "gatewayAudience": ("notifications", "hooks"),
    "gatewayOidcIssuer": ("", "https://login.example.com:8443"),
    "gatewayOidcAudience": ("", "hooks"),
    "gatewayOidcUsernamePrefix": ("oidc:", "corp:"),
    "gatewayOidcCidrs": ([], ["198.51.100.7/32"]),
    "gatewayAllowedNetworks": ([], ["10.20.0.0/16"]),
    "gatewayCpuRequest": ("50m", "0.5", "0"),
    "gatewayCpuLimit": ("", "2", "2000m"),
    "gatewayMemoryRequest": ("96Mi", "0.125Gi"),
    "gatewayMemoryLimit": ("256Mi", "1G"),
    "serverHost": ("::", "0.0.0.0"),  # noqa: S104 - the address in a pod
    "serverHealthPort": (8081, 1, 65535),
    "serverMetricsPort": (9090, 2, 65534),
    "networkEgressPorts": ([443, 6443], [443, 443, 587], [443, 587, 6443]),
    "networkApiServerCidrs": ([], ["10.96.0.1/32", "fd00::1/128"]),
    "networkReceiverCidrs": ([], ["0.0.0.0/0"]),
    "networkAuditCidrs": ([], ["192.0.2.0/24"]),
    "networkDnsCidrs": ([], ["169.254.20.10/32"]),
    "networkDnsNamespaceLabels": ({}, {"kubernetes.io/metadata.name": "kube-system"}),
    "networkScrapeNamespaceLabels": ({}, {"kubernetes.io/metadata.name": "monitoring"}),
    "networkScrapePodLabels": ({}, {"app": "prometheus", "empty": ""}),
    "monitoringLabels": ({}, {"release": "prometheus"}),
    "monitoringRunbooks": ("", "https://runbooks.example.com/a", "http://10.0.0.8:8080/"),
    "previewNumber": (0, 7),
    "previewQuotaMemory": ("512Mi", "1G"),
    "previewOwner": ("", "ann"),
    "previewCommit": ("", "0123456789abcdef0123456789abcdef01234567"),
    "previewExpires": ("", "2026-01-31T12:00:00Z"),
}
"""Values of settings whose declaration does not list or bound them, with several spellings of a quantity; None: not set."""
FIXED: Final[Values] = {
    "clusterKind": "existing",
    "clusterKubeconfig": "kubeconfig",
    "clusterContext": "there",
    "operatorImage": "registry.example.com/operator:1",
    "crdManaged": False,
}
"""Values of every stack: they all live in one cluster, whose CRDs belong to one of them."""
OWNER: Final[Values] = {
    "crdManaged": True,
    "crdUserRoles": True,
    "namespaceManaged": True,
    "admissionEnabled": True,
    "operatorEnabled": True,
    "operatorFlowSchemas": True,
    "previewBase": True,
    "previewNumber": 0,
    "previewRestricted": False,
    "watchNamespaces": [],
    "watchNamespaceSelector": "team=web,!kubernaut.ai/preview",
}
"""Values of the stack that owns what a cluster has once."""
UNUSED: Final = frozenset(
    {"operatorNamespace", "operatorBaseImage", "previewBase"}
    | {key for key in PATHS if key.startswith("cluster")} - FIXED.keys()
)
"""Settings that differ for each stack of one cluster, that choose a cluster, or that build an image."""
DRAWS: Final = 500
SEED: Final = 2
"""With it, 40 stacks have every value of every setting."""


class NoValuesError(Exception):
    """A setting has no values to draw from: add some to EXAMPLES."""


def values_of(key: str) -> Sequence[Any]:
    """Return the values that a setting is drawn from, its default first.

    Raises:
        NoValuesError: its declaration does not tell them, and it has no examples.
    """
    if key in EXAMPLES:
        return EXAMPLES[key]
    field = _FIELDS[PATHS[key]]
    kind, default = field.annotation, default_of(PATHS[key])
    if kind is bool:
        return (default, not default)
    if kind == bool | Literal["public"]:
        return (default, not default, "public")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return (default, *(str(each) for each in kind if each != default))
    if kind in {int, float} and (bounds := _bounds(field)):
        return (default, *(each for each in bounds if each != default))
    raise NoValuesError(key)


_FIELDS: dict[tuple[str, ...], FieldInfo] = dict(declared_settings(Settings))


def _bounds(field: FieldInfo) -> list[Any]:
    """Return the smallest and the largest value; for an open interval, a value near its end."""
    near = 1 if field.annotation is int else 0.5

    def declared(name: str) -> list[Any]:
        return [getattr(each, name) for each in field.metadata if hasattr(each, name)]

    return [*declared("ge"), *(bound + near for bound in declared("gt")), *declared("le")]


def draw(count: int, *, seed: int) -> list[Values]:
    """Return stacks with valid settings, by key; the first one owns what a cluster has once."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    return [_valid(chance, {} if number else OWNER) for number in range(count)]


def pairs(values: Values) -> set[object]:
    """Return every pair of drawn settings with their values."""
    known = [(key, str(value)) for key, value in values.items() if key not in {*FIXED, *UNUSED}]
    return set(combinations(sorted(known), 2))


def _valid(chance: random.Random, fixed: Mapping[str, Any]) -> Values:
    """Draw values until they are valid together: those that a rule refuses are drawn again."""
    free = [key for key in PATHS if key not in {*FIXED, *fixed, *UNUSED}]
    values = {key: chance.choice(values_of(key)) for key in free}
    for _ in range(DRAWS):
        refused = problems({**FIXED, **values, **fixed})
        if not refused:
            return {**FIXED, **values, **fixed}
        values |= {key: chance.choice(values_of(key)) for key in free if key in refused}
    raise AssertionError(f"no valid values for {sorted(refused)}")


def problems(values: Values) -> set[str]:
    """Return the settings that have to change so that the values are valid together."""
    known = {key: value for key, value in values.items() if value is not None}
    try:
        parse(known, secret_keys=SECRET_KEYS | {"receivers"})
    except SettingsError as error:
        return set().union(*(_involved(problem.key, problem.what) for problem in error.problems))
    return set()


def _involved(key: str, what: str) -> Iterable[str]:
    """Return the setting of a problem and those that its text names."""
    words = set(what.replace(",", " ").replace("'", " ").split())
    return {key.partition("[")[0], *(words & PATHS.keys())}
