"""The circuit breaker: when it opens, what it lets through, and when it closes again."""

from datetime import datetime

import pytest

from notification_operator.domain.breaker import Admission, Breaker, Circuit, Limits, Result, admit, report
from tests.unit.operator.domain.builders import START, at

LIMITS = Limits(failure_threshold=3, open_seconds=30, probes=2)


def enter(breaker: Breaker, now: datetime = START) -> tuple[Breaker, Admission]:
    breaker, permit = admit(breaker, now)
    assert permit is not None
    return breaker, permit


def after(breaker: Breaker, *results: Result, now: datetime = START) -> Breaker:
    """Return the breaker after calls that came one after the other."""
    for result in results:
        breaker, permit = enter(breaker, now)
        breaker = report(breaker, permit, result, now)
    return breaker


def opened(now: datetime = START) -> Breaker:
    return after(Breaker(limits=LIMITS), *[Result.FAILURE] * 3, now=now)


def test_it_is_closed_until_as_many_failures_in_a_row_as_the_threshold() -> None:
    breaker = after(Breaker(limits=LIMITS), Result.FAILURE, Result.FAILURE)
    assert (breaker.circuit(at(0)), breaker.probe_at) == (Circuit.CLOSED, None)
    breaker = after(breaker, Result.FAILURE)
    assert (breaker.circuit(at(0)), breaker.probe_at) == (Circuit.OPEN, at(30))


def test_a_success_among_the_failures_starts_the_count_anew() -> None:
    breaker = after(
        Breaker(limits=LIMITS),
        *[Result.FAILURE, Result.FAILURE, Result.SUCCESS, Result.FAILURE, Result.FAILURE],
    )
    assert breaker.circuit(at(0)) is Circuit.CLOSED


def test_a_failure_of_the_message_neither_counts_nor_starts_the_count_anew() -> None:
    breaker = after(Breaker(limits=LIMITS), *[Result.NEITHER] * 9, Result.FAILURE, Result.FAILURE)
    assert breaker.circuit(at(0)) is Circuit.CLOSED
    assert after(breaker, Result.NEITHER, Result.FAILURE).circuit(at(0)) is Circuit.OPEN


def test_while_it_is_open_nothing_passes() -> None:
    breaker = opened()
    assert admit(breaker, at(29.999)) == (breaker, None)
    assert breaker.circuit(at(29.999)) is Circuit.OPEN
    assert breaker.circuit(at(30)) is Circuit.HALF_OPEN


def test_half_open_it_lets_two_probes_through_and_refuses_a_third_beside_them() -> None:
    breaker, _ = enter(opened(), at(30))
    breaker, _ = enter(breaker, at(30))
    assert admit(breaker, at(31)) == (breaker, None)


def test_it_closes_when_all_probes_have_succeeded() -> None:
    breaker, first = enter(opened(), at(30))
    breaker, second = enter(breaker, at(30))
    breaker = report(breaker, first, Result.SUCCESS, at(31))
    assert breaker.circuit(at(31)) is Circuit.HALF_OPEN
    assert admit(breaker, at(31))[1] is None, "one has passed, one is under way: that is two"
    breaker = report(breaker, second, Result.SUCCESS, at(32))
    assert breaker.circuit(at(32)) is Circuit.CLOSED
    assert after(breaker, Result.FAILURE, Result.FAILURE, now=at(32)).circuit(at(32)) is Circuit.CLOSED


def test_a_failing_probe_opens_it_again_at_once_and_for_the_whole_time() -> None:
    breaker = after(opened(), Result.SUCCESS, now=at(30))
    breaker = after(breaker, Result.FAILURE, now=at(31))
    assert (breaker.circuit(at(31)), breaker.probe_at) == (Circuit.OPEN, at(61))
    assert after(breaker, Result.SUCCESS, now=at(61)).circuit(at(61)) is Circuit.HALF_OPEN


def test_a_probe_that_was_broken_off_gives_its_place_back() -> None:
    breaker, first = enter(opened(), at(30))
    breaker, _ = enter(breaker, at(30))
    breaker = report(breaker, first, Result.NEITHER, at(31))
    assert breaker.circuit(at(31)) is Circuit.HALF_OPEN
    breaker, third = enter(breaker, at(31))
    assert report(breaker, third, Result.FAILURE, at(32)).probe_at == at(62)


@pytest.mark.parametrize("result", list(Result))
def test_the_report_of_a_call_from_before_it_opened_says_nothing_about_now(result: Result) -> None:
    fresh, late = enter(Breaker(limits=LIMITS))
    breaker = after(fresh, *[Result.FAILURE] * 3)
    assert report(breaker, late, result, at(10)) == breaker
    half_open, _ = enter(breaker, at(30))
    assert report(half_open, late, result, at(31)) == half_open


def test_the_report_of_a_probe_from_before_it_opened_again_says_nothing_about_now() -> None:
    breaker, first = enter(opened(), at(30))
    breaker, second = enter(breaker, at(30))
    breaker = report(breaker, first, Result.FAILURE, at(31))
    assert report(breaker, second, Result.SUCCESS, at(32)) == breaker


def test_with_one_failure_and_one_probe_it_opens_and_closes_at_once() -> None:
    breaker = after(Breaker(limits=Limits(failure_threshold=1, open_seconds=5, probes=1)), Result.FAILURE)
    assert breaker.circuit(at(4)) is Circuit.OPEN
    assert after(breaker, Result.SUCCESS, now=at(5)).circuit(at(5)) is Circuit.CLOSED
