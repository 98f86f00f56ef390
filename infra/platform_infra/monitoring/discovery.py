"""Which kinds of the Prometheus operator a cluster serves: asked of its API server."""

from __future__ import annotations

import pulumi
import yaml

GROUP = "monitoring.coreos.com"
VERSION = "v1"
POD_MONITOR, PROMETHEUS_RULE = "PodMonitor", "PrometheusRule"
KINDS = (POD_MONITOR, PROMETHEUS_RULE)
ANSWER_SECONDS = 8
NOT_FOUND = 404


class DiscoveryError(pulumi.RunError):
    """The cluster cannot be asked; the message names the remedy."""


def served(kubeconfig: str, context: str) -> list[str]:
    """Return those of the kinds that the cluster serves; none where there is no kubeconfig, and so no cluster.

    Raises:
        DiscoveryError: the cluster does not answer.
    """
    if not kubeconfig:
        return []
    # Imported here: only who has to ask needs it.
    from kubernetes import client, config  # noqa: PLC0415

    try:
        settings = client.Configuration()
        document = yaml.safe_load(kubeconfig)
        config.load_kube_config_from_dict(document, context=context, client_configuration=settings)
        settings.retries = False
        with client.ApiClient(settings) as api:
            found = client.CustomObjectsApi(api).get_api_resources(
                GROUP, VERSION, _request_timeout=ANSWER_SECONDS
            )
    except client.ApiException as error:
        if error.status == NOT_FOUND:
            return []
        raise DiscoveryError(_silent(context, str(error))) from None
    except Exception as error:  # noqa: BLE001 - whatever the transport raises means the same here
        raise DiscoveryError(_silent(context, str(error))) from None
    names = {resource.kind for resource in found.resources}
    return [kind for kind in KINDS if kind in names]


def _silent(context: str, reason: str) -> str:
    return (
        f"monitoringMode: the cluster (context {context!r}) cannot be asked whether it serves {GROUP}: "
        f"{' '.join(reason.split())}; check it with `kubectl --context {context} api-resources --api-group {GROUP}`, "
        "or set monitoringMode to `crds` or `annotations`"
    )
