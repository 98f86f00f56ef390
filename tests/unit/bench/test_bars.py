"""The bars, with results on both sides of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.arithmetic import Latency
from tests.bench.bars import verdicts
from tests.unit.bench.results import FAST, RETRIED, figures, group, result, sink

if TYPE_CHECKING:
    from tests.bench.figures import Result


def missed(*results: Result) -> list[str]:
    return [one.measure for one in verdicts(figures(*results)) if not one.holds]


def retried(scenario: str, **values: Any) -> Result:
    return result(scenario, **{"calls_each": 6.0, "sink": sink(), "pauses": (RETRIED,), **values})


GOOD = (
    result("burst-200", main=group(count=200), cpu_seconds={**result().cpu_seconds, "controller": 0.4}),
    result(),
    result("burst-10000", main=group(count=10_000), cpu_seconds={**result().cpu_seconds, "controller": 22.0}),
    result("http-1000"),
    result("paced-5"),
    retried("retry"),
    retried("down"),
    result("slow", main=group(seconds=7.0), concurrent=group()),
    result("in-flight"),
    result("restart", first_after_start=2.0, main=group(seconds=5.0)),
    result(controller="prototype", main=group(rate=390.0)),
)


def test_results_within_all_bars_miss_none() -> None:
    matches = verdicts(figures(*GOOD))
    assert [one.measure for one in matches if not one.holds] == []
    assert len(matches) == 25


def test_missing_result_has_no_bar() -> None:
    assert verdicts(figures()) == []
    assert verdicts(figures(result(controller="naive", calls_each=12.0))) == []


LATE = Latency(p50=12.1, p95=20.0, p99=25.1, longest=40.0)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (result(calls_each=2.01), ["quick notification"]),
        (result(main=group(rate=299.0)), ["burst of 1,000", "as shipped"]),
        (result(cpu_seconds={**result().cpu_seconds, "API server": 4.4}), ["API server's CPU"]),
        (result(idle_mb=80.1), ["memory, idle"]),
        (result("paced-5", main=group(latency_ms=LATE)), ["p50", "p99"]),
        (retried("retry", calls_each=6.1), ["reads and writes"]),
        (retried("down", calls_each=12.0, calls={"create events": 1000}), ["reads and writes"]),
        (retried("retry", sink=sink(recorded=149, differing=1)), ["requests recorded"]),
        (retried("retry", sink=sink(differing=2)), ["requests recorded"]),
        (retried("down", pauses=(replace(RETRIED, early=1),)), ["delays"]),
        (retried("down", pauses=(RETRIED, replace(RETRIED, late=1))), ["delays"]),
        (result("slow", main=group(seconds=8.1), concurrent=group()), ["takes 1 s"]),
        (
            result(
                "slow", main=group(seconds=7.0), concurrent=group(latency_ms=replace(FAST, longest=1000.0))
            ),
            ["concurrent"],
        ),
        (result("in-flight", peak_mb=120.1), ["in flight"]),
        (
            result("restart", first_after_start=3.1, calls_each=2.02, main=group(seconds=7.0)),
            ["first end", "per open one", "rate after the first end"],
        ),
        (
            result("restart", first_after_start=1.0, idle_mb=151, peak_mb=151),
            ["finished, idle", "peak after"],
        ),
    ],
)
def test_result_beyond_a_bar_misses_that_bar(bad: Result, words: list[str]) -> None:
    matches = missed(bad)
    assert len(matches) == len(words)
    assert all(word in measure for word, measure in zip(words, matches, strict=True))


def test_prototype_of_the_same_run_sets_the_bar() -> None:
    prototype = result(controller="prototype", main=group(rate=300.0))
    slow, fast = (result(main=group(rate=rate)) for rate in (230.0, 240.0))
    assert [measure for measure in missed(slow, prototype) if "prototype" in measure] != []
    assert [measure for measure in missed(fast, prototype) if "prototype" in measure] == []


def test_growth_beyond_its_bar_misses_and_lower_cost_does_not() -> None:
    small, middle, large, *_ = GOOD
    dear = large.model_copy(update={"cpu_seconds": {**large.cpu_seconds, "controller": 23.1}})
    cheap = large.model_copy(update={"cpu_seconds": {**large.cpu_seconds, "controller": 10.0}})
    assert [measure for measure in missed(small, middle, dear) if "growth" in measure] != []
    assert missed(small, middle, cheap) == []
