"""Times as the API server writes them: RFC 3339 in UTC, with microseconds where they are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

LATEST_TIME: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""The latest time of this program, far enough from the last one that a `datetime` can hold."""
CLOCK_STEP: Final = timedelta(seconds=1)
"""Difference between the wall clock and a monotonic one beyond which the wall clock has been set."""


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time; the result is aware and in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def format_time(moment: datetime) -> str:
    """Format an aware time as RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def later(moment: datetime, seconds: float) -> datetime:
    """Return the time so many seconds later, at most `LATEST_TIME`."""
    return moment + timedelta(seconds=min(seconds, max((LATEST_TIME - moment).total_seconds(), 0.0)))
