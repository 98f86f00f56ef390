"""The monitoring objects in the cluster: PodMonitors, PrometheusRule and dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.children import Children
from platform_infra.monitoring.dashboard import FILE, LABEL, dashboard
from platform_infra.monitoring.discovery import GROUP, POD_MONITOR, PROMETHEUS_RULE, VERSION
from platform_infra.monitoring.rules import groups, limits

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from platform_infra.settings.sections.monitoring import Monitoring

DASHBOARD = f"{names.OPERATOR}-dashboard"
NOT_SUBSTITUTED = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
"""Flux would replace Grafana's variables, such as `${datasource}`, with nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilityArgs:
    """Which operator is monitored, and how."""

    namespace: pulumi.Input[str]
    """The namespace of the objects, as an output of the namespace's own resource."""
    home: str
    """The operator's namespace, for the expressions of the alert rules."""
    monitoring: Monitoring
    labels: pulumi.Input[Mapping[str, str]]
    """Labels of the objects that a Prometheus selects them by."""
    kinds: Collection[str]
    """The kinds of the Prometheus operator to create objects of."""
    gateway: bool
    """Whether there is a gateway to monitor, too."""


class Observability(pulumi.ComponentResource):
    """PodMonitors and PrometheusRule, each if the cluster serves its kind, and the dashboard if it serves either."""

    def __init__(
        self, name: str, *, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("notification-platform:index:Observability", name, None, opts)
        self._args = args
        self._child = Children(self, name)
        if POD_MONITOR in args.kinds:
            self._monitor("monitor", names.OPERATOR, names.selector())
            if args.gateway:
                self._monitor("gateway-monitor", names.GATEWAY, names.gateway_selector())
        if PROMETHEUS_RULE in args.kinds:
            self._rules()
        if args.kinds:
            self._dashboard()
        self.register_outputs({"kinds": list(args.kinds)})

    def _monitor(self, part: str, name: str, labels: Mapping[str, str]) -> None:
        endpoint = {"port": "metrics", "path": "/metrics"}
        selector = {"matchLabels": labels}
        self._custom(part, POD_MONITOR, name, {"selector": selector, "podMetricsEndpoints": [endpoint]})

    def _rules(self) -> None:
        monitoring = self._args.monitoring
        rules = groups(self._args.home, limits(monitoring), monitoring.runbooks, gateway=self._args.gateway)
        self._custom("rules", PROMETHEUS_RULE, names.OPERATOR, {"groups": rules})

    def _dashboard(self) -> None:
        labels = names.labels("monitoring") | {LABEL: "1"}
        metadata = ObjectMetaArgs(
            name=DASHBOARD, namespace=self._args.namespace, labels=labels, annotations=NOT_SUBSTITUTED
        )
        ConfigMap(
            self._child.name("dashboard"),
            metadata=metadata,
            data={FILE: dashboard(gateway=self._args.gateway)},
            opts=self._child.options(),
        )

    def _labels(self) -> pulumi.Input[Mapping[str, str]]:
        fixed = names.labels("monitoring")
        return pulumi.Output.from_input(self._args.labels).apply(lambda labels: {**fixed, **labels})

    def _custom(self, part: str, kind: str, name: str, spec: dict[str, object]) -> None:
        CustomResource(
            self._child.name(part),
            api_version=f"{GROUP}/{VERSION}",
            kind=kind,
            metadata={
                "name": name,
                "namespace": self._args.namespace,
                "labels": self._labels(),
            },
            spec=spec,
            opts=self._child.options(),
        )
