"""How the operator is watched in the cluster: a monitor, alert rules and a dashboard, or marks on the pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.monitoring import discovery
from platform_infra.monitoring.dashboard import FILE, LABEL, dashboard
from platform_infra.monitoring.discovery import GROUP, KINDS, POD_MONITOR, PROMETHEUS_RULE, VERSION
from platform_infra.monitoring.rules import groups, limits
from platform_infra.settings.monitoring import MonitoringMode

if TYPE_CHECKING:
    from collections.abc import Collection

    from platform_infra.cluster import Cluster
    from platform_infra.settings.model import Settings

DASHBOARD = f"{names.OPERATOR}-dashboard"
MARKS = {"prometheus.io/scrape": "true", "prometheus.io/path": names.METRICS_PATH}
"""Annotations by which a Prometheus finds pods without any kinds of its own."""


def kinds(mode: MonitoringMode, cluster: Cluster) -> pulumi.Output[list[str]]:
    """Return the kinds of the Prometheus operator that are made use of.

    Raises:
        DiscoveryError: with `auto`, when the cluster does not answer, and this is not a preview.
    """
    match mode:
        case MonitoringMode.CRDS:
            return pulumi.Output.from_input(list(KINDS))
        case MonitoringMode.ANNOTATIONS | MonitoringMode.NONE:
            return pulumi.Output.from_input([])
        case MonitoringMode.AUTO:
            place = pulumi.Output.all(cluster.kubeconfig, cluster.context)
            # What a cluster serves is no secret, though the way to it is.
            return pulumi.Output.unsecret(place.apply(lambda found: ask(*found)))
        case _:
            assert_never(mode)


def pod_annotations(mode: MonitoringMode, kinds: Collection[str], port: int) -> dict[str, str]:
    """Return the annotations of the pods: none where a monitor finds them."""
    if mode == MonitoringMode.NONE or POD_MONITOR in kinds:
        return {}
    return MARKS | {"prometheus.io/port": str(port)}


def ask(kubeconfig: str, context: str) -> list[str]:
    """Return those of the kinds that the cluster serves.

    Raises:
        DiscoveryError: it does not answer, and this is not a preview.
    """
    try:
        return discovery.served(kubeconfig, context)
    except discovery.DiscoveryError as error:
        # A preview may be of the very change that brings the cluster back.
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"{error}; this preview takes it that none of them is served")
        return []


class Observability(pulumi.ComponentResource):
    """PodMonitor, PrometheusRule and dashboard, each where the cluster has a use for it."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        namespace: pulumi.Input[str],
        kinds: pulumi.Output[list[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:Observability", name, None, opts)
        self._settings = settings
        self._namespace = namespace
        self.register_outputs({"made": kinds.apply(self._make)})

    def _make(self, kinds: Collection[str]) -> list[str]:
        """Make what there are kinds for."""
        if POD_MONITOR in kinds:
            self._monitor()
        if PROMETHEUS_RULE in kinds:
            self._rules()
        if kinds:
            self._dashboard()
        return list(kinds)

    def _monitor(self) -> None:
        endpoint = {"port": "metrics", "path": "/metrics"}
        selector = {"matchLabels": names.selector()}
        self._custom("monitor", POD_MONITOR, {"selector": selector, "podMetricsEndpoints": [endpoint]})

    def _rules(self) -> None:
        monitoring, home = self._settings.monitoring, self._settings.operator.namespace
        found = groups(home, limits(monitoring), monitoring.runbooks)
        self._custom("rules", PROMETHEUS_RULE, {"groups": found})

    def _dashboard(self) -> None:
        labels = names.labels("monitoring") | {LABEL: "1"}
        metadata = ObjectMetaArgs(name=DASHBOARD, namespace=self._namespace, labels=labels)
        child = pulumi.ResourceOptions(parent=self)
        ConfigMap("dashboard", metadata=metadata, data={FILE: dashboard()}, opts=child)

    def _custom(self, name: str, kind: str, spec: dict[str, object]) -> None:
        CustomResource(
            name,
            api_version=f"{GROUP}/{VERSION}",
            kind=kind,
            metadata={
                "name": names.OPERATOR,
                "namespace": self._namespace,
                "labels": names.labels("monitoring") | self._settings.monitoring.labels,
            },
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )
