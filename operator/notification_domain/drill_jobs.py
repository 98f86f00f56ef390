"""Whether the last drill on a schedule was green, from the Jobs that the API server keeps of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_domain.json_values import entries, mapping, moment, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime, timedelta

PERIODS = 2
"""A drill counts for so many periods of its schedule: one may not take place, such as during an outage at that time."""


def why_not_green(jobs: Iterable[Mapping[str, Any]], *, period: timedelta, now: datetime) -> str:
    """Return why the last drill that has ended proves nothing; empty if it has reached all receivers and is recent enough."""
    last = max(_ended(jobs), key=lambda drill: (drill[0], not drill[1]), default=None)
    if last is None:
        return "no drill has ended yet"
    began, passed = last
    if not passed:
        return "the last drill has not reached all receivers"
    if now - began >= PERIODS * period:
        return "the last drill is older than two of its periods"
    return ""


def _ended(jobs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[datetime, bool]]:
    """Yield when each drill that has ended began, and whether it has reached all receivers."""
    for job in jobs:
        began = moment(mapping(job.get("metadata")).get("creationTimestamp"))
        conditions = entries(mapping(job.get("status")).get("conditions"))
        holding = {
            text(each.get("type")) for each in map(mapping, conditions) if each.get("status") == "True"
        }
        if began is not None and not holding.isdisjoint({"Complete", "Failed"}):
            yield began, "Failed" not in holding
