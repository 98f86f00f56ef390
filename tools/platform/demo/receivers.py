"""The receivers of the demonstration: those of examples/demo/receivers, in the operator's namespace."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import yaml

from tools.platform.demo.cluster import DemoError, Object, wait
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tools.platform.demo.cluster import DemoCluster

FOLDER = ROOT / "examples" / "demo" / "receivers"
SEEN_SECONDS, SETTLED_SECONDS = 30.0, 5.0


class Receivers:
    def __init__(self, cluster: DemoCluster, home: str) -> None:
        self._cluster = cluster
        self._home = home
        self._manifests = [
            self.placed(yaml.safe_load(file.read_text())) for file in sorted(FOLDER.glob("*.yaml"))
        ]

    def placed(self, obj: Object) -> Object:
        """Return a receiver in the operator's namespace, wherever that is."""
        return {**obj, "metadata": {**obj["metadata"], "namespace": self._home}}

    def apply(self) -> None:
        """Create or change all of them, and wait until the operator has seen each one."""
        for manifest in self._manifests:
            self._cluster.apply(manifest)
        wait(
            lambda: all(map(_is_seen, self.stored())),
            seconds=SEEN_SECONDS,
            what="the receivers have a status",
        )

    def settled(self) -> list[Object]:
        """Return their stored states, once each one that can deliver says how it does; a late one is not waited for."""
        with contextlib.suppress(DemoError):
            wait(
                lambda: all(map(_says_how_it_does, self.stored())),
                seconds=SETTLED_SECONDS,
                what="all are settled",
            )
        return self.stored()

    def stored(self) -> list[Object]:
        return [stored for each in self._manifests if (stored := self._cluster.get(each)) is not None]

    def resume(self) -> None:
        for manifest in self._manifests:
            if manifest["spec"].get("suspend"):
                self._cluster.apply({**manifest, "spec": {**manifest["spec"], "suspend": False}})


def _says_how_it_does(receiver: Object) -> bool:
    conditions = {each["type"]: each["status"] for each in receiver["status"]["conditions"]}
    return conditions.get("ResolvedRefs") == "False" or conditions.get("Healthy") != "Unknown"


def _is_seen(receiver: Object) -> bool:
    return bool(receiver.get("status", {}).get("observedGeneration") == receiver["metadata"]["generation"])
