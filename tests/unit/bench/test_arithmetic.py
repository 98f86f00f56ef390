"""The arithmetic of the bench."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.arithmetic import growth, latency, pauses, percentile, planned_pauses

SECONDS = st.lists(st.floats(0, 1e6), min_size=1)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, 1.0), (1, 1.0), (50, 50.0), (95, 95.0), (99, 99.0), (99.5, 100.0), (100, 100.0)],
)
def test_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == expected


@given(SECONDS, st.floats(0, 100))
def test_percentile_is_a_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    result = percentile(values, share)
    assert result in values
    assert sum(value <= result for value in values) * 100 >= share * len(values) - 1e-6


def test_percentile_of_no_values_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_latencies_are_in_milliseconds() -> None:
    result = latency([0.010] * 98 + [0.020, 0.5])
    assert (result.p50, result.p95, result.p99, result.longest) == (10.0, 10.0, 20.0, 500.0)


def test_planned_delays_grow_with_each_attempt() -> None:
    assert planned_pauses(5, 1, 2) == (1.0, 2.0, 4.0, 8.0)
    assert planned_pauses(3, 1, 1) == (1.0, 1.0)
    assert planned_pauses(1, 1, 2) == ()


def test_delay_is_from_the_end_of_an_attempt_to_the_next_start() -> None:
    first, second = pauses([[(10.0, 10.5), (11.6, 11.7), (13.7, 13.8)]], 1.0, 2.0)
    assert (first.shortest, first.longest, first.early, first.late) == (1.1, 1.1, 0, 0)
    assert (second.shortest, second.longest, second.early, second.late) == (2.0, 2.0, 0, 0)


@pytest.mark.parametrize(
    ("nominal", "seen", "early", "late"),
    [
        ((1.0,), 0.9, 1, 0),  # the first one is never shorter
        ((1.0,), 1.0, 0, 0),
        ((1.0,), 2.05, 0, 0),  # a busy machine is late
        ((1.0,), 2.2, 0, 1),
        ((1.0, 4.0), 3.5, 1, 0),
        ((1.0, 4.0), 3.65, 0, 0),
        ((1.0, 4.0), 5.5, 0, 1),
    ],
)
def test_delay_outside_of_its_jitter_is_counted(
    nominal: tuple[float, ...], seen: float, early: int, late: int
) -> None:
    before = [(0.0, 0.0)] if len(nominal) == 1 else [(-1.1, -1.1), (0.0, 0.0)]
    last = pauses([[*before, (seen, seen)]], *nominal)[-1]
    assert (last.early, last.late) == (early, late)


def test_missing_and_extra_attempts_have_no_delay() -> None:
    (only,) = pauses([[(0.0, 0.0)], [(0.0, 0.0), (1.0, 1.0), (1.1, 1.1)]], 1.0)
    assert only.count == 1
    assert pauses([[(0.0, 0.0)]], 1.0, 2.0) == ()


def test_growth_is_the_relative_increase_of_the_last_cost() -> None:
    assert growth([2.0, 9.0, 2.2]) == pytest.approx(0.1)
    assert growth([2.0, 1.0]) == -0.5
