"""Marked messages that prove that a receiver gets messages, and what became of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.text import clean
from notification_contract import names
from notification_contract.kinds.channel_names import INCIDENTS
from notification_contract.kinds.choices import TargetState
from notification_contract.kinds.target import TargetKey
from notification_domain.json_values import entries, format_time, mapping, number, text
from notification_domain.receivers.drills import why_skipped
from notification_domain.receivers.targets import receiver_of
from notification_domain.status import FINAL, phase_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notification_cli.views.receivers import ReceiverView

PREFIX: Final = "[DRILL]"
PRIORITIES: Final = ("low", "medium", "high", "critical")
"""The least urgent one that a receiver accepts is used."""
RETRY: Final = {"maxAttempts": 3, "initialBackoffSeconds": 5, "maxBackoffSeconds": 60}
RETENTION_DAYS: Final = 1
MOST_SECONDS: Final = 86_400.0


class DrillOutcome(StrEnum):
    DELIVERED = "Delivered"
    FAILED = "Failed"
    LATE = "Late"
    """The delivery was not over in time."""
    SKIPPED = "Skipped"
    """Nothing was sent on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    receiver: str
    type: str
    result: DrillOutcome
    seconds: float | None = None
    """Seconds from the creation until the end of the delivery was seen; None without an end."""
    call_seconds: float | None = None
    """Duration of the latest attempt."""
    attempts: int = 0
    detail: str = ""
    notification: str = ""


def skipped(view: ReceiverView) -> str:
    """Return why no message is sent to a receiver; empty if one is."""
    recipients = entries(mapping(view.spec.get(view.type)).get("to"))
    return why_skipped(view.type, suspended=view.suspended, has_recipients=bool(recipients))


def drill(view: ReceiverView, *, identity: str, event: str, seconds: float, now: datetime) -> dict[str, Any]:
    """Return the notification of a drill.

    Args:
        view: the receiver.
        identity: the id of the drill, the same for all its messages.
        event: Trigger, or Resolve for what Trigger has opened.
        seconds: after this time nothing is sent any more.
        now: the time.
    """
    accepted = [each for each in entries(view.spec.get("priorities")) if each in PRIORITIES]
    suffix = "" if event == "Trigger" else f"-{event.lower()}"
    spec: dict[str, Any] = {
        "type": "simple",
        "priority": min(accepted, key=PRIORITIES.index, default=PRIORITIES[0]),
        "subject": f"{PREFIX} Receiver {view.key} gets messages",
        "body": f"This is a drill: nothing has happened. It proves that messages reach receiver {view.key}. Drill {identity}.",
        "receiverRefs": [{"name": view.key.name}],
        "dedupKey": f"drill/{identity}/{view.key}",
        "event": event,
        "retryPolicy": RETRY,
        "retentionDays": RETENTION_DAYS,
        "deliverBefore": format_time(now + timedelta(seconds=seconds)),
    }
    metadata = {
        "name": f"drill-{identity}-{view.key.name}{suffix}",
        "namespace": view.key.namespace,
        "labels": {names.DRILL_LABEL: identity},
    }
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": spec}


def drill_result(view: ReceiverView, obj: Mapping[str, Any], *, seconds: float, final: bool) -> DrillResult:
    """Return what became of a message; `final` is whether its delivery is over."""
    meta, status = obj["metadata"], mapping(obj.get("status"))
    own = [
        each
        for each in map(mapping, entries(status.get("targets")))
        if receiver_of(text(each.get("name")), meta["namespace"]) == view.key
    ]
    delivered = bool(own) and all(each.get("state") == TargetState.DELIVERED for each in own)
    durations = [
        number(mapping(each).get("durationSeconds"), most=MOST_SECONDS)
        for each in entries(status.get("deliveryAttempts"))
        if receiver_of(text(mapping(each).get("channel")), meta["namespace"]) == view.key
    ]
    result = DrillOutcome.DELIVERED if delivered else DrillOutcome.FAILED if final else DrillOutcome.LATE
    return DrillResult(
        receiver=clean(view.key),
        type=clean(view.type),
        result=result,
        seconds=round(seconds, 3) if final else None,
        call_seconds=durations[-1] if durations else None,
        attempts=sum(each.get("attempts") or 0 for each in own),
        detail="" if delivered else _detail(own, status),
        notification=clean(f"{meta['namespace']}/{meta['name']}"),
    )


def can_be_open(view: ReceiverView, obj: Mapping[str, Any]) -> bool:
    """Return whether an incident of a drill can be open, by its Trigger as read last.

    It may have reached the receiver or, in its place, a fallback, whose type only the targets show.
    """
    final = phase_of(obj) in FINAL
    if not final and (view.type in INCIDENTS or view.fallback):
        return True
    attempts = [mapping(each) for each in entries(mapping(obj.get("status")).get("deliveryAttempts"))]
    return any(not final or _can_have_arrived(target, attempts) for target in _of_incidents(view, obj))


def left_open(view: ReceiverView, obj: Mapping[str, Any]) -> str:
    """Return why a Resolve that has ended has not closed each incident; empty if none is open."""
    # The operator suppresses a Resolve where the Trigger certainly never was.
    closed = {TargetState.DELIVERED, TargetState.SUPPRESSED}
    targets = [target for target in _of_incidents(view, obj) if target.get("state") not in closed]
    return _detail(targets, {}) if targets else ""


def _of_incidents(view: ReceiverView, obj: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the targets that open an incident with a Trigger: by their type, and by that of the receiver of the drill."""
    found = []
    for target in map(mapping, entries(mapping(obj.get("status")).get("targets"))):
        name = text(target.get("name"))
        own = receiver_of(name, obj["metadata"]["namespace"]) == view.key
        if TargetKey.parse(name).channel in INCIDENTS or (own and view.type in INCIDENTS):
            found.append(target)
    return found


def _can_have_arrived(target: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether an attempt may have arrived: one that timed out, for example."""
    made = [each for each in attempts if each.get("channel") == target.get("name")]
    refused = (each.get("permanent") or each.get("reason") or each.get("circuitOpen") for each in made)
    return not all(refused) or (not made and bool(target.get("attempts")))


def _detail(targets: Sequence[Mapping[str, Any]], status: Mapping[str, Any]) -> str:
    errors = [
        text(each.get("lastError")) or text(each.get("suppressedBy")) or text(each.get("state"))
        for each in targets
        if each.get("state") != TargetState.DELIVERED
    ]
    return clean(
        "; ".join(dict.fromkeys(filter(None, errors))) or text(status.get("message")) or "no attempt was made"
    )
