"""What the network policies permit the pods of the operator, of drills and of the gateway. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notification_contract.settings import Server
    from platform_infra.settings.sections.gateway import Gateway
    from platform_infra.settings.sections.network import Network

DNS_PORT = 53
DEFAULT_PORTS = {"http": 80, "https": 443}


def spec(settings: Network, server: Server, audit_url: str) -> NetworkPolicySpecArgs:
    """Return ingress for probes and metrics, and egress for DNS and the destinations of the settings."""
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=names.selector()),
        policy_types=["Ingress", "Egress"],
        ingress=_ingress(settings, server),
        egress=[_dns(settings), *_destinations(settings, audit_url)],
    )


def drill_spec(settings: Network) -> NetworkPolicySpecArgs:
    """Return egress to the API server alone for the pods of drills; they get its address without DNS."""
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=names.drill_selector()),
        policy_types=["Ingress", "Egress"],
        egress=[
            NetworkPolicyEgressRuleArgs(
                ports=_ports(settings.egress_ports), to=_blocks(settings.api_server_cidrs) or None
            )
        ],
    )


def gateway_spec(settings: Network, server: Server, gateway: Gateway) -> NetworkPolicySpecArgs:
    """Return ingress for messages, probes and metrics, and egress for DNS, the API server and providers of OpenID Connect."""
    senders = _blocks(gateway.allowed_cidrs)
    if gateway.allowed_namespace_labels:
        senders.append(NetworkPolicyPeerArgs(namespace_selector=_selector(gateway.allowed_namespace_labels)))
    messages = NetworkPolicyIngressRuleArgs(ports=_ports((names.GATEWAY_PORT,)), from_=senders or None)
    providers = NetworkPolicyEgressRuleArgs(
        ports=_ports((DEFAULT_PORTS["https"], *_port_of(gateway.oidc.issuer))),
        to=_blocks(gateway.oidc.cidrs) or None,
    )
    unlimited = not settings.restricts_destinations
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=names.gateway_selector()),
        policy_types=["Ingress", "Egress"],
        ingress=[messages, *_ingress(settings, server)],
        egress=[
            _dns(settings),
            NetworkPolicyEgressRuleArgs(
                ports=_ports(settings.egress_ports), to=_blocks(settings.api_server_cidrs) or None
            ),
            *([providers] if unlimited or gateway.oidc.cidrs else ()),
        ],
    )


def _ingress(settings: Network, server: Server) -> list[NetworkPolicyIngressRuleArgs]:
    """Admit probes from everywhere, because the kubelet's address is no pod's, and scrapes from the pods of the settings."""
    namespaces, pods = settings.scrape_namespace_labels, settings.scrape_pod_labels
    if not namespaces and not pods:
        ports = _ports((server.health_port, server.metrics_port))
        return [NetworkPolicyIngressRuleArgs(ports=ports)]
    scrapers = NetworkPolicyPeerArgs(namespace_selector=_selector(namespaces), pod_selector=_selector(pods))
    return [
        NetworkPolicyIngressRuleArgs(ports=_ports((server.health_port,))),
        NetworkPolicyIngressRuleArgs(ports=_ports((server.metrics_port,)), from_=[scrapers]),
    ]


def _dns(settings: Network) -> NetworkPolicyEgressRuleArgs:
    peers = _blocks(settings.dns_cidrs)
    if settings.dns_namespace_labels:
        peers.append(NetworkPolicyPeerArgs(namespace_selector=_selector(settings.dns_namespace_labels)))
    ports = [_port("UDP", DNS_PORT), _port("TCP", DNS_PORT)]
    return NetworkPolicyEgressRuleArgs(ports=ports, to=peers or None)


def _destinations(settings: Network, audit_url: str) -> list[NetworkPolicyEgressRuleArgs]:
    """Return a rule per destination, or a rule for all addresses if the settings list none."""
    ports = settings.egress_ports
    with_audit = (*ports, *_port_of(audit_url))
    if not settings.restricts_destinations:
        return [NetworkPolicyEgressRuleArgs(ports=_ports(with_audit))]
    destinations = (
        (settings.api_server_cidrs, ports),
        (settings.receiver_cidrs, ports),
        (settings.audit_cidrs, with_audit),
    )
    return [
        NetworkPolicyEgressRuleArgs(ports=_ports(allowed), to=_blocks(blocks))
        for blocks, allowed in destinations
        if blocks
    ]


def _port_of(url: str) -> tuple[int, ...]:
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    return (port,) if port else ()


def _blocks(cidrs: Iterable[str]) -> list[NetworkPolicyPeerArgs]:
    return [NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=cidr)) for cidr in cidrs]


def _selector(labels: Mapping[str, str]) -> LabelSelectorArgs | None:
    return LabelSelectorArgs(match_labels=labels) if labels else None


def _ports(ports: Iterable[int]) -> list[NetworkPolicyPortArgs]:
    return [_port("TCP", port) for port in dict.fromkeys(ports)]


def _port(protocol: str, port: int) -> NetworkPolicyPortArgs:
    return NetworkPolicyPortArgs(protocol=protocol, port=port)
