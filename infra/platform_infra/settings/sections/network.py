"""Settings for the network traffic of the operator's pods. Pure."""

from __future__ import annotations

from pydantic import Field

from platform_infra.settings.sections.base import Cidr, LabelKey, LabelValue, Port, Section


class Network(Section):
    """The network policy."""

    egress_ports: tuple[Port, ...] = (443, 6443)
    """TCP ports that the network policy allows the operator to connect to: the ports of the API server and the channels. The port of `auditUrl` is allowed, too."""
    api_server_cidrs: tuple[Cidr, ...] = ()
    """CIDR blocks of the API server: its addresses (`kubectl get endpointslices kubernetes`) and the cluster IP of the Service `kubernetes`. If this or another list of destinations is set, only the listed destinations are reachable; if all are empty, every address is."""
    receiver_cidrs: tuple[Cidr, ...] = ()
    """CIDR blocks of the receivers of Slack and of other channels, or of the proxy that leads to them."""
    audit_cidrs: tuple[Cidr, ...] = ()
    """CIDR blocks of the audit store, which is also reachable on the port of `auditUrl`."""
    dns_cidrs: tuple[Cidr, ...] = ()
    """CIDR blocks of the DNS servers, such as `169.254.20.10/32` of NodeLocal DNSCache. If this and networkDnsNamespaceLabels are empty, every address is reachable on port 53."""
    dns_namespace_labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels of the namespaces with DNS servers, such as `{"kubernetes.io/metadata.name": "kube-system"}`."""
    scrape_namespace_labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels of the namespaces whose pods can scrape metrics, such as `{"kubernetes.io/metadata.name": "monitoring"}`. If this and networkScrapePodLabels are empty, every pod can."""
    scrape_pod_labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels of the pods that can scrape metrics; without networkScrapeNamespaceLabels, pods of the operator's namespace."""

    @property
    def restricts_destinations(self) -> bool:
        """Whether only listed destinations are reachable."""
        return bool(self.api_server_cidrs or self.receiver_cidrs or self.audit_cidrs)
