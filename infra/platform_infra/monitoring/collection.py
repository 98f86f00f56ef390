"""How Prometheus collects the operator's metrics: by objects of the Prometheus operator or by pod annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from platform_infra import names
from platform_infra.monitoring import discovery
from platform_infra.monitoring.discovery import KINDS, POD_MONITOR
from platform_infra.outputs import wait_for
from platform_infra.settings.sections.monitoring import MonitoringMode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from platform_infra.cluster import Cluster

SCRAPE_ANNOTATIONS = {
    "prometheus.io/scrape": "true",
    "prometheus.io/path": names.METRICS_PATH,
}
"""Annotations by which Prometheus discovers pods without the Prometheus operator; the port is one more."""


def monitoring_kinds(mode: MonitoringMode, cluster: Cluster) -> Sequence[str]:
    """Return the kinds of the Prometheus operator that the stack creates objects of.

    `auto` asks the cluster, and for that waits until the kubeconfig is known: a cluster that this update creates is
    asked once it runs. A preview that cannot know the kubeconfig assumes a new cluster, which serves none of the kinds.

    Raises:
        DiscoveryError: the mode is `auto` and the cluster does not answer; a preview logs a warning instead.
    """
    match mode:
        case MonitoringMode.CRDS:
            return KINDS
        case MonitoringMode.ANNOTATIONS | MonitoringMode.NONE:
            return ()
        case MonitoringMode.AUTO:
            kubeconfig = wait_for(cluster.kubeconfig)
            context = wait_for(cluster.context)
            return discovery.discover(kubeconfig, context) if kubeconfig and context else ()
        case _:
            assert_never(mode)


def pod_annotations(mode: MonitoringMode, kinds: Collection[str], port: int) -> dict[str, str]:
    """Return the annotations of the pods; empty when a PodMonitor selects them."""
    if mode == MonitoringMode.NONE or POD_MONITOR in kinds:
        return {}
    return SCRAPE_ANNOTATIONS | {"prometheus.io/port": str(port)}
