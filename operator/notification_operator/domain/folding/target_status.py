"""`status.targets`: the state of each target of a notification, for people; counted from the attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds
from notification_contract.kinds.choices import TargetState
from notification_operator.domain.json_values import entries, integer, mapping, moment, text
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """One entry. `suppressed_by` is a decision that holds; everything else follows from the attempts."""

    name: str
    """The key of the target."""
    state: TargetState
    attempts: int = 0
    """Attempts, without those that a circuit breaker rejected, or that did not count for another reason."""
    last_error: str = ""
    delivered_at: datetime | None = None
    message_ref: str = ""
    suppressed_by: str = ""
    """The reason for which nothing is sent, such as RateLimited."""
    note: str = ""


_STATES: Final = frozenset(TargetState)


def parse_targets(value: object) -> tuple[TargetStatus, ...]:
    """Return the targets of a status, each name once."""
    parsed = (_parse(entry) for entry in entries(value)[: bounds.TARGETS])
    return tuple({each.name: each for each in parsed if each.name}.values())


def dump_target(target: TargetStatus) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": target.name, "state": target.state.value, "attempts": target.attempts}
    if target.delivered_at is not None:
        entry["deliveredAt"] = format_time(target.delivered_at)
    for key, value in (
        ("lastError", target.last_error),
        ("messageRef", target.message_ref),
        ("suppressedBy", target.suppressed_by),
        ("note", target.note),
    ):
        entry |= {key: value} if value else {}
    return entry


def _parse(value: object) -> TargetStatus:
    """Return a target; its name is empty where the entry has none. An unknown state is Waiting."""
    entry = mapping(value)
    state = text(entry.get("state"))
    return TargetStatus(
        name=text(entry.get("name"))[: bounds.TARGET_KEY],
        state=TargetState(state) if state in _STATES else TargetState.WAITING,
        attempts=integer(entry.get("attempts")) or 0,
        last_error=text(entry.get("lastError")),
        delivered_at=moment(entry.get("deliveredAt")),
        message_ref=text(entry.get("messageRef"))[: bounds.MESSAGE_REF],
        suppressed_by=text(entry.get("suppressedBy")),
        note=text(entry.get("note"))[: bounds.NOTE],
    )
