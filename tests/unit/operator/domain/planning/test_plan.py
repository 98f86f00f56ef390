"""The plan of one reconciliation."""

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.model import Attempt, Notification
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import Plan, PlanReason, Send, plan
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import START, at, failure, notification, progress_of, success

NONE: frozenset[str] = frozenset()


def planned(
    fresh: Notification, *, in_flight: frozenset[str] = NONE, seconds: float = 0, route: Route | None = None
) -> Plan:
    return plan(
        *follow(
            Situation(
                now=at(seconds),
                notification=fresh,
                route=route or Route(targets=fresh.channels),
                running=in_flight,
            )
        )
    )


def test_new_channels_are_due_at_once_with_their_own_ids() -> None:
    assert planned(notification("slack", "console")) == Plan(
        reason=PlanReason.DUE,
        sends=(
            Send(channel="slack", number=1, id="uid-1:slack:1", delivery_id="uid-1/slack"),
            Send(channel="console", number=1, id="uid-1:console:1", delivery_id="uid-1/console"),
        ),
    )


def test_plan_follows_the_route() -> None:
    assert [send.channel for send in planned(notification(), route=Route(targets=("file",))).sends] == [
        "file"
    ]


@pytest.mark.parametrize("phase", [Phase.SENT, Phase.PARTIALLY_SENT, Phase.FAILED])
def test_final_notification_has_no_attempts(phase: Phase) -> None:
    assert planned(notification("slack", phase=phase), seconds=1e6) == Plan(reason=PlanReason.FINAL)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.SENDING, Phase.RETRYING])
def test_attempt_is_due_only_after_its_backoff_in_every_phase(phase: Phase) -> None:
    fresh = notification("slack", phase=phase, attempts=(failure("slack"),))
    due = progress_of(fresh, ["slack"], fresh.attempts)[0].next_at
    assert due is not None
    seconds = (due - START).total_seconds()
    assert planned(fresh, seconds=seconds - 0.001) == Plan(reason=PlanReason.BACKOFF)
    [send] = planned(fresh, seconds=seconds).sends
    assert (send.number, send.id) == (2, "uid-1:slack:2")


def test_each_channel_has_its_own_backoff() -> None:
    fresh = notification("slack", "file", attempts=(failure("slack"), failure("file", seconds=100)))
    assert [send.channel for send in planned(fresh, seconds=100.6).sends] == ["slack"]


def test_channel_with_a_running_attempt_gets_no_second_one() -> None:
    fresh = notification("slack", "console")
    assert [send.channel for send in planned(fresh, in_flight=frozenset({"slack"})).sends] == ["console"]
    assert planned(fresh, in_flight=frozenset({"slack", "console"})) == Plan(reason=PlanReason.IN_FLIGHT)


def test_other_channel_may_back_off_while_an_attempt_runs() -> None:
    fresh = notification("slack", "console", attempts=(failure("console"),))
    assert planned(fresh, in_flight=frozenset({"slack"}), seconds=0.6).reason is PlanReason.BACKOFF


@pytest.mark.parametrize(
    "attempts",
    [
        (success("slack"),),
        (failure("slack", permanent=True),),
        tuple(failure("slack", number) for number in range(1, 6)),
    ],
    ids=["succeeded", "refused", "exhausted"],
)
def test_finished_channels_are_only_recorded(attempts: tuple[Attempt, ...]) -> None:
    assert planned(notification("slack", attempts=attempts), seconds=1e6) == Plan(reason=PlanReason.SETTLED)
