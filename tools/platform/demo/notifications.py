"""The notifications of the demonstration: applied, followed until they are final, and printed by the console channel."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml
from rich.live import Live

from platform_infra.cluster.api_server import NAMESPACES
from tools.platform.console import out
from tools.platform.demo.cluster import INTERVAL_SECONDS, NAMESPACE, OPERATOR, Object, RejectedError
from tools.platform.demo.tables import FINAL, notifications_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.table import Table

    from tools.platform.demo.cluster import DemoCluster

TIMEOUT_SECONDS = 60.0


class Notifications:
    """Notifications of some files, in the namespace of the demonstration."""

    def __init__(self, cluster: DemoCluster) -> None:
        self._cluster = cluster
        self._started = datetime.now(UTC)
        self.applied: dict[str, Object] = {}
        self._rejected: dict[str, str] = {}

    def apply(self, folder: Path, change: Callable[[Object], Object] = lambda obj: obj) -> None:
        """Create the notifications of a folder; existing ones are replaced, because a spec is immutable."""
        for file in sorted(folder.glob("*.yaml")):
            obj = change(yaml.safe_load(file.read_text()))
            obj["metadata"]["namespace"] = NAMESPACE
            name = obj["metadata"]["name"]
            try:
                self.applied[name] = self._cluster.replace(obj)
            except RejectedError as error:
                self._rejected[name] = str(error)

    def follow(self, waiting: frozenset[str] = frozenset()) -> bool:
        """Show them until all but the waiting ones are final; return False after a timeout."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        with Live(self.table(), console=out, refresh_per_second=10) as live:
            while time.monotonic() < deadline and not self._are_final(waiting):
                for name, obj in self.applied.items():
                    self.applied[name] = self._cluster.get(obj) or obj
                live.update(self.table())
                time.sleep(INTERVAL_SECONDS)
        return self._are_final(waiting)

    def table(self) -> Table:
        return notifications_table(self.applied, self._rejected)

    def printed(self) -> list[str]:
        """Return what the operator's console channel has printed since the start."""
        texts: list[tuple[str, str]] = []
        for pod in self._cluster.request("GET", f"/api/v1/pods?labelSelector={OPERATOR}")["items"]:
            place = f"{NAMESPACES}/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            log = self._cluster.api.get(f"{place}/log", accept="*/*").checked().text
            records = (json.loads(line) for line in log.splitlines() if line.startswith("{"))
            texts += [(r["timestamp"], r["event"]) for r in records if self._is_ours(r)]
        return [text for _, text in sorted(texts)]

    def _are_final(self, waiting: frozenset[str]) -> bool:
        return all(
            obj["status"]["phase"] in FINAL for name, obj in self.applied.items() if name not in waiting
        )

    def _is_ours(self, record: dict[str, Any]) -> bool:
        if record.get("logger") != "console" or not record["notification"].startswith(f"{NAMESPACE}/"):
            return False
        return datetime.fromisoformat(record["timestamp"]) >= self._started
