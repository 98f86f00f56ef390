"""Retention: a notification expires exactly when its days have passed."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notification_contract.kinds.choices import Phase
from notification_domain.json_values import format_time
from notification_domain.retention import due_at
from notification_domain.status import FINAL

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
days = st.integers(1, 90)


def notification(phase: Phase, completed: str, kept: int) -> dict[str, Any]:
    status = {"phase": phase.value, "completionTime": completed}
    return {"metadata": {}, "spec": {"retentionDays": kept}, "status": status}


@given(st.sampled_from(sorted(FINAL)), moments, days)
def test_final_notification_expires_exactly_after_its_days(
    phase: Phase, completed: datetime, kept: int
) -> None:
    assert due_at(notification(phase, format_time(completed), kept)) == completed + timedelta(days=kept)


@given(moments, zones, days)
def test_time_zone_of_the_completion_time_does_not_matter(
    completed: datetime, zone: timezone, kept: int
) -> None:
    text = completed.astimezone(zone).isoformat()
    assert due_at(notification(Phase.SENT, text, kept)) == completed + timedelta(days=kept)


@given(st.sampled_from(sorted(set(Phase) - FINAL)), moments, days)
def test_open_notification_never_expires(phase: Phase, completed: datetime, kept: int) -> None:
    assert due_at(notification(phase, format_time(completed), kept)) is None
