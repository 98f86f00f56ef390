"""What a reconciliation waits for when the clock is set back before it writes."""

from datetime import timedelta

from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import START, notification

SOON = START + timedelta(seconds=70)
DAY = timedelta(days=1)


def situation() -> Situation:
    return Situation(
        now=START,
        notification=notification("slack", "file"),
        route=Route(targets=("slack", "file")),
        open_breakers={"slack": SOON},
        holds={"file": Hold(until=SOON, reason=HoldReason.PAUSE)},
    )


def test_waits_keep_their_length_when_the_clock_is_set_back() -> None:
    moved = situation().moved_to(START - DAY)
    assert moved.now == START - DAY
    assert moved.open_breakers == {"slack": SOON - DAY}
    assert moved.holds == {"file": Hold(until=SOON - DAY, reason=HoldReason.PAUSE)}


def test_waits_stay_as_they_are_while_the_clock_goes_on() -> None:
    assert situation().moved_to(START + timedelta(seconds=5)) == situation()
