"""Conditions of a status, typed, by the conventions of the Kubernetes API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import ConditionStatus
from notification_domain.json_values import entries, format_time, integer, mapping, moment, text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as AbstractMapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An entry of `status.conditions`; generation and time are set by `updated`."""

    type: str
    status: ConditionStatus
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    last_transition_time: datetime | None = None


_STATUSES: Final = frozenset(ConditionStatus)


def updated(
    conditions: Iterable[Condition], updates: Iterable[Condition], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return conditions with some added or replaced.

    The transition time moves only when a condition's `status` changes (API conventions).
    """
    merged = {each.type: each for each in conditions}
    for update in updates:
        before = merged.get(update.type)
        since = before.last_transition_time if before and before.status == update.status else None
        merged[update.type] = replace(
            update, observed_generation=generation, last_transition_time=since or now
        )
    return tuple(merged.values())


def parse_conditions(value: object) -> tuple[Condition, ...]:
    """Return the conditions of a status, the last one of each type."""
    return tuple({each.type: each for each in map(_parse, entries(value)) if each.type}.values())


def dump_conditions(conditions: Iterable[Condition], read: object) -> list[dict[str, Any]]:
    """Return the JSON of conditions; one of another writer stays as it was read, with all its keys.

    Args:
        conditions: the conditions to write.
        read: `status.conditions` as it was read.
    """
    known = {text(entry.get("type")): entry for entry in map(mapping, entries(read))}
    return [_dump(each, known.get(each.type)) for each in conditions]


def dump_time(time: datetime, read: object) -> str:
    """Return the text of a time; the text that it was read from, where it has not changed."""
    return read if isinstance(read, str) and moment(read) == time else format_time(time)


def _parse(value: object) -> Condition:
    """Return a condition; its type is empty where the entry has none."""
    entry = mapping(value)
    status = text(entry.get("status"))
    return Condition(
        type=text(entry.get("type")),
        status=ConditionStatus(status) if status in _STATUSES else ConditionStatus.UNKNOWN,
        reason=text(entry.get("reason")),
        message=text(entry.get("message")),
        observed_generation=integer(entry.get("observedGeneration")),
        last_transition_time=moment(entry.get("lastTransitionTime")),
    )


def _dump(condition: Condition, entry: AbstractMapping[str, Any] | None) -> dict[str, Any]:
    if entry is not None and _parse(entry) == condition:
        return dict(entry)
    assert condition.last_transition_time is not None, "set by `updated`"
    return {
        "type": condition.type,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": condition.observed_generation,
        "lastTransitionTime": dump_time(
            condition.last_transition_time, entry.get("lastTransitionTime") if entry else None
        ),
    }
