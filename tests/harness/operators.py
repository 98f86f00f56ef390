"""The operators of a disposable stack, as data: their namespaces and settings."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from notification_contract.kinds.channel_names import ReceiverType
from platform_infra import names
from platform_infra.cluster.local.spec import CONTEXT
from platform_infra.settings.sections.preview import EXCLUDED
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = "suite"
"""The label of a namespace that selects its operator."""

SINK = "http://sink.sinks.svc:8080"
PROXY_HOST, PROXY_PORT = "proxy.sinks.svc", 8443
NEVER = 10_000
"""A breaker's threshold that no test reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSpec:
    """One operator. `settings` are keys of a stack; `{sink}` and `{name}` in their texts are replaced."""

    name: str
    namespace: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    stubs: bool = False
    """Whether it uses the image with the stub channels."""


def _stub(channel: str) -> dict[str, Any]:
    return {"factory": "stub_channel:StubChannel", "options": {"channel": channel, "sink": "{sink}"}}


EVERYWHERE: dict[str, Any] = {
    # Tests create receivers with Secrets that no stack knows.
    "receiversReadAll": True,
    "receiversTypesElsewhere": list(ReceiverType),
    "channelsSlackEnabled": True,
    "channelsSlackWebhookUrl": "{sink}/slack/{name}",
    "breakerFailureThreshold": NEVER,
    "networkEgressPorts": [25, 443, 465, 587, 6443, 8080, PROXY_PORT],
}
AUDITED = {"auditUrl": "{sink}/audit/{name}", "auditOriginalTypes": True}
SCRIPTED: dict[str, Any] = {
    **AUDITED,
    "channelsFileEnabled": False,
    "channelsPlugins": {channel: _stub(channel) for channel in ("console", "file", "log")},
    "deliveryTimeoutSeconds": 30,
}
OPERATORS = {
    spec.name: spec
    for spec in (
        OperatorSpec(name="shipped", namespace="notification-system", settings=AUDITED),
        OperatorSpec(
            name="scripted",
            namespace="notification-scripted",
            settings={**SCRIPTED, "receiversNamespaced": True},
            stubs=True,
        ),
        OperatorSpec(
            name="stoppable",
            namespace="notification-stoppable",
            settings={
                **SCRIPTED,
                # Longer than the grace time: the end of an attempt must not end the shutdown.
                "deliveryTimeoutSeconds": 60,
                "auditFlushSeconds": 600,
                "auditBatchSize": 1000,
            },
            stubs=True,
        ),
        OperatorSpec(
            name="breaker",
            namespace="notification-breaker",
            settings={
                **AUDITED,
                "breakerFailureThreshold": 3,
                "breakerOpenSeconds": 5,
                # The catalogue's breaker is open for 5 s from the first time on.
                "breakerInitialOpenSeconds": 5,
                "breakerProbes": 2,
            },
        ),
        OperatorSpec(name="receivers", namespace="notification-receivers", settings=AUDITED),
        OperatorSpec(
            name="proxied",
            namespace="notification-proxied",
            settings={
                "operatorEnv": {
                    "KUBERNETES_SERVICE_HOST": PROXY_HOST,
                    "KUBERNETES_SERVICE_PORT": str(PROXY_PORT),
                },
            },
        ),
    )
}
INSTEAD = "NOTIFICATION_TEST_INSTEAD"
"""Replacements of operators, as JSON: `{"shipped": ["name", "namespace"]}`."""
FIRST = "shipped"
"""The operator whose Pulumi stack is the disposable stack itself, with the CRDs and the gateway."""


def working(name: str) -> OperatorSpec:
    """Return the operator that the tests of `name` use: the one of that name, or its replacement."""
    standing_in = json.loads(os.environ.get(INSTEAD, "{}")).get(name)
    if standing_in is None:
        return OPERATORS[name]
    return replace(OPERATORS[name], name=standing_in[0], namespace=standing_in[1])


def stack_values(spec: OperatorSpec, *, image: str, kubeconfig: str, sink: str = SINK) -> dict[str, Any]:
    """Return the content of a stack file for this operator; `kubeconfig` is a file's path."""
    values_of_stack = {
        **_ci_values(),
        **EVERYWHERE,
        "gatewayEnabled": spec.name == FIRST,
        # Tests create sources with Secrets that no stack knows.
        "gatewayReadAll": spec.name == FIRST,
        **spec.settings,
        "clusterKind": "existing",
        "clusterKubeconfig": kubeconfig,
        "clusterContext": CONTEXT,
        "crdManaged": spec.name == FIRST,
        "operatorNamespace": spec.namespace,
        "operatorImage": image,
        "watchNamespaceSelector": f"{LABEL}={spec.name},{EXCLUDED}",
        "previewBase": spec.name == FIRST,
        # Guests have no right in the whole cluster, so the owner of the CRDs names them.
        "admissionStatusWriters": [f"system:serviceaccount:guest-*:{names.OPERATOR}"],
    }
    filled = json.dumps(values_of_stack).replace("{sink}", sink).replace("{name}", spec.name)
    values: dict[str, Any] = json.loads(filled)
    return values


@cache
def _ci_values() -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "stacks" / "Pulumi.ci.yaml").read_text())["config"]
    return {key.removeprefix(f"{names.PROJECT}:"): value for key, value in config.items()}
