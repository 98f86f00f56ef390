"""The notifications of the demonstration: applied, followed until they are final, printed; and the tables of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml
from rich.live import Live
from rich.table import Table
from rich.text import Text

from platform_infra.cluster.api_server import NAMESPACES
from tools.platform.console import out
from tools.platform.demo.cluster import INTERVAL_SECONDS, NAMESPACE, OPERATOR, Object, RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tools.platform.demo.cluster import DemoCluster


FINAL = {"Sent": "green", "PartiallySent": "yellow", "Failed": "red", "Suppressed": "yellow"}
STATES = {"Delivered": "green", "Refused": "red", "Exhausted": "red", "Expired": "red"}
OTHER = "cyan"
CONDITIONS = {"True": "green", "False": "red"}


def notifications_table(applied: Mapping[str, Object], rejected: Mapping[str, str]) -> Table:
    table = Table(
        "notification", "targets", "phase", "attempts", "message", title="kubectl get notif -n demo"
    )
    for name, obj in applied.items():
        status = obj["status"]
        phase = Text(status["phase"], style=FINAL.get(status["phase"], OTHER))
        attempts, spec = str(status.get("totalAttempts", 0)), obj["spec"]
        targets = [*spec.get("channels", []), *(ref["name"] for ref in spec.get("receiverRefs", []))]
        table.add_row(name, ", ".join(targets), phase, attempts, status.get("message", ""))
    for name, reason in rejected.items():
        table.add_row(name, "", Text("rejected (422)", style="red"), "", reason)
    return table


def receivers_table(receivers: Iterable[Object]) -> Table:
    table = Table("receiver", "type", "ready", "secrets", "healthy", "message", title="kubectl get nrecv -A")
    for receiver in receivers:
        metadata = receiver["metadata"]
        conditions = {each["type"]: each for each in receiver.get("status", {}).get("conditions", [])}
        shown = [_condition(conditions.get(name, {})) for name in ("Ready", "ResolvedRefs", "Healthy")]
        problems = (each.get("message", "") for each in conditions.values() if each.get("status") == "False")
        name = f"{metadata['namespace']}/{metadata['name']}"
        table.add_row(name, receiver["spec"]["type"], *shown, next(problems, ""))
    return table


def _condition(condition: Object) -> Text:
    status = str(condition.get("status", "Unknown"))
    return Text(f"{status}\n{condition.get('reason', '')}".strip(), style=CONDITIONS.get(status, OTHER))


def targets_table(notifications: Mapping[str, Object]) -> Table:
    table = Table("notification", "target", "state", "attempts", "last error", title="status.targets")
    for name, obj in notifications.items():
        for target in obj["status"].get("targets", []):
            state = Text(target["state"], style=STATES.get(target["state"], OTHER))
            attempts = str(target.get("attempts", 0))
            table.add_row(name, target["name"], state, attempts, target.get("lastError", ""))
    return table


def inbox_table(messages: Iterable[Object]) -> Table:
    table = Table("arrived as", "from", "subject", "incident", "verified", title="the inbox")
    for message in messages:
        mark = Text(("✓ " if message["trusted"] else "✗ ") + message["verdict"])
        mark.stylize("green" if message["trusted"] else "red")
        table.add_row(message["kind"], message["sender"], message["subject"], message["incident"], mark)
    return table


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
