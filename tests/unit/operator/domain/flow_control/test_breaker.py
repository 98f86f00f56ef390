"""The circuit breaker: when it opens, which calls it admits, and when it closes."""

from dataclasses import replace
from datetime import datetime

import pytest

from notification_contract.kinds.choices import CircuitState
from notification_domain.flow_control.breaker import (
    MOST_RESULTS,
    Admission,
    Breaker,
    Limits,
    Result,
    admit,
    report,
)
from tests.unit.operator.domain.builders import START, at

LIMITS = Limits(failure_threshold=3, open_seconds=30, probes=2)


def enter(breaker: Breaker, now: datetime = START) -> tuple[Breaker, Admission]:
    breaker, admission = admit(breaker, now)
    assert admission is not None
    return breaker, admission


def after(breaker: Breaker, *results: Result, now: datetime = START) -> Breaker:
    """Return the breaker after consecutive calls."""
    for result in results:
        breaker, admission = enter(breaker, now)
        breaker = report(breaker, admission, result, now)
    return breaker


def opened(now: datetime = START, *, limits: Limits = LIMITS) -> Breaker:
    return after(Breaker(limits=limits), *[Result.FAILURE] * 3, now=now)


def test_breaker_opens_at_the_failure_threshold() -> None:
    breaker = after(Breaker(limits=LIMITS), Result.FAILURE, Result.FAILURE)
    assert (breaker.circuit(at(0)), breaker.probe_at) == (CircuitState.CLOSED, None)
    breaker = after(breaker, Result.FAILURE)
    assert (breaker.circuit(at(0)), breaker.probe_at) == (CircuitState.OPEN, at(30))


@pytest.mark.parametrize(("waiting", "seconds"), [(0, 30), (100, 30), (200, 15), (400, 7.5), (100_000, 7.5)])
def test_more_waiting_notifications_are_probed_for_more_often(waiting: int, seconds: float) -> None:
    breaker = after(replace(opened(), waiting=waiting), Result.FAILURE, now=at(30))
    assert breaker.probe_at == at(30 + seconds)


def test_success_resets_the_failure_count() -> None:
    breaker = after(
        Breaker(limits=LIMITS),
        *[Result.FAILURE, Result.FAILURE, Result.SUCCESS, Result.FAILURE, Result.FAILURE],
    )
    assert breaker.circuit(at(0)) is CircuitState.CLOSED


def test_neutral_result_neither_counts_nor_resets_the_count() -> None:
    breaker = after(Breaker(limits=LIMITS), *[Result.NEITHER] * 9, Result.FAILURE, Result.FAILURE)
    assert breaker.circuit(at(0)) is CircuitState.CLOSED
    assert after(breaker, Result.NEITHER, Result.FAILURE).circuit(at(0)) is CircuitState.OPEN


def test_receiver_that_refuses_everything_opens_the_breaker_at_once() -> None:
    breaker = after(Breaker(limits=LIMITS), Result.REFUSAL)
    assert (breaker.circuit(at(0)), breaker.probe_at) == (CircuitState.OPEN, at(30))
    assert (breaker.recent, breaker.failing) == ((), ())


def test_refusal_of_a_probe_opens_the_breaker_again() -> None:
    breaker, probe = enter(after(Breaker(limits=LIMITS), Result.REFUSAL), at(30))
    breaker = report(breaker, probe, Result.REFUSAL, at(31))
    assert (breaker.circuit(at(31)), breaker.probe_at) == (CircuitState.OPEN, at(61))


def test_open_breaker_admits_no_call() -> None:
    breaker = opened()
    assert admit(breaker, at(29.999)) == (breaker, None)
    assert breaker.circuit(at(29.999)) is CircuitState.OPEN
    assert breaker.circuit(at(30)) is CircuitState.HALF_OPEN


def test_half_open_breaker_admits_two_probes_and_no_third() -> None:
    breaker, _ = enter(opened(), at(30))
    breaker, _ = enter(breaker, at(30))
    assert admit(breaker, at(31)) == (breaker, None)


def test_breaker_closes_after_all_probes_succeeded() -> None:
    breaker, first = enter(opened(), at(30))
    breaker, second = enter(breaker, at(30))
    breaker = report(breaker, first, Result.SUCCESS, at(31))
    assert breaker.circuit(at(31)) is CircuitState.HALF_OPEN
    assert admit(breaker, at(31))[1] is None, "one probe succeeded and one is running: that is two"
    breaker = report(breaker, second, Result.SUCCESS, at(32))
    assert breaker.circuit(at(32)) is CircuitState.CLOSED
    assert after(breaker, Result.FAILURE, Result.FAILURE, now=at(32)).circuit(at(32)) is CircuitState.CLOSED


