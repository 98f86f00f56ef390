"""The ConfigMap that the settings of an earlier release are in: kept while `kubectl rollout undo` may return to it.

Releases before DD-VERSION-001 mounted the settings from a ConfigMap, which belongs to their stacks. A program that registers it no more
deletes it at the end of the update, and the pods of an earlier revision then wait for it without end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import yaml
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.cluster.api_client import api_client
from platform_infra.outputs import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_infra.children import Children
    from platform_infra.cluster import Cluster

TIMEOUT_SECONDS = 8
VOLUME = "config"
REVISION = "deployment.kubernetes.io/revision"
_RAW: Mapping[str, Any] = {"_request_timeout": TIMEOUT_SECONDS, "_preload_content": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerConfig:
    """The ConfigMap as the API server has it."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    data: Mapping[str, str]

    def keep(self, child: Children) -> None:
        """Register the ConfigMap under its URN of earlier releases; nothing in it changes any more."""
        ConfigMap(
            child.name(VOLUME),
            metadata=ObjectMetaArgs(name=self.name, namespace=self.namespace, labels=self.labels),
            data=self.data,
            immutable=True,
            opts=child.options(
                VOLUME, pulumi.ResourceOptions(ignore_changes=["metadata", "data", "immutable"])
            ),
        )


def former_config(cluster: Cluster, namespace: str) -> FormerConfig | None:
    """Return the ConfigMap of the newest revision of the operator's Deployment that mounts one.

    None if no revision mounts one, if it does not exist any more, or if the cluster does not say so: a new cluster, or an account
    that may not read ReplicaSets.
    """
    kubeconfig, context = wait_for(cluster.kubeconfig), wait_for(cluster.context)
    return mounted(kubeconfig, context, namespace) if kubeconfig and context else None


def mounted(kubeconfig: str, context: str, namespace: str) -> FormerConfig | None:
    """Ask the cluster of a kubeconfig's context; see `former_config`."""
    # Imported here: the import takes a second, and many programs know no cluster yet.
    from kubernetes import client  # noqa: PLC0415

    try:
        with api_client(yaml.safe_load(kubeconfig), context) as api:
            revisions = client.AppsV1Api(api).list_namespaced_replica_set(
                namespace,
                label_selector=",".join(f"{key}={value}" for key, value in names.selector().items()),
                **_RAW,
            )
            name = _newest_mount(json.loads(revisions.data)["items"])
            if not name:
                return None
            existing = json.loads(
                client.CoreV1Api(api).read_namespaced_config_map(name, namespace, **_RAW).data
            )
    except Exception:  # noqa: BLE001 - whatever the reason, the stack is complete without the ConfigMap
        return None
    return FormerConfig(
        name=name,
        namespace=namespace,
        labels=existing["metadata"].get("labels") or {},
        data=existing.get("data") or {},
    )


def _newest_mount(revisions: list[dict[str, Any]]) -> str:
    """Return the name of the ConfigMap that the newest of these ReplicaSets mounts as its settings, if any does."""
    mounts = [
        (int(revision["metadata"].get("annotations", {}).get(REVISION, 0)), volume["configMap"]["name"])
        for revision in revisions
        for volume in revision["spec"]["template"]["spec"].get("volumes") or ()
        if volume["name"] == VOLUME and "configMap" in volume
    ]
    return max(mounts)[1] if mounts else ""
