"""The tables of the demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tools.platform.demo.cluster import Object

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
    table = Table("arrived as", "from", "subject", "verified", title="the inbox")
    for message in messages:
        mark = Text(("✓ " if message["trusted"] else "✗ ") + message["verdict"])
        mark.stylize("green" if message["trusted"] else "red")
        table.add_row(message["kind"], message["sender"], message["subject"], mark)
    return table
