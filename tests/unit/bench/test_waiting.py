"""The cost of waiting: averages of calls, and the rows on both sides of their bars."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.bench.receivers.waiting import Calls, Waited, average, evaluate, evaluate_wait

CALLS = Calls(each=6.0, verbs={"get": 3.0, "update": 3.0}, most=8)


def test_average_counts_notifications_without_calls() -> None:
    counted = {"a": Counter(get=3, update=3), "b": Counter(get=1), "c": Counter[str]()}
    result = average(counted, 4)
    assert result == Calls(each=1.75, verbs={"get": 1.0, "update": 0.75}, most=6)
    assert result.note == "1 get, 0.75 update; at most 6 for one"


def test_no_calls_have_an_average_of_zero() -> None:
    assert average({"a": Counter()}, 1) == Calls(each=0, verbs={}, most=0)


@pytest.mark.parametrize(
    ("most", "seconds", "holds"),
    [(10, 10.0, [True, True]), (11, 10.0, [False, True]), (10, 10.1, [True, False])],
)
def test_bar_of_calls_is_for_each_notification(most: int, seconds: float, holds: list[bool]) -> None:
    calls = Calls(each=6.0, verbs=CALLS.verbs, most=most)
    assert [row.holds for row in evaluate(calls, seconds)] == holds


def test_figures_of_a_receiver_that_is_away_have_no_bar() -> None:
    waited = Waited(
        away=600.0, meanwhile=CALLS, in_all=CALLS, delivered=4.2, phases={"Failed": 3, "Sent": 997}
    )
    rows = evaluate_wait(waited, "is away")
    assert [row.holds for row in rows] == [None] * 3
    assert rows[0].measure.startswith("1,000 notifications whose receiver is away for 600 s")
    assert rows[2].measured == "4.2 s; 3 Failed, 997 Sent"
