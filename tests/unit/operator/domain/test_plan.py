"""The plan of one reconciliation."""

import pytest

from notification_operator.domain.model import Attempt, Notification, Phase
from notification_operator.domain.plan import Plan, PlanReason, Send, plan
from notification_operator.domain.progress import progress
from notification_operator.domain.routing.route import Route
from tests.unit.operator.domain.builders import START, at, failure, notification, success

NONE: frozenset[str] = frozenset()


def planned(
    seen: Notification, *, in_flight: frozenset[str] = NONE, seconds: float = 0, route: Route | None = None
) -> Plan:
    return plan(seen, route or Route(channels=seen.channels), in_flight=in_flight, now=at(seconds))


def test_every_untried_channel_is_tried_at_once_with_an_id_of_its_own() -> None:
    assert planned(notification("slack", "console")) == Plan(
        reason=PlanReason.DUE,
        sends=(
            Send(channel="slack", number=1, id="uid-1:slack:1"),
            Send(channel="console", number=1, id="uid-1:console:1"),
        ),
    )


def test_the_channels_are_those_of_the_route() -> None:
    assert [send.channel for send in planned(notification(), route=Route(channels=("file",))).sends] == [
        "file"
    ]


@pytest.mark.parametrize("phase", [Phase.SENT, Phase.PARTIALLY_SENT, Phase.FAILED])
def test_a_final_notification_is_left_alone(phase: Phase) -> None:
    assert planned(notification("slack", phase=phase), seconds=1e6) == Plan(reason=PlanReason.FINAL)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.SENDING, Phase.RETRYING])
def test_no_try_begins_before_its_pause_is_over_in_any_phase(phase: Phase) -> None:
    seen = notification("slack", phase=phase, attempts=(failure("slack"),))
    due = progress(seen, ["slack"], seen.attempts)[0].next_at
    assert due is not None
    seconds = (due - START).total_seconds()
    assert planned(seen, seconds=seconds - 0.001) == Plan(reason=PlanReason.BACKOFF)
    [send] = planned(seen, seconds=seconds).sends
    assert (send.number, send.id) == (2, "uid-1:slack:2")


def test_each_channel_has_a_clock_of_its_own() -> None:
    seen = notification("slack", "file", attempts=(failure("slack"), failure("file", seconds=100)))
    assert [send.channel for send in planned(seen, seconds=100.6).sends] == ["slack"]


def test_a_channel_under_way_is_not_tried_beside_itself() -> None:
    seen = notification("slack", "console")
    assert [send.channel for send in planned(seen, in_flight=frozenset({"slack"})).sends] == ["console"]
    assert planned(seen, in_flight=frozenset({"slack", "console"})) == Plan(reason=PlanReason.IN_FLIGHT)


def test_beside_one_under_way_another_may_wait_for_its_time() -> None:
    seen = notification("slack", "console", attempts=(failure("console"),))
    assert planned(seen, in_flight=frozenset({"slack"}), seconds=0.6).reason is PlanReason.BACKOFF


@pytest.mark.parametrize(
    "attempts",
    [
        (success("slack"),),
        (failure("slack", permanent=True),),
        tuple(failure("slack", number) for number in range(1, 6)),
    ],
    ids=["succeeded", "refused", "exhausted"],
)
def test_with_nothing_left_to_try_there_is_only_something_to_record(attempts: tuple[Attempt, ...]) -> None:
    assert planned(notification("slack", attempts=attempts), seconds=1e6) == Plan(reason=PlanReason.SETTLED)
