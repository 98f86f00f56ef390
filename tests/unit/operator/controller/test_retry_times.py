"""What a reconciliation waits for when the clock is set back before it writes."""

from datetime import timedelta

from notification_domain.planning.hold import Hold, HoldReason
from notification_operator.controller.reconciliation import RetryTimes
from tests.unit.operator.domain.builders import START

SOON = START + timedelta(seconds=70)
DAY = timedelta(days=1)


def times() -> RetryTimes:
    return RetryTimes(
        at=START, open_breakers={"slack": SOON}, holds={"file": Hold(until=SOON, reason=HoldReason.PAUSE)}
    )


def test_waits_keep_their_length_when_the_clock_is_set_back() -> None:
    moved = times().moved_to(START - DAY)
    assert moved.at == START - DAY
    assert moved.open_breakers == {"slack": SOON - DAY}
    assert moved.holds == {"file": Hold(until=SOON - DAY, reason=HoldReason.PAUSE)}


def test_waits_stay_as_they_are_while_the_clock_goes_on() -> None:
    assert times().moved_to(START + timedelta(seconds=5)) == times()
