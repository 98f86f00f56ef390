"""The table and the page of a run."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from tests.harness.report.page import render
from tests.harness.report.records import Evidence, Record, append, read
from tests.harness.report.table import closing_line, print_table
from tests.stack.catalogue import BY_ID, CATALOGUE, GROUPS, RECEIVERS, SOURCES

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALL = [
    Record(test=f"t::{check.id}", check=check.id, promise=check.promise, passed=True, seconds=1.5)
    for check in BY_ID.values()
]
TOTAL = f"117/117 · receivers {len(RECEIVERS)}/{len(RECEIVERS)} · sources {len(SOURCES)}/{len(SOURCES)}"
FAILURE = Record(
    test="tests/stack/test_retry.py::test_x",
    check="retry-02",
    promise="Nothing <b>more</b>",
    passed=False,
    seconds=3.25,
    message="E assert 4 == 3",
    evidence=[Evidence(objects="phase: Retrying", events="MaxRetriesExhausted & more", log='{"event": "x"}')],
)


def printed(records: list[Record]) -> str:
    output = io.StringIO()
    print_table(Console(file=output, width=120), records)
    return output.getvalue()


def test_records_are_read_back_unchanged(tmp_path: Path) -> None:
    for record in (ALL[0], FAILURE):
        append(tmp_path / "records", record)
    assert read(tmp_path / "records") == [ALL[0], FAILURE]
    assert read(tmp_path / "none") == []


def test_table_has_a_row_per_group_and_the_total() -> None:
    lines = [line.rstrip() for line in printed(ALL).splitlines()]
    assert [line.split()[0] for line in lines[1 : 1 + len(GROUPS)]] == list(GROUPS)
    assert re.search(r"^retry +2/2 ", "\n".join(lines), re.MULTILINE)
    assert lines[-1] == TOTAL


def test_failed_or_missing_check_does_not_count_as_passed() -> None:
    others = [record for record in ALL if record.check not in {"retry-02", "crd-01"}]
    assert closing_line([*others, FAILURE]) == TOTAL.replace("117/117", "115/117 (116 run)")
    table = printed([*others, FAILURE])
    assert re.search(r"^retry +1/2 .* retry-02", table, re.MULTILINE)
    assert re.search(r"^crd +10/11 ", table, re.MULTILINE)


def test_tests_outside_of_the_catalogue_are_counted_separately() -> None:
    unlisted = Record(test="t::extra", promise="Extra", passed=True, seconds=1)
    assert "not in the catalogue 1/1" in printed([*ALL, unlisted])
    assert closing_line([*ALL, unlisted]) == TOTAL


def test_part_of_which_nothing_ran_is_left_out() -> None:
    core, receivers = ({check.id for check in checks} for checks in (CATALOGUE, RECEIVERS))
    assert closing_line([record for record in ALL if record.check in core]) == "117/117"
    (first, *_) = (record for record in ALL if record.check in receivers)
    assert closing_line([first]) == f"0/117 (0 run) · receivers 1/{len(RECEIVERS)} (1 run)"
    assert closing_line([]) == "0/117 (0 run)"


def test_page_is_self_contained_with_promise_result_and_time() -> None:
    page = render(ALL, at=AT)
    for check in BY_ID.values():
        assert f"<strong>{check.id}</strong>" in page
    assert TOTAL in page
    assert "1.5 s" in page
    assert "2026-01-02 03:04:05 UTC" in page
    assert not re.search(r"(src|href)=\"(?!#)|https?://|@import|url\(", page)
    assert 'name="viewport"' in page


def test_page_shows_the_evidence_of_a_failure_as_text() -> None:
    page = render([FAILURE], at=AT)
    for text in ("E assert 4 == 3", "phase: Retrying", "MaxRetriesExhausted &amp; more", "&lt;b&gt;more"):
        assert text in page
    assert "{&#34;event&#34;: &#34;x&#34;}" in page
    assert f">{len(BY_ID) - 1}<" in page  # checks that were not run
