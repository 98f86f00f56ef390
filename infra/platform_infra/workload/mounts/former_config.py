"""The ConfigMap that holds the settings of an earlier release: kept while `kubectl rollout undo` may return to them.

Releases before DD-VERSION-001 mounted the settings from a ConfigMap, which belongs to their stacks. A program that registers it no more
deletes it at the end of the update, and the pods of an earlier revision then wait for it without end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_infra.children import Children
    from platform_infra.cluster.api_server import Reader

VOLUME = "config"
REVISION = "deployment.kubernetes.io/revision"


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
            opts=child.options(pulumi.ResourceOptions(ignore_changes=["metadata", "data", "immutable"])),
        )


def former_config(reader: Reader, namespace: str) -> FormerConfig | None:
    """Return the ConfigMap of the newest revision of the operator's Deployment that mounts one.

    None if no revision mounts one, if it does not exist any more, or if the account may not read it.

    Raises:
        ClusterError: the API server does not answer.
    """
    name = _newest_mount(reader.replica_sets(namespace, names.selector()))
    obj = reader.config_map(namespace, name) if name else None
    if obj is None:
        return None
    labels = obj["metadata"].get("labels") or {}
    return FormerConfig(name=name, namespace=namespace, labels=labels, data=obj.get("data") or {})


def _newest_mount(revisions: Iterable[Mapping[str, Any]]) -> str:
    """Return the name of the ConfigMap that the newest of these ReplicaSets mounts as its settings; empty if none does."""
    mounts = [
        (int(revision["metadata"].get("annotations", {}).get(REVISION, 0)), volume["configMap"]["name"])
        for revision in revisions
        for volume in revision["spec"]["template"]["spec"].get("volumes") or ()
        if volume["name"] == VOLUME and "configMap" in volume
    ]
    return max(mounts)[1] if mounts else ""
