"""The comparison of two commits: alternating rounds, paired changes, and the bars for their medians."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bench import compare
from tests.bench.arithmetic import Latency
from tests.bench.scenarios import chosen
from tests.unit.bench import results

if TYPE_CHECKING:
    from tests.bench.figures import Result


def measured(controller: str, *, rate: float = 300.0, p50: float = 10.0, idle: float = 70.0) -> Result:
    latency = Latency(p50=p50, p95=20.0, p99=30.0, longest=40.0)
    main = results.group(rate=rate, latency_ms=latency)
    return results.result(controller=controller, main=main, idle_mb=idle)


def test_commits_alternate_and_take_turns_to_start_a_round() -> None:
    turns = compare.turns(chosen(["paced-5"], full=False), rounds=3)
    assert [kind for _, kind in turns] == ["base", "ours", "ours", "base", "base", "ours"]


def test_changes_are_medians_of_pairs() -> None:
    rounds = [
        measured("base", rate=300, idle=70),
        measured("ours", rate=303, idle=70.5),
        measured("ours", rate=200, p50=10.1, idle=71),
        measured("base", rate=200, idle=70),
        measured("base", rate=310),
        measured("ours", rate=310),
    ]
    throughput, p50, idle = compare.comparisons(rounds)
    assert throughput.changes == pytest.approx([1.01, 1.0, 1.0])
    assert p50.changes == pytest.approx([1.0, 1.01, 1.0])
    assert idle.changes == pytest.approx([0.5, 1.0, 0.0])
    assert [one.holds for one in (throughput, p50, idle)] == [True, True, True]
    assert throughput.row()[1:] == (
        "throughput", "300/s", "303/s", "1.000", "1.000 … 1.010", "3", "≥ 0.980", "yes",
    )  # fmt: skip
    assert idle.row()[4:6] == ("+0.5 MB", "+0.0 MB … +1.0 MB")


@pytest.mark.parametrize(("change", "missed"), [({"rate": 290}, 0), ({"p50": 10.4}, 1), ({"idle": 71.2}, 2)])
def test_change_beyond_a_bar_misses_that_bar(change: dict[str, float], missed: int) -> None:
    compared = compare.comparisons([measured("base"), measured("ours", **change)])
    assert [index for index, one in enumerate(compared) if not one.holds] == [missed]


def test_round_with_a_failed_measurement_is_left_out() -> None:
    base, ours = measured("base"), measured("ours")
    assert compare.complete([base, None, ours, base]) == [ours, base]


def test_checkout_has_a_runnable_operator_of_the_commit() -> None:
    with compare.checkout("HEAD") as base:
        result = subprocess.run(
            [sys.executable, "-c", "import notification_operator.cli as cli; print(cli.__file__)"],
            env={"PYTHONPATH": str(base / "operator")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.startswith(str(base))


def test_unknown_commit_is_reported() -> None:
    with pytest.raises(compare.UnknownCommitError, match="no commit 0000000"), compare.checkout("0000000"):
        pass
