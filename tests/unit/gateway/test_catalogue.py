"""The catalogue of the gateway and its tests agree: each promise has one test, in the file of its group, and none is skipped."""

from __future__ import annotations

import re

from tests.api_server.gateway.catalogue import DESCRIPTIONS, REPORT
from tests.cli.catalogue import CHECKS as OF_THE_COMMAND_LINE
from tests.kit.check_report import marked
from tests.stack.catalogue import BY_ID
from tools.platform.pulumi.environment import ROOT

FILES = sorted((ROOT / "tests" / "api_server" / "gateway").glob("test_*.py"))


def test_every_check_has_one_test_in_the_file_of_its_group() -> None:
    tests_by_id = marked(FILES)
    assert sorted(tests_by_id) == sorted(REPORT.checks)
    for check, tests in tests_by_id.items():
        ((file, _),) = tests
        topic = check.removeprefix("gateway-").rpartition("-")[0]
        assert file.name == f"test_{topic}.py", check


def test_catalogue_says_each_promise_once() -> None:
    promises = [promise for group in DESCRIPTIONS.values() for promise in group]
    assert len(set(promises)) == len(promises) >= 45
    assert all(len(promise) <= 110 and not promise.endswith(".") for promise in promises)
    assert not REPORT.checks.keys() & {*BY_ID, *OF_THE_COMMAND_LINE}


def test_no_test_of_the_gateway_is_skipped_expected_to_fail_or_rerun() -> None:
    words = re.compile(r"\b(skip|skipif|xfail|importorskip|flaky|rerun)\b")
    assert [file.name for file in FILES if words.search(file.read_text("utf-8"))] == []
