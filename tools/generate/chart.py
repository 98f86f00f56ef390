"""The generated part of the Helm chart: its values with their schema, and files for what no template computes.

A test renders the chart and compares it with the export, object by object (docs/decisions/DD-CHART-001.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_contract.kinds.channel_names import SHARED
from notification_contract.settings import OperatorSettings, PluginChannel, declared_settings, since
from notification_contract.settings.gateway import GatewaySettings
from platform_infra import names
from platform_infra.admission.policies import POLICIES
from platform_infra.monitoring import dashboard as dashboards
from platform_infra.monitoring.rules import Limits, groups
from platform_infra.settings.declarations import declaration, named_definitions, value_schemas
from platform_infra.settings.derivation import sources
from platform_infra.settings.model import PATHS, Settings, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

    from notification_contract.settings.operator import Path
    from platform_infra.admission.policy import Policy

HEAD: Final = "# Written by `make generate`.\n"
NAMESPACE: Final = "<namespace>"
"""Stands in the files of the chart for the operator's namespace."""
RETAINED: Final = "crdRetain"
REFUSED: Final[Mapping[str, str]] = {
    "crdAllowIncompatible": "helm does not compare CRDs; remove it, and check a change with `notif-platform crd-check`",
    "channelsSlackWebhookUrl": "a chart keeps no secrets; name a Secret with channelsSlackExistingSecret",
    "operatorRegistryServer": "a chart keeps no secrets; name Secrets with operatorImagePullSecrets",
    "operatorRegistryUsername": "a chart keeps no secrets; name Secrets with operatorImagePullSecrets",
    "operatorRegistryPassword": "a chart keeps no secrets; name Secrets with operatorImagePullSecrets",
    "deployWave": "only stacks of Pulumi are deployed in waves; remove it",
    "operatorBaseImage": "a chart builds no image; set operatorImage",
    "operatorSettingsVersion": "the chart has the settings of its own release; remove it, and use the chart that was released with the image",
}
"""Why the chart refuses a setting of a stack, and what to do."""
REFUSED_SECTIONS: Final[Mapping[str, str]] = {
    "cluster": "helm installs into the cluster of its kubeconfig; remove it",
    "preview": "previews need a stack of Pulumi; remove it",
}
"""The same for all settings of a section."""
SECRETS: Final = "a chart keeps no secrets; create them yourself, and list their names in existingSecrets"
OWN: Final[Mapping[str, tuple[Any, dict[str, Any], str]]] = {
    "extraObjects": (
        [],
        {"type": "array", "items": {"type": ["object", "string"]}},
        "Objects to install with the chart, as objects or as text; templates in them are rendered.",
    ),
}
"""Values that no stack has: default, schema, description."""


LISTED: Final = {"minItems": 1, "minLength": 1}
"""A value that is not empty."""
REMOTE: Final = {"contains": {"not": {"enum": sorted(SHARED)}}}
"""A list with a type of receivers that sends over the network."""
NETWORK_USERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "networkApiServerCidrs": {},
    "networkReceiverCidrs": {
        "channelsSlackEnabled": {"const": True},
        "channelsPlugins": {"minProperties": 1},
        "receivers": LISTED,
        "receiversElsewhere": REMOTE,
        "receiversTypesElsewhere": REMOTE,
        "monitoringExternalHeartbeatSecret": LISTED,
    },
    "networkAuditCidrs": {"auditUrl": LISTED},
}
"""Where a list of destinations may not be empty if another one is set: always, or with one of these values."""


def refusal(key: str) -> str:
    """Return why the chart refuses a setting, and what to do; empty for a setting of the chart."""
    return REFUSED.get(key, "") or REFUSED_SECTIONS.get(PATHS[key][0], "")


def values() -> str:
    """Return the chart's values with their defaults, which are those of a stack."""
    blocks = (_value(key, *each) for key, each in _values().items())
    return f"{HEAD}# The settings of a stack (stacks/README.md), flat.\n\n" + "\n".join(blocks)


def _values() -> dict[str, tuple[Any, str]]:
    """Return default and description of each value."""
    entries = {key: declaration(path) for key, path in PATHS.items() if not refusal(key)}
    defaults = {key: (_default(key, each["default"]), each["description"]) for key, each in entries.items()}
    return defaults | {key: (default, description) for key, (default, _, description) in OWN.items()}


