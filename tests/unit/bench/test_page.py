"""The page of figures: tables and plots depend on the committed figures only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench import tables
from tests.bench.figures import load, middle, save, together
from tests.bench.page import DOCUMENT, FIGURES, IMAGES, document
from tests.bench.plots import draw
from tests.bench.scenarios import SCENARIOS, UnknownScenarioError, chosen
from tests.unit.bench.results import RETRIED, figures, group, result, sink

if TYPE_CHECKING:
    from pathlib import Path

MEASURED = figures(
    result(),
    result(
        controller="naive", calls={"update notificationrequests/status": 3000}, calls_each=3.0, conflicts=7
    ),
    result("paced-5"),
    result("retry", sink=sink(), pauses=(RETRIED,)),
    result("slow", concurrent=group(count=100)),
    result("in-flight"),
)


def test_figures_are_read_back_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "figures.json"
    save(MEASURED, file)
    assert load(file) == MEASURED


def test_merged_runs_keep_the_last_result_of_a_measure() -> None:
    later = figures(result(calls_each=2.5), result("retry")).model_copy(update={"commit": "later"})
    matches = together([figures(result(), result("paced-5")), later])
    assert [one.scenario for one in matches.results] == ["burst-1000", "paced-5", "retry"]
    assert matches.of("burst-1000", "ours") == later.results[0]
    assert matches.commit == "0123456789ab, later"


def test_runs_of_different_machines_are_not_merged() -> None:
    one = figures(result())
    other = one.model_copy(update={"machine": one.machine.model_copy(update={"processors": 8})})
    with pytest.raises(ValueError, match="different machines"):
        together([one, other])


@pytest.mark.parametrize(
    ("rates", "kept"), [((250.0,), 250.0), ((250.0, 310.0, 270.0), 270.0), ((300.0, 250.0), 250.0)]
)
def test_median_round_is_kept(rates: tuple[float, ...], kept: float) -> None:
    rounds = [result(main=group(rate=rate)) for rate in rates]
    naive = result(controller="naive")
    matches = middle([*rounds, naive])
    assert [one.controller for one in matches] == ["ours", "naive"]
    assert matches[0].main.rate == kept


def test_table_rows_have_as_many_cells_as_the_head() -> None:
    for make in (tables.bars, tables.speed, tables.cost, tables.calls, tables.sinks):
        table = make(MEASURED)
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.head)}
        assert len(table.markdown().splitlines()) == len(table.rows) + 2


def test_calls_are_per_notification_of_all_loads() -> None:
    table = tables.calls(figures(result("slow", concurrent=group(count=1000), calls={"get x": 3000})))
    assert table.rows[0][-1] == "1.5"


def test_plots_are_deterministic(tmp_path: Path) -> None:
    first, second = (draw(MEASURED, tmp_path / name) for name in ("one", "two"))
    assert [file.name for file in first] == [
        f"bench-{name}.svg" for name in ("rate", "latency", "calls", "cpu", "memory")
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_empty_figures_are_not_plotted(tmp_path: Path) -> None:
    assert draw(figures(), tmp_path) == []


def test_page_has_the_tables_of_the_committed_figures() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert document(text, load(FIGURES)) == text, "run `python -m tests.bench.page`"


def test_plots_of_the_page_exist() -> None:
    shown = {file.name for file in IMAGES.glob("bench-*.svg")}
    assert {f"images/{name}" in DOCUMENT.read_text("utf-8") for name in shown} == {True}


def test_scenarios_are_selected_by_name_or_set() -> None:
    assert chosen([], full=True) == SCENARIOS
    quick = chosen([], full=False)
    assert 0 < len(quick) < len(SCENARIOS)
    assert [one.name for one in chosen(["retry", "burst-200"], full=False)] == ["burst-200", "retry"]
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS)


def test_unknown_scenarios_are_reported_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownScenarioError, match=r"no scenario burst-7, nothing; there are burst-200, .*restart"
    ):
        chosen(["burst-7", "retry", "nothing"], full=False)