def test_failed_probe_opens_the_breaker_for_the_full_time() -> None:
    breaker = after(opened(), Result.FAILURE, now=at(31))
    assert (breaker.circuit(at(31)), breaker.probe_at) == (CircuitState.OPEN, at(61))
    assert after(breaker, Result.SUCCESS, now=at(61)).circuit(at(61)) is CircuitState.HALF_OPEN


def test_other_probe_is_made_after_one_failed_and_closes_the_breaker() -> None:
    breaker = after(opened(), Result.FAILURE, now=at(30))
    assert admit(breaker, at(30))[1] is None, "only who waited for its turn may probe"
    breaker, probe = admit(breaker, at(30), in_turn=True)
    assert probe is not None
    assert admit(breaker, at(30), in_turn=True)[1] is None, "two probes are two"
    breaker = report(breaker, probe, Result.SUCCESS, at(31))
    assert breaker.circuit(at(31)) is CircuitState.CLOSED
    assert [each.failed for each in breaker.recent] == [True] * 4 + [False]


def test_other_probe_is_not_owed_for_long() -> None:
    breaker = after(opened(), Result.FAILURE, now=at(30))
    assert admit(breaker, at(31), in_turn=True)[1] is None


def test_mixed_answers_of_probes_close_the_breaker_and_count() -> None:
    breaker = after(opened(), Result.SUCCESS, now=at(30))
    breaker = after(breaker, Result.FAILURE, now=at(31))
    assert (breaker.circuit(at(31)), breaker.allowance) == (CircuitState.CLOSED, LIMITS.probes)
    assert [each.failed for each in breaker.recent] == [True, True, True, False]
    assert len(breaker.failing) == 1, "the probe that failed after the answer begins a new row"
    assert failures_until_open(breaker, at(31)) == MOST_RESULTS - 1, "four results say little about the share"


def test_receiver_has_recovered_once_it_answers_every_probe() -> None:
    recovered = after(opened(), Result.SUCCESS, Result.SUCCESS, now=at(30))
    assert (opened().recovered_at, recovered.recovered_at) == (None, at(30))
    assert after(recovered, *[Result.FAILURE] * 3, now=at(40)).recovered_at is None, "it is down again"
    mixed = after(after(opened(), Result.SUCCESS, now=at(30)), Result.FAILURE, now=at(31))
    assert (mixed.circuit(at(31)), mixed.recovered_at) == (CircuitState.CLOSED, None)


def test_failures_of_a_receiver_that_fails_now_and_then_keep_its_calls() -> None:
    breaker = after(opened(), Result.SUCCESS, Result.FAILURE, now=at(30))
    assert after(breaker, Result.FAILURE, Result.FAILURE, now=at(30)).allowance == LIMITS.probes
    assert after(breaker, Result.SUCCESS, Result.FAILURE, now=at(30)).allowance == LIMITS.probes + 1


def test_refusal_after_an_answered_probe_opens_the_breaker_again() -> None:
    breaker = after(opened(), Result.SUCCESS, Result.REFUSAL, now=at(30))
    assert (breaker.circuit(at(30)), breaker.probe_at) == (CircuitState.OPEN, at(60))


def test_cancelled_probe_admits_another_one() -> None:
    breaker, first = enter(opened(), at(30))
    breaker, _ = enter(breaker, at(30))
    breaker = report(breaker, first, Result.NEITHER, at(31))
    assert breaker.circuit(at(31)) is CircuitState.HALF_OPEN
    breaker, third = enter(breaker, at(31))
    assert report(breaker, third, Result.FAILURE, at(32)).probe_at == at(62)


@pytest.mark.parametrize("result", list(Result))
def test_late_report_of_a_call_is_ignored_after_opening(result: Result) -> None:
    fresh, late = enter(Breaker(limits=LIMITS))
    breaker = after(fresh, *[Result.FAILURE] * 3)
    assert report(breaker, late, result, at(10)) == breaker
    half_open, _ = enter(breaker, at(30))
    assert report(half_open, late, result, at(31)) == half_open


def reopened_with_a_probe_running() -> tuple[Breaker, Admission]:
    breaker, first = enter(opened(), at(30))
    breaker, second = enter(breaker, at(30))
    return report(breaker, first, Result.FAILURE, at(31)), second


@pytest.mark.parametrize("result", [Result.FAILURE, Result.REFUSAL, Result.NEITHER])
def test_late_failure_of_a_probe_is_ignored_after_reopening(result: Result) -> None:
    breaker, probe = reopened_with_a_probe_running()
    assert report(breaker, probe, result, at(32)) == breaker


def test_late_success_of_a_probe_closes_a_reopened_breaker() -> None:
    breaker, probe = reopened_with_a_probe_running()
    breaker = report(breaker, probe, Result.SUCCESS, at(32))
    assert (breaker.circuit(at(32)), breaker.allowance, breaker.failing) == (CircuitState.CLOSED, 2, ())
    assert [each.failed for each in breaker.recent] == [True, True, True, True, False]


