"""The bars: the required value of each measure, and whether a run reaches it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tests.bench import reference
from tests.bench.arithmetic import growth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.figures import Figures, Result

OURS, PROTOTYPE = "ours", "prototype"
BURST, BURST_BAR = "burst-1000", 300.0
SIZES = (200, 1_000, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A bar, the measured value, and whether it is within the bar."""

    measure: str
    bar: str
    measured: str
    holds: bool


Judge: TypeAlias = "Callable[[Result], Iterator[Verdict]]"


def verdicts(figures: Figures) -> list[Verdict]:
    """Return the verdicts of all measured bars, in a fixed order."""
    collected: list[Verdict] = []
    for scenario, judge in JUDGES:
        result = figures.of(scenario, OURS)
        if result is not None:
            collected += judge(result)
    return [*collected, *_against_the_prototype(figures), *_growth(figures)]


def _at_most(measure: str, limit: float, seen: float, unit: str) -> Verdict:
    return Verdict(measure=measure, bar=f"≤ {limit:g}{unit}", measured=f"{seen:g}{unit}", holds=seen <= limit)


def _at_least(measure: str, limit: float, seen: float, unit: str) -> Verdict:
    return Verdict(measure=measure, bar=f"≥ {limit:g}{unit}", measured=f"{seen:g}{unit}", holds=seen >= limit)


def _burst(result: Result) -> Iterator[Verdict]:
    yield _at_most("API calls for a quick notification", 2, result.calls_each, "")
    yield _at_least("burst of 1,000", BURST_BAR, result.main.rate, "/s")
    times = round(result.main.rate / max(reference.AS_SHIPPED), 1)
    yield _at_least("burst of 1,000, against the Go controller as shipped", 4, times, " times")
    third = round(reference.API_SERVER_SECONDS / 3, 2)
    yield _at_most("burst of 1,000, the API server's CPU", third, result.cpu_seconds["API server"], " s")
    yield _at_most("memory, idle", 80, result.idle_mb, " MB")


def _against_the_prototype(figures: Figures) -> Iterator[Verdict]:
    """Compare the burst with the prototype of the same run.

    The share is the bar divided by the slowest rate of the prototype on the machine that the bar comes from.
    """
    ours, bare = (figures.of(BURST, controller) for controller in (OURS, PROTOTYPE))
    if ours and bare:
        share = round(BURST_BAR / reference.PROTOTYPE[0] * 100)
        seen = round(ours.main.rate / bare.main.rate * 100)
        yield _at_least("burst of 1,000, against the prototype in the same run", share, seen, " %")


def _http(result: Result) -> Iterator[Verdict]:
    yield _at_most("API calls for a quick notification to an HTTP sink", 2, result.calls_each, "")


def _paced(result: Result) -> Iterator[Verdict]:
    latency = result.main.latency_ms
    yield _at_most("5 per second, p50", 12, latency.p50, " ms")
    yield _at_most("5 per second, p99", 25, latency.p99, " ms")


def _retried(failures: int, what: str) -> Judge:
    def judge(result: Result) -> Iterator[Verdict]:
        limit, events = 2 + 2 * failures, result.calls.get("create events", 0) / result.main.count
        reads_and_writes = round(result.calls_each - events, 2)
        yield Verdict(
            measure=f"{what}: reads and writes, 2 and 2 more per failed attempt",
            bar=f"≤ {limit}",
            measured=f"{reads_and_writes:g}" + (f", and {events:g} Event about the end" if events else ""),
            holds=reads_and_writes <= limit,
        )
        assert result.sink is not None
        seen = result.sink
        yield Verdict(
            measure=f"{what}: requests recorded",
            bar="each one",
            measured=f"{seen.recorded} of {seen.requests}, {seen.differing} notifications differ",
            holds=seen.differing == 0 and seen.recorded == seen.requests,
        )
        early, late = (sum(getattr(pause, key) for pause in result.pauses) for key in ("early", "late"))
        yield Verdict(
            measure=f"{what}: delays within their jitter",
            bar="each one",
            measured=f"{early} too short, {late} too long, of {sum(pause.count for pause in result.pauses)}",
            holds=early == late == 0,
        )

    return judge


def _slow(result: Result) -> Iterator[Verdict]:
    yield _at_most("500 to a sink that takes 1 s, 100 concurrent", 8, result.main.seconds, " s")
    assert result.concurrent is not None
    others = result.concurrent.latency_ms
    yield Verdict(
        measure="concurrent console notifications",
        bar="none waits for the sink",
        measured=f"p50 {others.p50:g}, p99 {others.p99:g}, longest {others.longest:g} ms",
        holds=others.longest < 1000,
    )


def _in_flight(result: Result) -> Iterator[Verdict]:
    yield _at_most("memory, 1,000 in flight", 120, result.peak_mb, " MB")


def _restart(result: Result) -> Iterator[Verdict]:
    yield _at_most("memory, 20,000 finished, idle", 150, result.idle_mb, " MB")
    yield _at_most("memory, peak after a start with 20,000 finished", 150, result.peak_mb, " MB")
    first = result.first_after_start or 0.0
    yield _at_most("start with 20,000 finished and 1,000 open: the first end", 3, first, " s")
    lists = result.calls.get("list notificationrequests", 0)
    reads_and_writes = round(result.calls_each - lists / result.main.count, 2)
    yield Verdict(
        measure="the same: reads and writes per open one",
        bar="≤ 2",
        measured=f"{reads_and_writes:g}, and {lists} list pages in all",
        holds=reads_and_writes <= 2,
    )
    rate = round(result.main.count / (result.main.seconds - first), 1)
    yield _at_least("the same: rate after the first end", 300, rate, "/s")


def _growth(figures: Figures) -> Iterator[Verdict]:
    results = [figures.of(f"burst-{size}", OURS) for size in SIZES]
    bursts = [result for result in results if result is not None]
    if len(bursts) == len(SIZES):
        for what, costs in (
            ("the operator's CPU", [one.cpu_seconds["controller"] / one.main.count for one in bursts]),
            ("API calls", [one.calls_each for one in bursts]),
        ):
            more = round(growth(costs) * 100, 1)
            yield _at_most(f"growth of {what} per notification, from 200 to 10,000", 15, more, " %")


JUDGES: tuple[tuple[str, Judge], ...] = (
    (BURST, _burst),
    ("http-1000", _http),
    ("paced-5", _paced),
    ("retry", _retried(2, "503 twice, then 200")),
    ("down", _retried(4, "a sink that stays down")),
    ("slow", _slow),
    ("in-flight", _in_flight),
    ("restart", _restart),
)
"""By scenario."""
