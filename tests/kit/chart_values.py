"""Drawn values of the chart: for each setting, values that differ from its default."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from platform_infra.settings.declarations import declaration, value_schemas
from platform_infra.settings.model import PATHS, Settings
from platform_infra.settings.reader import SettingsError, parse
from tools.generate.chart import RETAINED, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE = "registry.example/operator@sha256:" + "ab" * 32
BASE: dict[str, Any] = {"operatorImage": IMAGE}
CLUSTER = {"clusterKind": "existing", "clusterKubeconfig": "/nowhere", "clusterContext": "none"}
"""Settings of the stack that the chart refuses, because helm has a cluster already."""
WEBHOOK: dict[str, Any] = {"type": "webhook", "webhook": {"urlSecretRef": {"name": "hook", "key": "url"}}}
RECEIVERS: list[dict[str, Any]] = [
    {"name": "ops", "spec": WEBHOOK, "existingSecrets": ["hook"], "default": True},
    {
        "name": "audit",
        "spec": {**WEBHOOK, "template": {"configMapRef": {"name": "texts"}}},
        "existingSecrets": ["hook"],
    },
]
LABELS = [{"team": "a"}, {"example.com/team": "b", "zone": "1"}]
NAMESPACES = [["team-a"], ["notification-system", "team-b"]]
CIDRS = [["10.0.0.0/8"], ["10.1.0.0/16", "fd00::/8"]]
SAMPLES: Mapping[str, list[Any]] = {
    "operatorImage": [IMAGE, "registry.example/operator:1"],
    "admissionLinkSchemes": [["https", "http"], []],
    "admissionDefaultChannels": [["slack"], []],
    "admissionStatusWriters": [["system:serviceaccount:team-a:notification-operator"], ["*.bot", "a@b"]],
    "operatorNamespace": ["notifications", "a1"],
    "operatorImagePullSecrets": [["registry"], ["a", "b"]],
    "operatorEnv": [{"A": "1", "HTTPS_PROXY": "http://proxy:443"}],
    "operatorVolumes": [
        [{"name": "extra", "emptyDir": {"sizeLimit": "64Mi"}}],
        [{"name": "extra", "emptyDir": {}}, {"name": "more", "configMap": {"name": "c"}}],
        [{"name": "extra", "emptyDir": {"medium": "Memory"}}],
        [{"name": "extra", "persistentVolumeClaim": {"claimName": "data"}}],
    ],
    "operatorVolumeMounts": [
        [{"name": "extra", "mountPath": "/extra"}],
        [{"name": "extra", "mountPath": "/extra"}, {"name": "more", "mountPath": "/more", "readOnly": True}],
    ],
    "operatorServiceAccountAnnotations": [{"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/n"}],
    "operatorPodAnnotations": [{"example.com/mesh": "off", "prometheus.io/scrape": "false"}],
    "watchNamespaces": NAMESPACES,
    "watchNamespaceSelector": ["team=a,!kubernaut.ai/preview"],
    "placementAffinity": [{"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}],
    "placementTolerations": [
        [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        [{"key": "a", "value": "1", "effect": "NoExecute", "tolerationSeconds": 0}],
    ],
    "channelsPlugins": [
        {"sms": {"factory": "module:function", "options": {"a": {"b": 1}}, "burst": 2}},
        {"sms": {"factory": "m:f", "rate_per_second": 0.5}, "fax": {"factory": "m:g"}},
    ],
    "channelsFileSize": ["500M", "1.5Gi", "0"],
    "channelsFileDirectory": ["/data"],
    "channelsFileHostPath": ["/srv/notifications"],
    "channelsFileNamespaces": [["team-*"]],
    "channelsConsoleNamespaces": [["team-*"]],
    "channelsLogNamespaces": [["team-*"]],
    "channelsSlackNamespaces": [["team-*"]],
    "routing": [
        {"receivers": [{"name": "all", "console_configs": [{}]}], "route": {"receiver": "all"}},
    ],
    "receivers": [RECEIVERS, RECEIVERS[:1]],
    "receiversElsewhere": [["slack"]],
    "receiversTypesElsewhere": [["slack"], []],
    "receiversAllowedHosts": [["example.com"]],
    "drillSchedule": ["0 9 * * 1", "@daily"],
    "drillTimeZone": ["Europe/Berlin"],
    "gatewaySecrets": [["hook"], ["hook", "sign"]],
    "gatewayHost": ["hooks.example.com"],
    "gatewayIngressAnnotations": [{"cert-manager.io/cluster-issuer": "letsencrypt"}],
    "gatewayAudience": ["notifications"],
    "gatewayOidcIssuer": ["https://oidc.example.com:8443/realm"],
    "gatewayOidcUsernamePrefix": ["idp:"],
    "auditUrl": ["https://audit.example.com:8443/events", "http://audit.example.com"],
    "auditTokenAudience": ["https://audit.example.com"],
    "auditFile": ["/var/lib/notification-audit/trail.jsonl"],
    "networkEgressPorts": [[443], [443, 6443, 443]],
    "monitoringRunbooks": ["https://wiki.example.com/runbooks//"],
    "monitoringExternalHeartbeatSecret": ["switch"],
    "leaderElectionLeaseName": ["lease"],
    "routingConfigMapName": ["rules"],
    "routingConfigMapKey": ["rules.yaml"],
    "placementPriorityClass": ["high"],
}
"""Values by key where the schema does not say which are valid."""


def samples(key: str) -> list[Any]:
    """Return values of a setting that differ from its default."""
    if key in SAMPLES:
        return SAMPLES[key]
    default = declaration(PATHS[key])["default"]
    candidates = [
        value
        for each in value_schemas(PATHS[key], Settings.model_json_schema())
        for value in _of(each, key, default)
    ]
    return [value for value in candidates if value != default]


def _of(schema: Mapping[str, Any], key: str, default: Any) -> list[Any]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _of(Settings.model_json_schema()["$defs"][name], key, default)
    if "enum" in schema or "const" in schema:
        return list(schema.get("enum") or [schema["const"]])
    if schema.get("type") in {"integer", "number"}:
        bounds = [schema.get(name) for name in ("minimum", "maximum")]
        return [value for value in (*bounds, (default or 0) + 1) if value is not None]
    of_type: dict[str, list[Any]] = {
        "boolean": [True, False],
        "object": LABELS,
        "array": CIDRS if key.endswith(("Cidrs", "Networks")) else [],
        "string": ["100Mi", "300Mi"] if key.endswith(("Request", "Limit")) else ["name"],
    }
    return of_type.get(str(schema.get("type")), [])


KEYS = tuple(key for key in PATHS if not refusal(key) and key != RETAINED)
FLAGS = (
    "gatewayEnabled",
    "channelsFileEnabled",
    "channelsSlackEnabled",
    "drillSchedule",
    "monitoringMode",
    "watchNamespaces",
)
"""Settings that decide which objects there are; each is drawn in half of the cases."""


@st.composite
def chart_values(draw: st.DrawFn) -> dict[str, Any]:
    """Draw values that a stack accepts, too: what breaks a rule is left out."""
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=5, max_size=60, unique=True))
    keys += [key for key in FLAGS if key not in keys and draw(st.booleans())]
    drawn = {key: draw(st.sampled_from(samples(key))) for key in sorted(keys)}
    if drawn.get("channelsSlackEnabled") is True:
        drawn["channelsSlackExistingSecret"] = "slack"
    return valid(BASE | drawn)


def valid(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without those that break a rule of the stack."""
    while True:
        try:
            stack_settings(values)
        except SettingsError as error:
            broken = {problem.key.partition("[")[0].partition(".")[0] for problem in error.problems}
            kept = {key: value for key, value in values.items() if key not in broken - BASE.keys()}
            # The rule is broken by a default that another value does not fit.
            values = kept if len(kept) < len(values) else dict(list(values.items())[:-1])
            continue
        return values


def stack_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings of a stack with these values."""
    texts = {
        key: each if isinstance(each, str) else json.dumps(each)
        for key, each in (CLUSTER | dict(values)).items()
    }
    return parse(texts)
