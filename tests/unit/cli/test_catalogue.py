"""The catalogue of the command line and its tests agree: each promise has one test, in its group's files, and none is skipped."""

from __future__ import annotations

import re

from tests.cli.catalogue import CHECKS, DESCRIPTIONS
from tests.cli.conftest import REPORT
from tests.kit.check_report import marked
from tests.stack.catalogue import BY_ID
from tools.platform.pulumi.environment import ROOT

FILES = sorted((ROOT / "tests" / "cli").glob("test_*.py"))


def test_every_check_has_one_test() -> None:
    tests_by_id = marked(FILES)
    assert sorted(tests_by_id) == sorted(CHECKS)
    assert [check for check, tests in tests_by_id.items() if len(tests) != 1] == []


def test_catalogue_has_its_groups_and_says_each_promise_once() -> None:
    assert set(DESCRIPTIONS) == {"cli", "redrive", "drill", "page"}
    assert len(CHECKS) >= 45
    assert len(set(CHECKS.values())) == len(CHECKS)
    assert all(len(promise) <= 110 and not promise.endswith(".") for promise in CHECKS.values())
    assert not CHECKS.keys() & BY_ID.keys()


def test_no_test_of_the_command_line_is_skipped_expected_to_fail_or_rerun() -> None:
    for file in FILES:
        assert not re.search(r"\b(skip|skipif|xfail|importorskip|flaky|rerun)\b", file.read_text("utf-8")), (
            file
        )


def test_check_that_failed_or_was_not_run_does_not_count_as_passed() -> None:
    everything = dict.fromkeys(CHECKS, True)
    assert REPORT.closing_line(everything).startswith(f"{len(CHECKS)}/{len(CHECKS)} (cli ")
    without = {check: passed for check, passed in everything.items() if check != "drill-01"} | {
        "drill-02": False
    }
    drills = len(DESCRIPTIONS["drill"])
    assert REPORT.closing_line(without).startswith(f"{len(CHECKS) - 2}/{len(CHECKS)} ")
    assert f"drill {drills - 2}/{drills}" in REPORT.closing_line(without)
