"""The routing ConfigMap of an operator: written and removed, each time until it is in effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.cluster import Cluster

NAME, KEY = "notification-routing-config", "routing.yaml"
TAKES_EFFECT_WITHIN = 15.0


class RoutingDocument:
    """The routing document in a namespace; `generation` returns the number of documents read so far."""

    def __init__(self, cluster: Cluster, namespace: str, generation: Callable[[], float]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._generation = generation

    def write(self, document: dict[str, Any] | str) -> None:
        """Write a document, and wait until the operator has read it, valid or not."""
        text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
        metadata = {"name": NAME, "namespace": self._namespace}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}
        self._change(lambda: self._cluster.apply(config_map))

    def remove(self) -> None:
        """Remove the document, and wait until the operator uses its fallback."""
        self._change(lambda: self._cluster.core.delete_namespaced_config_map(NAME, self._namespace))

    def _change(self, change: Callable[[], object]) -> None:
        before = self._generation()
        change()
        eventually(self._generation, lambda now: now > before, within=TAKES_EFFECT_WITHIN)
