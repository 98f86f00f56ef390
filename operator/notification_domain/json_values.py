"""Values of a JSON document that anybody may have written: what cannot be read has a default, and numbers are clamped.

Times are those of the API server: RFC 3339 in UTC, with microseconds where they are known.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isnan
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


LATEST_TIME: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""The latest time of this program, far enough from the last one that a `datetime` can hold."""
CLOCK_STEP: Final = timedelta(seconds=1)
"""Difference between the wall clock and a monotonic one beyond which the wall clock has been set."""


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time, whose letters may be in lower case; the result is aware and in UTC."""
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def format_time(moment: datetime) -> str:
    """Format an aware time as RFC 3339 in UTC, with microseconds."""
    # A third of the time of `strftime`.
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def later(moment: datetime, seconds: float) -> datetime:
    """Return the time so many seconds later, at most `LATEST_TIME`."""
    return moment + timedelta(seconds=min(seconds, max((LATEST_TIME - moment).total_seconds(), 0.0)))


EARLIEST_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
NOTHING: Final[Mapping[str, Any]] = {}


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else NOTHING


def entries(value: object) -> Sequence[Any]:
    """Return a list; an empty one in place of anything else."""
    return value if isinstance(value, list) else ()


def text(value: object) -> str:
    """Return a text; an empty one in place of anything else."""
    return value if isinstance(value, str) else ""


def integer(value: object) -> int | None:
    """Return a whole number, if the value is one."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def number(value: object, *, most: float) -> float | None:
    """Return a number between 0 and `most`, if the value is a number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    if 0 <= value <= most:
        return value
    return None if isnan(value) else min(max(value, 0), most)


def moment(value: object) -> datetime | None:
    """Return a time between `EARLIEST_TIME` and `LATEST_TIME`, if the value is a time in the form of RFC 3339."""
    if not isinstance(value, str):
        return None
    try:
        time = parse_time(value)
    except (ValueError, OverflowError):
        return None
    return time if EARLIEST_TIME <= time <= LATEST_TIME else min(max(time, EARLIEST_TIME), LATEST_TIME)
