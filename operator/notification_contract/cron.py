"""Schedules as a CronJob of Kubernetes has them: five fields, or a name such as `@daily`. Pure.

The syntax is that of the API server's parser (github.com/robfig/cron, ParseStandard). Two forms that it also accepts are refused:
`@every`, whose times depend on when the controller started, and a time zone in the text, which is deprecated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLE: Final = "0 9 * * 1"
NAMED: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ANY: Final = frozenset({"*", "?"})

FIRST_DAY: Final = date(2001, 1, 1)
CYCLE_DAYS: Final = 28 * 365 + 7
"""After 28 years the days of the week return to the same dates."""
DAY_MINUTES: Final = 24 * 60


class CronError(ValueError):
    """A text that is no schedule; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of the five fields: its name, its bounds, and names of its values from `low` on."""

    name: str
    low: int
    high: int
    names: Sequence[str] = ()


FIELDS: Final = (
    Field(name="minute", low=0, high=59),
    Field(name="hour", low=0, high=23),
    Field(name="day of month", low=1, high=31),
    Field(name="month", low=1, high=12, names=MONTHS),
    Field(name="day of week", low=0, high=6, names=DAYS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The times of a schedule, in a time zone that it does not know."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either_day: bool
    """Whether a date matches by its day of the month or of the week; otherwise by both."""

    def matches(self, day: date) -> bool:
        """Return whether the schedule has a time on a date."""
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        on_day = by_date or by_weekday if self.either_day else by_date and by_weekday
        return on_day and day.month in self.months

    @property
    def longest_gap(self) -> timedelta | None:
        """The longest time between two times of the schedule; None if it has none. Changes of the clock do not count."""
        return _longest_gap(self)


# It goes through 28 years, and the settings of a stack are validated several times.
@lru_cache(maxsize=8)
def _longest_gap(cron: Cron) -> timedelta | None:
    times = sorted(hour * 60 + minute for hour in cron.hours for minute in cron.minutes)
    days = [n for n in range(CYCLE_DAYS) if cron.matches(FIRST_DAY + timedelta(days=n))]
    if not days:
        return None
    following = [*days[1:], days[0] + CYCLE_DAYS]
    over_nights = max(after - before for before, after in zip(days, following, strict=True))
    gaps = [after - before for before, after in pairwise(times)]
    return timedelta(minutes=max([*gaps, over_nights * DAY_MINUTES - times[-1] + times[0]]))


def parse_cron(text: str) -> Cron:
    """Return the schedule of a text.

    Raises:
        CronError: it is none, or one without any time.
    """
    fields = NAMED.get(text.strip(), text).split()
    if len(fields) != len(FIELDS):
        names = ", ".join(field.name for field in FIELDS)
        raise CronError(
            f"it needs five fields ({names}), such as {EXAMPLE!r}, or must be one of {', '.join(NAMED)}"
        )
    minutes, hours, days, months, weekdays = map(_values, FIELDS, fields)
    cron = Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=not (_is_any(fields[2]) or _is_any(fields[4])),
    )
    if cron.longest_gap is None:
        raise CronError("it never comes: no month that it names has such a day")
    return cron


def _values(field: Field, text: str) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _range(field, part))


def _is_any(text: str) -> bool:
    """Return whether a field of days leaves the choice to the other one."""
    return any(
        part.partition("/")[0] in ANY and part.partition("/")[2] in {"", "1"} for part in text.split(",")
    )


def _range(field: Field, text: str) -> Iterator[int]:
    """Yield the values of a part such as `5`, `1-5`, `*/10` or `10-40/10`."""
    bounds, slash, step_text = text.partition("/")
    first, dash, last = bounds.partition("-")
    if first in ANY and not dash:
        low, high = field.low, field.high
    else:
        low = _number(field, first, text)
        # `5/10` means every tenth from 5 on.
        high = _number(field, last, text) if dash else field.high if slash else low
    if low > high:
        raise CronError(f"the {field.name} {text!r} begins after its end")
    step = _step(field, step_text, text) if slash else 1
    yield from range(low, high + 1, step)


def _number(field: Field, text: str, part: str) -> int:
    names = {name: field.low + index for index, name in enumerate(field.names)}
    value = names.get(text.lower(), int(text) if text.isascii() and text.isdigit() else None)
    if value is None or not field.low <= value <= field.high:
        named = f" or {field.names[0]} to {field.names[-1]}" if names else ""
        raise CronError(f"the {field.name} {part!r} is not within {field.low} to {field.high}{named}")
    return value


def _step(field: Field, text: str, part: str) -> int:
    if not (text.isascii() and text.isdigit()) or not int(text):
        raise CronError(f"the {field.name} {part!r} has a step that is no positive number")
    return int(text)
