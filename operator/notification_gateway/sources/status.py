"""The status of a source: what each replica has received, and the summary. Pure; JSON of another writer is kept where it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import ConditionStatus
from notification_contract.sources.status import ReadyReason
from notification_domain.conditions import Condition, dump_conditions, parse_conditions, updated
from notification_domain.json_values import (
    CLOCK_STEP,
    entries,
    format_time,
    integer,
    mapping,
    moment,
    text,
)
from notification_gateway.sources.readiness import Readiness

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

READY: Final = "Ready"
COUNTERS: Final = ("received", "created", "duplicates", "filtered", "rejected")
MOST_REPLICAS: Final = 32
MAX_MESSAGE: Final = 1024
GONE_AFTER: Final = timedelta(minutes=2)
"""The entry of a replica without a Lease stays for so long: a new replica's Lease may not have been seen yet."""
REASONS: Final = {each.value for each in ReadyReason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a replica has received from a source since it started."""

    received: int = 0
    created: int = 0
    duplicates: int = 0
    filtered: int = 0
    rejected: int = 0
    last_received: datetime | None = None
    last_beat: datetime | None = None
    """The latest beat, if no status holds it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a replica says about a source."""

    replica: str
    generation: int
    readiness: Readiness
    counts: Counts
    routed: Condition | None = None
    """The condition Routed; None where it is not known."""


def fold(
    document: Mapping[str, Any], report: Report, *, live: Collection[str], now: datetime
) -> dict[str, Any]:
    """Return the next status of a source.

    Args:
        document: the source, freshly read.
        report: what this replica says.
        live: the replicas that hold a Lease.
        now: the time of the entry.
    """
    status = mapping(document.get("status"))
    others = [
        entry
        for entry in map(mapping, entries(status.get("replicas")))
        if text(entry.get("name")) != report.replica and _is_present(entry, live, now)
    ]
    others.sort(key=lambda entry: text(entry.get("updated")), reverse=True)
    replicas = sorted(
        (_entry(report, now), *map(dict, others[: MOST_REPLICAS - 1])),
        key=lambda entry: text(entry.get("name")),
    )
    ready = _worst(report, replicas)
    conditions = updated(
        parse_conditions(status.get("conditions")),
        (
            Condition(
                type=READY,
                status=ConditionStatus.TRUE if ready.is_ready else ConditionStatus.FALSE,
                reason=ready.reason.value,
                message=ready.message,
            ),
            *filter(None, (report.routed,)),
        ),
        generation=report.generation,
        now=now,
    )
    return {
        **status,
        **{name: sum(integer(entry.get(name)) or 0 for entry in replicas) for name in COUNTERS},
        **_latest("lastReceivedTime", (*replicas, status)),
        **_last_beat(report, status, now),
        "observedGeneration": report.generation,
        "conditions": dump_conditions(conditions, status.get("conditions")),
        "replicas": replicas,
    }


def _is_present(entry: Mapping[str, Any], live: Collection[str], now: datetime) -> bool:
    written = moment(entry.get("updated"))
    return text(entry.get("name")) in live or (written is not None and now - written < GONE_AFTER)


def _entry(report: Report, now: datetime) -> dict[str, Any]:
    counts, readiness = report.counts, report.readiness
    is_accepted = readiness.reason is ReadyReason.ACCEPTED
    return {
        "name": report.replica,
        "updated": format_time(now),
        **{name: getattr(counts, name) for name in COUNTERS},
        **({"lastReceivedTime": format_time(counts.last_received)} if counts.last_received else {}),
        **(
            {}
            if is_accepted
            else {"problem": readiness.reason.value, "message": readiness.message[:MAX_MESSAGE]}
        ),
    }


def _last_beat(report: Report, status: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the time of the last beat: a later one of another replica stays, unless it is of a clock that is ahead."""
    beat, stored = report.counts.last_beat, moment(status.get("lastBeatTime"))
    if beat is None or (stored is not None and beat <= stored <= now + CLOCK_STEP):
        return {}
    return {"lastBeatTime": format_time(beat)}


def _worst(report: Report, replicas: Sequence[Mapping[str, Any]]) -> Readiness:
    """Return the readiness of this replica; if it has no problem, that of the first one that has."""
    if report.readiness.reason is not ReadyReason.ACCEPTED:
        return report.readiness
    for entry in replicas:
        if (reason := text(entry.get("problem"))) in REASONS:
            return Readiness(
                reason=ReadyReason(reason), message=f"{text(entry.get('name'))}: {text(entry.get('message'))}"
            )
    return report.readiness


def _latest(name: str, holders: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    times = [(time, text(each.get(name))) for each in holders if (time := moment(each.get(name)))]
    return {name: max(times)[1]} if times else {}