def _default(key: str, default: Any) -> Any:  # noqa: ANN401 - settings have values of any type
    return True if key == RETAINED else default


def _value(key: str, default: Any, description: str) -> str:  # noqa: ANN401 - likewise
    comment = "".join(f"# {line}\n" for line in wrap(description, 118, break_on_hyphens=False))
    # JSON is YAML, too.
    return f"{comment}{key}: {json.dumps(default)}\n"


def schema() -> str:
    """Return the schema of the values. The message of a refused value is the `const` that it would have to be."""
    model = Settings.model_json_schema()
    kinds = model["$defs"]
    kinds["StackReceiver"]["properties"]["secrets"] = {"const": SECRETS}
    properties = {key: _schema(key, path, model) for key, path in PATHS.items()}
    properties |= {key: each | {"description": text} for key, (_, each, text) in OWN.items()}
    # Helm passes this key to every chart.
    properties["global"] = {"type": "object"}
    used = sorted(named_definitions(properties, kinds))
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart notification-platform",
        "type": "object",
        "properties": properties,
        # helm deletes a value that is null, and `--reuse-values` those that an older chart does not have: zero replicas, for example.
        "required": list(_values()),
        "additionalProperties": False,
        "allOf": list(_relations()),
        "$defs": {name: kinds[name] for name in used},
    }
    return json.dumps(document, indent=2) + "\n"


def _schema(key: str, path: Path, model: dict[str, Any]) -> dict[str, Any]:
    if reason := refusal(key):
        return {"const": reason}
    entry = declaration(path)
    described = {"description": entry["description"]}
    if key == RETAINED:
        return described | {"const": True}
    forms = value_schemas(path, model)
    return described | (forms[0] if len(forms) == 1 else {"anyOf": forms})


def _relations() -> Iterator[dict[str, Any]]:
    """Yield what several values must be together: the rules without which messages are lost or sent twice."""
    yield _needs({"channelsSlackEnabled": True}, "channelsSlackExistingSecret", {"minLength": 1})
    yield _needs({"operatorEnabled": True}, "operatorImage", {"minLength": 1})
    yield _needs({"gatewayEnabled": True}, "operatorEnabled", {"const": True})
    yield _needs({"operatorLeaderElection": False}, "operatorReplicas", {"maximum": 1})
    yield _needs({"operatorLeaderElection": False}, "operatorReplicasManaged", {"const": True})
    yield _if(_is("auditFileClaim", LISTED), "operatorShards", {"maximum": 1})
    for key, users in NETWORK_USERS.items():
        used = {"anyOf": [_is(name, value) for name, value in users.items()]}
        listed = {"anyOf": [_is(name, LISTED) for name in NETWORK_USERS if name != key]}
        yield _if({"allOf": [used, listed]} if users else listed, key, LISTED)


