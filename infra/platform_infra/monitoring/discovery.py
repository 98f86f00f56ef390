"""Which kinds of the Prometheus operator a cluster serves, according to its API server."""

from __future__ import annotations

from http import HTTPStatus

import pulumi
import yaml

from platform_infra.cluster.api_client import api_client

GROUP = "monitoring.coreos.com"
VERSION = "v1"
POD_MONITOR, PROMETHEUS_RULE = "PodMonitor", "PrometheusRule"
KINDS = (POD_MONITOR, PROMETHEUS_RULE)


class DiscoveryError(pulumi.RunError):
    """The cluster does not report its API resources; the message says what to check."""


def discover(kubeconfig: str, context: str) -> list[str]:
    """Return the kinds that the cluster serves; in a preview, none when the cluster does not answer.

    Raises:
        DiscoveryError: the cluster does not answer, and this is an update.
    """
    try:
        return served(kubeconfig, context)
    except DiscoveryError as error:
        # The previewed change may be the one that repairs the cluster.
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"{error}; this preview assumes that the cluster serves none of the kinds")
        return []


def served(kubeconfig: str, context: str) -> list[str]:
    """Return the kinds that the cluster serves; none when the kubeconfig is empty.

    Raises:
        DiscoveryError: the cluster does not answer.
    """
    if not kubeconfig:
        return []
    try:
        with api_client(yaml.safe_load(kubeconfig), context) as api:
            answer = api.get(f"/apis/{GROUP}/{VERSION}")
    except Exception as error:  # noqa: BLE001 - every transport error means the same here
        raise DiscoveryError(_unavailable(context, str(error))) from None
    if answer.status == HTTPStatus.NOT_FOUND:
        return []
    if not answer.accepted:
        raise DiscoveryError(_unavailable(context, f"{answer.status} {answer.message}"))
    kinds = {resource["kind"] for resource in answer.document.get("resources") or ()}
    return [kind for kind in KINDS if kind in kinds]


def _unavailable(context: str, reason: str) -> str:
    return (
        f"monitoringMode: the cluster (context {context!r}) does not report whether it serves {GROUP}: "
        f"{' '.join(reason.split())}; check it with `kubectl --context {context} api-resources --api-group {GROUP}`, "
        "or set monitoringMode to `crds` or `annotations`"
    )
