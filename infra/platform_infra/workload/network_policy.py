"""The network policy of the operator's pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from platform_infra import names

if TYPE_CHECKING:
    import pulumi

    from notification_contract.settings import Server
    from platform_infra.settings.sections import Network

DNS_PORT = 53


def operator_policy(
    name: str, metadata: ObjectMetaArgs, settings: Network, server: Server, opts: pulumi.ResourceOptions
) -> NetworkPolicy:
    """Create the policy: ingress for probes and metrics, egress for DNS and the ports of the settings."""
    ingress = [_port("TCP", port) for port in (server.health_port, server.metrics_port)]
    dns = [_port("UDP", DNS_PORT), _port("TCP", DNS_PORT)]
    egress = [_port("TCP", port) for port in settings.egress_ports]
    return NetworkPolicy(
        name,
        metadata=metadata,
        spec=NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=names.selector()),
            policy_types=["Ingress", "Egress"],
            ingress=[NetworkPolicyIngressRuleArgs(ports=ingress)],
            egress=[
                NetworkPolicyEgressRuleArgs(ports=dns),
                NetworkPolicyEgressRuleArgs(ports=egress),
            ],
        ),
        opts=opts,
    )


def _port(protocol: str, port: int) -> NetworkPolicyPortArgs:
    return NetworkPolicyPortArgs(protocol=protocol, port=port)
