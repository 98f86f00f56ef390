"""The pace of a destination: its rate, shared by namespaces, and the pauses that it asks for."""

from datetime import timedelta

import pytest

from notification_contract.kinds.choices import Priority
from notification_domain.flow_control.breaker import Limits
from notification_domain.flow_control.rate import Rate
from notification_domain.json_values import LATEST_TIME
from notification_domain.model import RANKS
from notification_domain.planning.hold import Hold, HoldReason
from notification_operator.endpoints.gate import ASK_SECONDS, LONGEST_PAUSE, Pace
from notification_operator.endpoints.limits import FlowControl
from notification_operator.endpoints.waiting_line import STALE_SECONDS
from tests.unit.operator.domain.builders import at

RATE = Rate(per_second=1.0, burst=2)
CRITICAL, LOW = (RANKS[priority] for priority in (Priority.CRITICAL, Priority.LOW))


class PacingFixture:
    """A pace whose clocks the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.step = 0.0
        """How far the wall clock was set."""
        self.control = FlowControl(
            Limits(),
            concurrency=8,
            clock=lambda: at(self.seconds - 1000 + self.step),
            seconds=lambda: self.seconds,
        )
        self.pace = Pace("slack", self.control)

    def ask(
        self,
        notification: str,
        namespace: str = "shop",
        *,
        rate: Rate | None = RATE,
        messages: int = 1,
        rank: int = LOW,
    ) -> Hold | None:
        """Ask, and send if that is possible."""
        hold = self.pace.check(rate, notification=notification, namespace=namespace, rank=rank)
        if hold is None:
            self.pace.consume(notification, namespace, messages)
        return hold

    def may_send(self, notification: str) -> bool:
        """Ask without sending."""
        return self.pace.check(RATE, notification=notification, namespace="shop", rank=LOW) is None

    def wait(self, notification: str, namespace: str = "shop", *, rank: int = LOW) -> float:
        """Return the seconds that a notification has to wait."""
        hold = self.ask(notification, namespace, rank=rank)
        return 0.0 if hold is None else (hold.until - at(self.seconds - 1000)).total_seconds()


@pytest.fixture
def paced() -> PacingFixture:
    return PacingFixture()


def test_burst_goes_at_once_and_the_rest_waits_for_its_turn(paced: PacingFixture) -> None:
    waits = [paced.wait(f"uid-{number}") for number in range(5)]
    assert waits == pytest.approx([0, 0, 1, 2, 3], abs=0.02)
    paced.seconds += 1
    assert paced.wait("uid-2") == 0
    assert paced.wait("uid-4") == pytest.approx(2, abs=0.02), "its time stays the same"


def test_asking_uses_up_nothing(paced: PacingFixture) -> None:
    assert all(paced.may_send("uid-0") for _ in range(5))
    assert [paced.wait(f"uid-{number}") for number in range(3)] == pytest.approx([0, 0, 1], abs=0.02)


def test_place_of_a_notification_that_does_not_send_is_kept_for_a_moment(paced: PacingFixture) -> None:
    assert [paced.may_send(f"uid-{number}") for number in range(3)] == [True, True, False]
    paced.seconds += STALE_SECONDS + 1
    assert [paced.wait(f"uid-{number}") for number in (2, 3)] == [0, 0]


def test_namespaces_take_turns(paced: PacingFixture) -> None:
    for number in range(102):
        paced.wait(f"uid-{number}", "loud")
    assert paced.wait("single", "quiet") == pytest.approx(2, abs=0.02)
    paced.seconds += 2
    assert paced.wait("single", "quiet") == 0


def test_critical_notification_waits_for_no_low_one(paced: PacingFixture) -> None:
    for number in range(102):
        paced.wait(f"uid-{number}", "loud")
    assert paced.wait("page", "quiet", rank=CRITICAL) == pytest.approx(1, abs=0.02)
    assert paced.wait("page-2", "quiet", rank=CRITICAL) == pytest.approx(2, abs=0.02)
    paced.seconds += 1
    assert paced.wait("uid-2", "loud") == pytest.approx(2, abs=0.02), "it lets both go first"
    assert paced.wait("page", "quiet", rank=CRITICAL) == 0


def test_notification_without_a_rate_and_a_pause_is_not_remembered(paced: PacingFixture) -> None:
    assert paced.ask("uid", rate=None) is None
    assert paced.pace.paused_until() is None
    assert not paced.control.paused


def test_pause_holds_all_notifications_and_then_only_the_rate_counts(paced: PacingFixture) -> None:
    paced.pace.pause(30)
    assert (paced.control.paused, paced.pace.paused_until()) == (True, at(30))
    assert paced.ask("a") == Hold(until=at(30), reason=HoldReason.PAUSE)
    paced = PacingFixture()
    paced.wait("first")
    paced.pace.pause(30)
    assert [paced.wait("a"), paced.wait("b")] == pytest.approx([30, 30], abs=0.02)
    paced.seconds += 30
    assert (paced.wait("a"), paced.control.paused) == (0, False)


def test_pause_of_a_channel_without_a_rate_ends_for_one_after_another(paced: PacingFixture) -> None:
    paced.pace.pause(30)
    holds = [paced.ask(f"uid-{number}", rate=None) for number in range(3)]
    assert [hold and hold.until for hold in holds] == [at(30), at(30.02), at(30.04)]
    paced.seconds += 30
    assert paced.ask("uid-2", rate=None) is None


def test_shorter_pause_does_not_end_a_longer_one_and_none_lasts_forever(paced: PacingFixture) -> None:
    paced.pace.pause(30)
    paced.pace.pause(5)
    assert paced.pace.paused_until() == at(30)
    paced.pace.pause(1e9)
    assert paced.pace.paused_until() == at(LONGEST_PAUSE)


def test_clock_step_moves_the_shown_times_and_no_pause(paced: PacingFixture) -> None:
    paced.pace.pause(30)
    paced.ask("a")
    paced.step = 86_400
    assert paced.pace.paused_until() == at(30) + timedelta(days=1)
    hold = paced.ask("a")
    assert hold is not None
    assert hold.until == at(30) + timedelta(days=1)


def test_notification_that_does_not_come_back_loses_its_place(paced: PacingFixture) -> None:
    for number in range(4):
        paced.wait(f"uid-{number}")
    paced.seconds += 8.5
    assert paced.ask("new") is None
    assert paced.ask("next") is None, "uid-2 and uid-3 are gone"


def test_notifications_that_ended_while_they_waited_delay_no_other(paced: PacingFixture) -> None:
    """They were deleted, or expired: none of them asks again."""
    for number in range(600):
        paced.wait(f"uid-{number}")
    paced.seconds += ASK_SECONDS + STALE_SECONDS
    assert [paced.wait("new"), paced.wait("next")] == [0, 0]


def test_notification_that_asks_gains_the_places_of_ended_ones(paced: PacingFixture) -> None:
    for number in range(600):
        paced.wait(f"uid-{number}")
    waits = []
    for _ in range(3):
        waits.append(paced.wait("uid-599"))
        paced.seconds += ASK_SECONDS
    assert waits == pytest.approx([598, 568, 0], abs=1)


def test_long_message_uses_up_more_of_the_rate(paced: PacingFixture) -> None:
    assert paced.ask("long", messages=4) is None
    assert paced.wait("next") == pytest.approx(3, abs=0.02)


def test_wait_beyond_every_date_ends_at_the_latest_one(paced: PacingFixture) -> None:
    slow = Rate(per_second=1e-12, burst=1)
    assert paced.ask("uid-0", rate=slow) is None
    hold = Hold(until=LATEST_TIME, reason=HoldReason.RATE)
    assert paced.ask("uid-1", rate=slow) == hold
    assert paced.ask("uid-1", rate=slow) == hold
