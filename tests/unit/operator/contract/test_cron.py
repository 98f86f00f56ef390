"""Schedules: what the API server accepts, and the longest time between two of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from notification_contract.cron import CronError, parse_cron

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

VALID = {
    "* * * * *": timedelta(minutes=1),
    "*/20 * * * *": timedelta(minutes=20),
    "50/20 * * * *": HOUR,
    "0,10-30/10 * * * *": timedelta(minutes=30),
    "30 9 * * *": DAY,
    "30 9 * * ?": DAY,
    "0 9-17/4 * * *": 16 * HOUR,
    "0 9 * * 1": 7 * DAY,
    "0 9 * * MON-fri": 3 * DAY,
    "0 9 1 * *": 31 * DAY,
    "0 9 1 JAN,jul *": 184 * DAY,
    # By day of the month or of the week, unless one of them is any.
    "0 9 15 * 1": 7 * DAY,
    "0 9 */1 * 1": 7 * DAY,
    "0 9 */2 * 1": 2 * DAY,
    "0 9 29 2 *": 1461 * DAY,
    "@hourly": HOUR,
    "@midnight": DAY,
    "@weekly": 7 * DAY,
    "@yearly": 366 * DAY,
}
INVALID = {
    "": "it needs five fields",
    "0 9 * *": "it needs five fields",
    "0 0 9 * * 1": "it needs five fields",
    "@every 1h": "it needs five fields",
    "@fortnightly": "it needs five fields",
    "TZ=UTC 0 9 * * 1": "it needs five fields",
    "60 9 * * 1": "the minute '60' is not within 0 to 59",
    "0 24 * * *": "the hour '24' is not within 0 to 23",
    "0 9 0 * *": "the day of month '0' is not within 1 to 31",
    "0 9 * 13 *": "the month '13' is not within 1 to 12 or jan to dec",
    "0 9 * * 7": "the day of week '7' is not within 0 to 6 or sun to sat",
    "0 9 * * L": "the day of week 'L' is not within",
    "0 9 * * 1#1": "the day of week '1#1' is not within",
    "0 9 * * 5-1": "the day of week '5-1' begins after its end",
    "*/0 * * * *": "the minute '*/0' has a step that is no positive number",
    "*/x * * * *": "the minute '*/x' has a step that is no positive number",
    "1-2-3 * * * *": "the minute '1-2-3' is not within",
    "-1 * * * *": "the minute '-1' is not within",
    "one * * * *": "the minute 'one' is not within",
    "٣ * * * *": "is not within",
    "0 9 31 2 *": "it never comes",
}


@pytest.mark.parametrize(("text", "gap"), VALID.items())
def test_longest_gap_is_the_time_that_no_schedule_exceeds(text: str, gap: timedelta) -> None:
    assert parse_cron(text).longest_gap == gap


@pytest.mark.parametrize(("text", "problem"), INVALID.items())
def test_text_that_is_no_schedule_is_refused_with_its_field(text: str, problem: str) -> None:
    with pytest.raises(CronError) as refusal:
        parse_cron(text)
    assert str(refusal.value).startswith(problem) or problem in str(refusal.value)


def test_sunday_is_the_first_day_of_the_week() -> None:
    cron = parse_cron("0 9 * * 0")
    assert [cron.matches(date(2026, 3, day)) for day in (1, 2, 7, 8)] == [True, False, False, True]
