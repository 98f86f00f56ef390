"""Traffic keeps its rate, reports errors, and its outcome counts lost and repeated deliveries."""

from __future__ import annotations

import itertools
import time

import pytest

from tests.harness.traffic import Outcome, outcome, traffic


def test_outcome_counts_lost_and_repeated_deliveries_and_gaps() -> None:
    assert outcome(["a", "b", "c"], [(1.0, "a"), (4.5, "b"), (2.0, "b")]) == Outcome(
        created=3, lost=1, repeated=1, longest_gap=2.5
    )
    assert outcome(["a"], []) == Outcome(created=1, lost=1, repeated=0, longest_gap=0.0)


def test_traffic_keeps_its_rate() -> None:
    numbers = itertools.count()
    with traffic(lambda: next(numbers), per_second=20) as created:
        time.sleep(0.5)
    assert 20 * 0.3 <= len(created) <= 20 * 0.5 + 2
    assert created == list(range(next(numbers)))


def test_error_of_the_traffic_is_raised_in_the_test() -> None:
    numbers = [1, 2]
    with pytest.raises(IndexError), traffic(numbers.pop, per_second=20) as created:
        time.sleep(0.3)
    assert created == [2, 1]