def _needs(given: Mapping[str, Any], key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return _if({"allOf": [_is(name, {"const": each}) for name, each in given.items()]}, key, value)


def _is(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": {key: value}}


def _if(condition: Mapping[str, Any], key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"if": condition, "then": _is(key, value)}


def settings_files() -> str:
    """Return what the configuration files of operator and gateway take from the values.

    Each entry has the place in the file, the key of the value, and the default of the program, with which the file does
    not have the setting.
    """
    stack = sources(Settings)
    operator = [
        _entry(path, stack[path], OperatorSettings) for path, _ in _plain(OperatorSettings) if path in stack
    ]
    gateway = [_entry(path, source, GatewaySettings) for path, source in _gateway_sources()]
    plugin = PluginChannel(factory="module:function").model_dump(mode="json", exclude={"factory"})
    document = {"operator": operator, "gateway": gateway, "plugin": plugin}
    return HEAD + yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=1000)


def _plain(section: type[BaseModel]) -> Iterator[tuple[Path, Any]]:
    """Yield the settings that a configuration file has: a Secret holds the others."""
    return (each for each in declared_settings(section) if key_of(each[0]) != "channelsSlackWebhookUrl")


EGRESS: Final[Mapping[Path, Path]] = {
    ("gateway", name): (f"receivers_{name}",) for name in ("denied_networks", "allowed_hosts")
}
"""The settings of the gateway that a stack has for receivers."""


def _gateway_sources() -> Iterator[tuple[Path, Path]]:
    """Yield each setting of the gateway that a stack has, with the path in the stack.

    The pods fix the address, so the stack's `gateway.host` is another setting: that of the Ingress.
    """
    known = set(PATHS.values())
    for path, _ in declared_settings(GatewaySettings):
        source = ("admission", path[-1]) if path[:2] == ("gateway", "admitted") else EGRESS.get(path, path)
        if source in known and path != ("gateway", "host"):
            yield path, source


def _entry(path: Path, source: Path, program: type[BaseModel]) -> dict[str, Any]:
    default: Any = program.model_construct().model_dump(mode="json")
    for name in path:
        default = default[name]
    entry = {"path": list(path), "key": key_of(source), "default": default}
    return entry | ({"since": since(path)} if since(path) > 1 else {})


def admission() -> str:
    """Return the admission policies with their bindings."""
    documents = [document for policy in POLICIES for document in (_policy(policy), _binding(policy))]
    return HEAD + yaml.safe_dump({"objects": documents}, sort_keys=False, width=100_000, allow_unicode=True)


def _policy(policy: Policy) -> dict[str, Any]:
    rule = {
        "apiGroups": [names.GROUP],
        "apiVersions": [names.VERSION],
        "operations": list(policy.operations),
        "resources": [policy.resource],
        "scope": "*",
    }
    # With the API server's defaults, as the stack has them.
    constraints = {
        "resourceRules": [rule],
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    }
    validations = [
        {"expression": each.expression, "messageExpression": each.message, "reason": policy.reason}
        for each in policy.checks
    ]
    spec = {
        "failurePolicy": "Fail",
        **({"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}} if policy.has_limits else {}),
        "matchConstraints": constraints,
        **({"matchConditions": _named(policy.conditions)} if policy.conditions else {}),
        **({"variables": _named(policy.variables)} if policy.variables else {}),
        "validations": validations,
    }
    return _admission_object("ValidatingAdmissionPolicy", policy, spec)


def _named(expressions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "expression": expression} for name, expression in expressions.items()]


def _binding(policy: Policy) -> dict[str, Any]:
    reference = {"name": "notification-admission", "namespace": NAMESPACE, "parameterNotFoundAction": "Allow"}
    spec = {
        "policyName": policy.name,
        "validationActions": list(policy.actions),
        **({"paramRef": reference} if policy.has_limits else {}),
    }
    return _admission_object("ValidatingAdmissionPolicyBinding", policy, spec)


def _admission_object(kind: str, policy: Policy, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": policy.name},
        "spec": spec,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """A threshold that the alert rules show as a number that occurs once, and the chart as a name."""

    shown: str
    name: str


MARKED: Final = Limits(
    seconds=7907,
    range_seconds=7901,
    failure_share=0.7919,
    queue_seconds=7927,
    drill_hours=7933,
    source_hours=7937,
    has_external_heartbeat=True,
)
MARKS: Final = (
    _Mark(shown="23703s", name="<lossWindow>"),
    _Mark(shown="15808s", name="<holdRate>"),
    _Mark(shown="7907s", name="<hold>"),
    _Mark(shown="7901s", name="<window>"),
    _Mark(shown="7901", name="<windowSeconds>"),
    _Mark(shown="1m", name="<holdOutage>"),
    _Mark(shown="0.7919", name="<failureShare>"),
    _Mark(shown="7927", name="<queueSeconds>"),
    _Mark(shown="7933h", name="<drillHours>h"),
    _Mark(shown=str(7933 * 3600), name="<drillSeconds>"),
    _Mark(shown=str(7937 * 3600), name="<sourceSeconds>"),
)


def alert_rules() -> str:
    """Return the alert rules with names in place of the thresholds."""
    documents = groups(NAMESPACE, MARKED, "", gateway=True)
    text = yaml.safe_dump({"groups": documents}, sort_keys=False, width=100_000, allow_unicode=True)
    for mark in MARKS:
        text = text.replace(mark.shown, mark.name)
    return HEAD + text


def dashboard() -> str:
    return dashboards.dashboard()


def gateway_dashboard() -> str:
    return dashboards.dashboard(gateway=True)