def test_late_success_of_a_probe_changes_no_closed_breaker() -> None:
    breaker, probe = reopened_with_a_probe_running()
    breaker = after(breaker, Result.SUCCESS, Result.SUCCESS, now=at(61))
    assert report(breaker, probe, Result.SUCCESS, at(62)) == breaker


def test_old_failures_of_a_long_outage_are_not_part_of_the_share() -> None:
    breaker = opened()
    for minute in range(1, 60):
        breaker = after(breaker, Result.FAILURE, now=at(60 * minute))
    breaker = after(breaker, Result.SUCCESS, Result.FAILURE, now=at(3600))
    assert [each.failed for each in breaker.recent] == [False]


def test_limits_of_one_open_and_close_at_once() -> None:
    breaker = after(Breaker(limits=Limits(failure_threshold=1, open_seconds=5, probes=1)), Result.FAILURE)
    assert breaker.circuit(at(4)) is CircuitState.OPEN
    assert after(breaker, Result.SUCCESS, now=at(5)).circuit(at(5)) is CircuitState.CLOSED


def called(breaker: Breaker, notification: str, result: Result, now: datetime = START) -> Breaker:
    breaker, admission = admit(breaker, now, notification=notification)
    return breaker if admission is None else report(breaker, admission, result, now)


def mixed(count: int, *, failures: int = 1) -> Breaker:
    """Return a breaker whose destination has failed so many notifications before each success."""
    breaker = Breaker(limits=LIMITS)
    for number in range(count):
        for failure in range(failures):
            breaker = called(breaker, f"bad-{number}-{failure}", Result.FAILURE)
        breaker = called(breaker, f"good-{number}", Result.SUCCESS)
    return breaker


def failures_until_open(breaker: Breaker, now: datetime = START) -> int:
    count = 0
    while breaker.circuit(now) is not CircuitState.OPEN:
        count += 1
        breaker = called(breaker, f"late-{count}", Result.FAILURE, now)
    return count


def test_notification_that_fails_again_and_again_counts_once() -> None:
    breaker = Breaker(limits=LIMITS)
    for notification in ("a", "b", "a", "b", "a", "b"):
        breaker = called(breaker, notification, Result.FAILURE)
    assert breaker.circuit(at(0)) is CircuitState.CLOSED
    assert called(breaker, "c", Result.FAILURE).circuit(at(0)) is CircuitState.OPEN


def test_destination_that_fails_now_and_then_needs_more_failures_in_a_row() -> None:
    assert failures_until_open(mixed(0)) == 3
    assert failures_until_open(mixed(2)) == 3, "two failures are too few to know"
    assert failures_until_open(mixed(20)) == 12, "11/22 · 12/23 · … · 22/33 is less than 0.001"
    assert failures_until_open(mixed(20, failures=2)) == 20


def test_results_that_left_the_window_do_not_count() -> None:
    assert failures_until_open(mixed(20), at(59)) == 12
    assert failures_until_open(mixed(20), at(60)) == 3


def test_failures_of_an_outage_are_not_part_of_the_window() -> None:
    breaker = after(opened(), Result.SUCCESS, Result.SUCCESS, now=at(30))
    assert failures_until_open(breaker, at(31)) == 3


def test_open_time_is_short_again_once_a_probe_is_answered() -> None:
    limits = Limits(failure_threshold=1, open_seconds=30, initial_open_seconds=1, probes=2)
    breaker = called(Breaker(limits=limits), "a", Result.FAILURE)
    breaker = after(breaker, Result.FAILURE, now=at(1))
    assert breaker.probe_at == at(3)
    breaker = after(breaker, Result.SUCCESS, Result.SUCCESS, Result.FAILURE, now=at(3))
    assert breaker.probe_at == at(4)
    assert after(breaker, Result.FAILURE, now=at(4)).probe_at == at(5)
    later = after(breaker, Result.FAILURE, now=at(63))
    assert later.probe_at == at(65), "the answer left the window"


def test_failed_probe_lets_others_probe_first_where_one_probe_decides() -> None:
    breaker = called(opened(limits=replace(LIMITS, probes=1)), "poisonous", Result.FAILURE, at(30))
    assert (breaker.admits_at("other"), breaker.admits_at("poisonous")) == (at(60), at(62))
    assert admit(breaker, at(61), notification="poisonous")[1] is None
    assert admit(breaker, at(62), notification="poisonous")[1] is not None


def test_failure_halves_the_allowance_of_a_recovering_destination() -> None:
    breaker = after(opened(), *[Result.SUCCESS] * 8, now=at(30))
    assert breaker.allowance == 8
    breaker = after(breaker, Result.FAILURE, now=at(30))
    assert breaker.allowance == 4
    assert after(breaker, *[Result.SUCCESS] * 60, now=at(30)).allowance is None
