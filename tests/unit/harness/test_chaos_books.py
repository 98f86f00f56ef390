"""The bookkeeping of chaos scenarios: what counts as a loss, and what a scenario may excuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.bookkeeping import Hit, books
from tests.chaos.scenario import Allowed

STRICT = Allowed()


def notification(*attempts: tuple[int, str], phase: str = "Sent") -> dict[str, Any]:
    recorded = [{"channel": "slack", "attempt": number, "status": status} for number, status in attempts]
    return {"metadata": {"name": "n", "uid": "u"}, "status": {"phase": phase, "deliveryAttempts": recorded}}


def hit(number: int, *, accepted: bool = True) -> Hit:
    return Hit(id=f"u:slack:{number}", accepted=accepted)


FAILED_THEN_SENT = notification((1, "failed"), (2, "success"))
AS_SEEN = [hit(1, accepted=False), hit(2)]


def test_recorded_attempts_that_the_receiver_saw_balance() -> None:
    result = books([FAILED_THEN_SENT], AS_SEEN, STRICT)
    assert (result.hits, result.recorded, result.repeats, result.lost, result.problems) == (2, 2, 0, 0, ())


@pytest.mark.parametrize(
    ("obj", "hits", "problem"),
    [
        (notification(phase="Sending"), [], "not final but Sending"),
        (
            notification((1, "success")),
            [hit(1), hit(2)],
            "u:slack:2 reached the receiver and is not recorded",
        ),
        (notification((1, "success")), [], "recorded as success and was never accepted"),
        (notification((1, "success")), [hit(1, accepted=False)], "was never accepted"),
    ],
)
def test_loss_is_counted(obj: dict[str, Any], hits: list[Hit], problem: str) -> None:
    result = books([obj], hits, Allowed(repeats=True, unanswered=True, unreached=True))
    assert result.lost == 1
    assert problem in result.problems[0]


@pytest.mark.parametrize(
    ("obj", "hits", "excuse"),
    [
        (notification((1, "success")), [hit(1), hit(1)], Allowed(repeats=True)),
        (FAILED_THEN_SENT, [hit(1), hit(2)], Allowed(unanswered=True)),
        (FAILED_THEN_SENT, [hit(2)], Allowed(unreached=True)),
        (notification(phase="Suppressed"), [hit(1)], Allowed(unrecorded=True)),
    ],
)
def test_deviation_is_a_problem_unless_the_scenario_excuses_it(
    obj: dict[str, Any], hits: list[Hit], excuse: Allowed
) -> None:
    assert books([obj], hits, STRICT).problems
    assert not books([obj], hits, excuse).problems


def test_two_recorded_successes_of_a_channel_are_a_problem() -> None:
    twice = notification((1, "success"), (2, "success"))
    assert books([twice], [hit(1), hit(2)], STRICT).problems == ("u:slack has 2 recorded successes",)


def test_hits_of_deleted_notifications_do_not_count() -> None:
    assert books([], AS_SEEN, STRICT).problems == ()
