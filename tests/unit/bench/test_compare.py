"""The comparison of two commits: alternating rounds, paired changes, and the bars for their medians."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.__main__ import turns
from tests.bench.compare import comparisons
from tests.bench.place import Side
from tests.bench.scenarios import chosen
from tests.unit.bench.results import result


def test_commits_alternate_and_take_turns_to_start_a_round() -> None:
    order = turns(chosen(["paced-5"], full=False), (Side.BASE, Side.OURS), 3)
    assert [side for _, side in order] == ["base", "ours", "ours", "base", "base", "ours"]


def test_changes_are_medians_of_pairs() -> None:
    rounds = [
        result(side="base", seconds=4.0, idle_mb=70),
        result(seconds=3.0, idle_mb=70.5),
        result(seconds=4.0, p50_ms=10.1, idle_mb=71),
        result(side="base", seconds=4.0, idle_mb=70),
        result(side="base"),
        result(),
    ]
    compared = {one.column: one for one in comparisons(rounds)}
    assert compared["rate"].changes == pytest.approx([4 / 3, 1.0, 1.0])
    assert compared["p50"].changes == pytest.approx([1.0, 1.01, 1.0])
    assert compared["idle"].changes == pytest.approx([0.5, 1.0, 0.0])
    assert {one.holds for one in compared.values()} == {True, None}
    assert compared["rate"].row()[1:] == (
        "per second", "250", "333.33", "1.000", "1.000 … 1.333", "3", "≥ 0.980", "yes",
    )  # fmt: skip
    assert compared["idle"].row()[4:6] == ("+0.5", "+0.0 … +1.0")
    assert compared["calls"].row()[-2:] == ("", "")


@pytest.mark.parametrize(
    ("change", "missed"), [({"seconds": 3.1}, "rate"), ({"p50_ms": 10.4}, "p50"), ({"idle_mb": 71.2}, "idle")]
)
def test_change_beyond_a_bar_misses_that_bar(change: dict[str, Any], missed: str) -> None:
    compared = comparisons([result(side="base"), result(**change)])
    assert [one.column for one in compared if one.holds is False] == [missed]


def test_round_with_a_failed_measurement_is_left_out() -> None:
    base, ours = result(side="base"), result()
    assert {len(one.changes) for one in comparisons([base, None, ours, base])} == {1}
