"""Options, report and records of a run of the suite, by real runs of pytest over small files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.harness.report.records import Record, read
from tests.runner.stack_tests import PARTS
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from tests.harness.report.plugin import *

@pytest.fixture
def shipped_operator(): pass

@pytest.fixture
def stoppable_operator(): pass

@pytest.fixture
def repetition(request): return request.param
"""
TESTS = """
import pytest

@pytest.mark.check("retry-01")
def test_first(shipped_operator): pass

@pytest.mark.check("retry-02")
def test_second(shipped_operator): pass

@pytest.mark.needs_pod
@pytest.mark.check("status-01")
def test_third(stoppable_operator): pass

@pytest.mark.check("status-02")
def test_fourth(shipped_operator): pass

def test_outside_of_the_catalogue(shipped_operator): pass

@pytest.mark.long
def test_long(shipped_operator): pass
"""
TROUBLE = """
import time
import pytest

@pytest.fixture
def broken(): raise RuntimeError("no stack")

@pytest.fixture
def untidy():
    yield
    raise RuntimeError("something is left")

@pytest.mark.check("crd-01")
def test_fails(): assert 1 == 2, "one is not two"

@pytest.mark.check("crd-02")
def test_has_no_fixture(broken): pass

@pytest.mark.check("crd-03")
def test_leaves_something(untidy): pass

@pytest.mark.check("crd-04")
@pytest.mark.timeout(1)
def test_hangs(): time.sleep(60)

@pytest.mark.check("crd-06")
def test_is_skipped(): pytest.skip("not today")

@pytest.mark.check("crd-07")
def test_passes(): pass
"""
CRASH = """
import os
import pytest

@pytest.mark.check("crd-05")
def test_takes_the_process_down(): os._exit(1)
"""
INI = "[pytest]\naddopts = -p no:cacheprovider\nmarkers =\n  alone\n  check(id)\n  long\n  needs_pod\n"


class Runs:
    """Runs pytest over files of the test."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.records_file: Path = pytester.path / "records"

    def __call__(self, text: str, *arguments: str) -> pytest.RunResult:
        """Run, and keep the records; return pytest's result."""
        self._pytester.makepyfile(test_small=text)
        return self._pytester.runpytest_subprocess("--records", str(self.records_file), *arguments)

    def chosen(self, *arguments: str) -> list[str]:
        """Return the names of the tests that a run of TESTS selects, in their order."""
        self.records_file.unlink(missing_ok=True)
        assert self(TESTS, *arguments).ret == 0
        return [record.test.rpartition("::test_")[2] for record in self.records]

    @property
    def records(self) -> list[Record]:
        return read(self.records_file)


@pytest.fixture
def runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", ":".join(str(ROOT / part) for part in ("", "operator", "infra")))
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)
    return Runs(pytester)


def test_checks_are_selected_by_id_and_by_pattern(runs: Runs) -> None:
    assert runs.chosen("--check", "retry-02") == ["second"]
    chosen = runs.chosen("--check", "s*-01", "--check", "retry-01,status-02")
    assert sorted(chosen) == ["first", "fourth", "third"]


def test_unknown_check_is_rejected_with_similar_ids(runs: Runs) -> None:
    refused = runs(TESTS, "--check", "retry-2")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "--check retry-2: unknown check; did you mean retry-02" in "\n".join(refused.errlines)


def test_process_target_leaves_out_tests_that_need_a_pod(runs: Runs) -> None:
    assert runs.chosen("--target", "process") == [
        "first",
        "second",
        "fourth",
        "outside_of_the_catalogue",
    ]


def test_long_tests_run_only_with_the_option(runs: Runs) -> None:
    assert runs.chosen("--long") == ["long"]


def test_random_order_is_the_same_for_the_same_seed(runs: Runs) -> None:
    first = runs.chosen("--shuffle", "3", "--repeat", "4")
    assert runs.chosen("--shuffle", "3", "--repeat", "4") == first
    assert first != sorted(first)
    assert len(first) == 5 * 4


def test_failures_of_every_worker_are_printed_and_recorded(runs: Runs) -> None:
    output = runs(TROUBLE, "-n", "2", "--dist", "loadgroup")
    assert output.ret == pytest.ExitCode.TESTS_FAILED
    results = {record.check: record for record in runs.records}
    assert {check for check, record in results.items() if not record.passed} == {
        f"crd-0{number}" for number in (1, 2, 3, 4, 6)
    }
    assert results["crd-07"].passed
    assert "one is not two" in results["crd-01"].message
    assert "no stack" in results["crd-02"].message
    assert "something is left" in results["crd-03"].message
    assert "Timeout" in results["crd-04"].message
    assert "not today" in results["crd-06"].message
    lines = "\n".join(output.outlines)
    assert re.search(r"^\[[1-6]/6\] ok +[\d.]+ s +crd-07 +A new notification", lines, re.MULTILINE)
    assert re.search(r"^\[[1-6]/6\] FAILED +[\d.]+ s +crd-01 ", lines, re.MULTILINE)


def test_crashed_test_has_failed_and_the_run_ends(runs: Runs) -> None:
    output = runs(CRASH, *PARTS["parallel"])
    assert output.ret != pytest.ExitCode.OK
    (record,) = runs.records
    assert (record.check, record.passed) == ("crd-05", False)
    assert "crashed while running" in record.message


def test_run_without_a_caller_prints_table_and_writes_page(runs: Runs, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_small=TESTS)
    output = pytester.runpytest_subprocess("-n", "2", "--page", "page.html")
    lines = "\n".join(output.outlines)
    assert re.search(r"^retry +2/2", lines, re.MULTILINE)
    assert "4/117 (4 run)" in output.outlines
    assert runs.records == []
    assert "No attempt follows a successful one" in (pytester.path / "page.html").read_text("utf-8")
