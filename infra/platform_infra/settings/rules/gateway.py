"""Rules for the gateway: messages without an operator that delivers them, and addresses without a way to them. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from notification_contract.settings.gateway import GatewayOidc
from platform_infra import names
from platform_infra.settings.model import key_of
from platform_infra.settings.problem import Problem
from platform_infra.settings.rules.rule import Rule, covers_request, has_room_for_worker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from platform_infra.settings.model import Settings

GATEWAY_MEBIBYTES: Final = 115
"""Memory of the gateway in MiB, at most: 120 MB while strangers send hostile requests."""


SYSTEM: Final = "kube-"
"""The beginning of the names of the namespaces that Kubernetes itself uses."""


def _takes_port_of_messages(name: str, settings: Settings) -> bool:
    return settings.gateway.enabled and getattr(settings.server, name) == names.GATEWAY_PORT


def _may_ask_provider(settings: Settings) -> bool:
    allowed, host = settings.receivers_allowed_hosts, urlsplit(settings.gateway.oidc.issuer).hostname
    return not allowed or host is None or any(f".{host}".endswith(f".{each}") for each in allowed)


GATEWAY_RULES: Final = (
    Rule(
        keys=("gatewayEnabled", "operatorEnabled"),
        is_broken=lambda s: s.gateway.enabled and not s.operator.enabled,
        what="is true, but operatorEnabled is false, so no message would be delivered",
        hint="set operatorEnabled to true, or gatewayEnabled to false",
    ),
    Rule(
        keys=(
            "watchNamespaces",
            "operatorNamespace",
            "gatewayEnabled",
            "gatewayTenantSources",
            "previewNumber",
        ),
        is_broken=lambda s: (
            s.gateway.enabled
            and bool(s.watch.namespaces)
            and s.operator.namespace not in s.watch.namespaces
            and not s.gateway.tenant_sources
        ),
        what="does not contain operatorNamespace, but gatewayEnabled is true and gatewayTenantSources is false, so no message would be delivered",
        hint="add operatorNamespace, or set gatewayTenantSources to true for NotificationSources in the listed namespaces",
    ),
    Rule(
        keys=("gatewayAllowedCidrs", "gatewayAllowedNamespaceLabels", "gatewayHost", "gatewayEnabled"),
        is_broken=lambda s: (
            s.gateway.enabled
            and bool(s.gateway.host)
            and not (s.gateway.allowed_cidrs or s.gateway.allowed_namespace_labels)
        ),
        what="and gatewayAllowedNamespaceLabels are empty, but gatewayHost is set, so every pod could connect to the gateway past the Ingress",
        hint="set gatewayAllowedNamespaceLabels to the labels of the namespace of the Ingress controller, or gatewayAllowedCidrs to 0.0.0.0/0 and ::/0 for all",
    ),
    Rule(
        keys=("gatewayTenantSources", "gatewayEnabled", "watchNamespaces"),
        is_broken=lambda s: s.gateway.enabled and s.gateway.tenant_sources and not s.watch.namespaces,
        what="is true, but watchNamespaces is empty, so the gateway could read every Secret of the cluster",
        hint="list the namespaces of the sources in watchNamespaces, or set it to false",
    ),
    Rule(
        keys=("gatewayTlsSecret", "gatewayHost"),
        is_broken=lambda s: bool(s.gateway.tls_secret) and not s.gateway.host,
        what="is set, but gatewayHost is empty, so there is no Ingress",
        hint="set gatewayHost, or remove it",
    ),
    Rule(
        keys=("gatewayClassName", "gatewayHost"),
        is_broken=lambda s: bool(s.gateway.class_name) and not s.gateway.host,
        what="is set, but gatewayHost is empty, so there is no Ingress",
        hint="set gatewayHost, or remove it",
    ),
    Rule(
        keys=("gatewayIngressAnnotations", "gatewayHost"),
        is_broken=lambda s: bool(s.gateway.ingress_annotations) and not s.gateway.host,
        what="is set, but gatewayHost is empty, so there is no Ingress",
        hint="set gatewayHost, or remove it",
    ),
    Rule(
        keys=("gatewayOidcCidrs", "networkApiServerCidrs", "gatewayOidcIssuer", "gatewayEnabled"),
        is_broken=lambda s: (
            s.gateway.enabled
            and s.network.restricts_destinations
            and bool(s.gateway.oidc.issuer)
            and not s.gateway.oidc.cidrs
        ),
        what="is empty, but destinations are listed for the network policy, so the provider gatewayOidcIssuer would be unreachable",
        hint="set it to the addresses of the provider, such as 0.0.0.0/0 for all",
    ),
    Rule(
        keys=("gatewayOidcIssuer", "receiversAllowedHosts", "gatewayEnabled"),
        is_broken=lambda s: s.gateway.enabled and not _may_ask_provider(s),
        what="is at a host that receiversAllowedHosts does not contain, so the gateway would not ask the provider for its keys",
        hint="add the host to receiversAllowedHosts, and the host of its keys",
    ),
    covers_request(
        "gatewayCpuLimit",
        "gatewayCpuRequest",
        lambda s: (s.gateway.cpu_limit, s.gateway.cpu_request),
        optional=True,
    ),
    covers_request(
        "gatewayMemoryLimit",
        "gatewayMemoryRequest",
        lambda s: (s.gateway.memory_limit, s.gateway.memory_request),
    ),
    has_room_for_worker("gateway", GATEWAY_MEBIBYTES, lambda s: s.gateway.memory_limit),
    *(
        Rule(
            keys=(key, "gatewayEnabled"),
            is_broken=partial(_takes_port_of_messages, name),
            what=f"is {names.GATEWAY_PORT}, which is the gateway's port for messages",
            hint="set another port",
        )
        for key, name in (("serverHealthPort", "health_port"), ("serverMetricsPort", "metrics_port"))
    ),
)


def oidc_problems(settings: Settings, unreadable: Collection[str]) -> Iterator[Problem]:
    """Yield the rules of the gateway itself that the stack breaks, with the keys of the stack."""
    for rule in GatewayOidc.rules:
        keys = [key_of(("gateway", "oidc", name)) for name in rule.settings]
        if rule.is_broken(settings.gateway.oidc) and not set(unreadable).intersection(keys):
            yield Problem(key=keys[0], what=rule.problem.format(*keys), hint=rule.hint.format(*keys))


def system_namespace_problems(settings: Settings, unreadable: Collection[str]) -> Iterator[Problem]:
    """Yield the namespaces of Kubernetes itself whose Secrets the gateway could read."""
    serves = settings.gateway.enabled and settings.gateway.tenant_sources
    if not serves or {"watchNamespaces", "gatewayEnabled", "gatewayTenantSources"} & set(unreadable):
        return
    for each in settings.watch.namespaces:
        if each.startswith(SYSTEM):
            yield Problem(
                key="watchNamespaces",
                what=f"contains {each!r}, and with gatewayTenantSources the gateway could read every Secret there",
                hint="remove it from the list, or set gatewayTenantSources to false",
            )
