"""Rounds, merged runs, and the table with its bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.__main__ import main
from tests.bench.page import DOCUMENT, FIGURES, PLOTS, document, draw
from tests.bench.results import Observed, Sample, Wait, load, median_rounds, merge, save
from tests.bench.scenarios import SCENARIOS, chosen
from tests.bench.table import HEAD, markdown, missed, rows
from tests.unit.bench.results import figures, result

if TYPE_CHECKING:
    from pathlib import Path

BURST = result()


def observed(**values: float) -> Observed:
    fields = {"gap": 0.1, "pod_mb": 150, "page_mb": 1, "page_seconds": 0.1, "crowd": 0, **values}
    return Observed.model_validate(fields)


@pytest.mark.parametrize(("durations", "kept"), [((4.0,), 4.0), ((4.0, 3.0, 3.5), 3.5), ((3.0, 4.0), 4.0)])
def test_median_round_is_kept(durations: tuple[float, ...], kept: float) -> None:
    rounds = [result(seconds=seconds) for seconds in durations]
    both = median_rounds(figures(*rounds, result("paced-5")))
    assert [one.seconds for one in both.results] == [kept, 3.0]


def test_figures_are_read_back_unchanged(tmp_path: Path) -> None:
    waited = result("away", wait=Wait(seconds=600, calls_each=2, last_end=4.2), first_end=1.5)
    save(figures(BURST, waited), tmp_path / "folder" / "figures.json")
    assert load(tmp_path / "folder" / "figures.json") == figures(BURST, waited)


def test_merged_runs_keep_the_last_result_of_a_scenario() -> None:
    later = figures(result(p50_ms=7.0), result("waiting"))
    merged = merge([figures(result("paced-5"), BURST), later])
    assert [one.scenario for one in merged.results] == ["burst-1000", "paced-5", "waiting"]
    assert merged.results[0] == later.results[0]


def test_runs_of_different_machines_are_not_merged() -> None:
    one = figures(BURST)
    with pytest.raises(ValueError, match="different machines"):
        merge([one, one.model_copy(update={"machine": "8 processors"})])


@pytest.mark.parametrize(
    ("scenario", "bad", "columns"),
    [
        ("burst-1000", {"calls": {"get": 1000, "update": 1010}}, ["calls"]),
        ("burst-1000", {"seconds": 3.4}, ["rate"]),
        ("burst-1000", {"cpu_seconds": {"operator": 2.0, "API server": 4.4}}, ["api"]),
        ("burst-1000", {"idle_mb": 80.1}, ["idle"]),
        ("burst-10000", {"count": 10_000, "calls": {"get": 23_200}}, ["calls"]),
        ("burst-10000", {"cpu_seconds": {"operator": 2.31, "API server": 4.0}}, ["cpu"]),
        ("http-1000", {"calls": {"get": 2010}}, ["calls"]),
        ("paced-5", {"p50_ms": 12.1, "p99_ms": 25.1}, ["p50", "p99"]),
        ("waiting", {"most_calls": 11}, ["most"]),
        ("waiting", {"seconds": 10.1}, ["seconds"]),
        ("in-flight", {"peak_mb": 120.1}, ["peak"]),
        ("restart", {"first_end": 3.1, "seconds": 6.5}, ["rate", "first"]),
        ("restart", {"idle_mb": 151, "peak_mb": 151, "calls": {"get": 2030}}, ["calls", "idle", "peak"]),
        ("away", {"calls": {"get": 90_000}, "seconds": 900}, []),
        (
            "tenant",
            {"p99_ms": 2001, "phases": {"Sent": 999}, "observed": observed(gap=0.26, pod_mb=257)},
            ["p99", "gap", "pod", "failed"],
        ),
        (
            "incidents",
            {
                "calls": {"list notificationrequests": 501},
                "listing_seconds": 0.081,
                "phases": {"Sent": 1000},
            },
            ["lists", "server"],
        ),
        ("fallback", {"seconds": 360.1, "phases": {"Sent": 999}}, ["seconds", "failed"]),
        ("receivers", {"observed": observed(page_mb=2.1, page_seconds=0.21)}, ["page", "scrape"]),
        ("slow", {"p99_ms": 1001}, ["p99"]),
    ],
)
def test_figure_beyond_its_bar_is_missed(scenario: str, bad: dict[str, Any], columns: list[str]) -> None:
    good = [result(one.name, first_end=1.0 if one.restart else None) for one in SCENARIOS]
    assert missed(figures(*good)) == []
    measured = [result(scenario, **bad) if one.scenario == scenario else one for one in good]
    assert missed(figures(*measured)) == [f"{scenario} {column}" for column in columns]


def test_bar_that_is_relative_to_a_missing_scenario_does_not_count() -> None:
    assert missed(figures(result("burst-10000", calls={"get": 90_000}))) == []


def test_table_shows_each_figure_with_its_limit() -> None:
    waited = result("away", wait=Wait(seconds=600, calls_each=2.06, last_end=4.2))
    measured = figures(
        BURST,
        result("burst-10000", cpu_seconds={"operator": 2.4, "API server": 1}),
        result("waiting", seconds=11),
        waited,
    )
    shown = rows(measured)
    assert {len(row) for row in shown} == {len(HEAD)}
    assert shown[0][1] == "333.3 (≥ 300)"
    assert shown[1][5] == "**2.4** (≤ 2.3)"
    assert shown[2][-1] == "at most 2 calls for one (≤ 10); **in all 11 s** (≤ 10)"
    assert "calls each meanwhile: 2.06; last end after its return: 4.2 s" in shown[3][-1]
    assert len(markdown(measured).splitlines()) == 6


def test_page_has_the_table_of_the_committed_figures() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert document(text, load(FIGURES)) == text, "run `python -m tests.bench.page`"


def test_plots_are_on_the_page_and_deterministic(tmp_path: Path) -> None:
    first, second = ([file.read_bytes() for file in draw(load(FIGURES), tmp_path)] for _ in range(2))
    assert first == second
    assert [f"images/bench-{plot.name}.svg" in DOCUMENT.read_text("utf-8") for plot in PLOTS] == [True, True]


def test_scenario_with_a_tenant_has_a_plot_of_its_time(tmp_path: Path) -> None:
    samples = tuple(Sample(at=10.0 * n, latency=0.1 * n, gap=0.01, pod_mb=100 + n) for n in range(5))
    tenant = result("tenant", observed=observed().model_copy(update={"samples": samples}))
    files = draw(figures(tenant), tmp_path)
    assert files[-1].name == "bench-tenant.svg"
    assert f"images/{files[-1].name}" in document(DOCUMENT.read_text("utf-8"), figures(tenant))


def test_scenario_with_others_is_tried_at_a_small_scale() -> None:
    small = {one.name: one.scaled(0.01) for one in SCENARIOS}
    assert (small["slow"].crowd, small["slow"].load.count) == (40, 5)
    assert small["burst-1000"].load.count == 1000


def test_scenarios_are_selected_by_name_or_set() -> None:
    assert chosen([], full=True) == list(SCENARIOS)
    assert 0 < len(chosen([], full=False)) < len(SCENARIOS)
    assert [one.name for one in chosen(["waiting", "burst-1000"], full=False)] == ["burst-1000", "waiting"]


def test_unknown_scenarios_are_reported_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "burst-7,waiting", "--only", "x"])
    assert "no scenario burst-7, x; there are burst-1000, " in capsys.readouterr().err
