"""The catalogue and the stack tests agree: each promise has one test, in its group's file, and none is skipped."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.stack.catalogue import BY_ID, CATALOGUE, RECEIVERS, SOURCES, files_of
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STACK_TESTS = sorted((ROOT / "tests" / "stack").glob("test_*.py"))


@pytest.fixture(scope="module")
def collected() -> list[tuple[str, str]]:
    """Return id and file of every collected check."""
    command = [sys.executable, "-m", "pytest", "tests/stack", "--collect-only", "--quiet", "--list-checks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^check (\S+) tests/stack/(\S+)\.py\b", done.stdout, re.MULTILINE)


def test_catalogue_has_117_checks_in_19_groups() -> None:
    assert len({check.id for check in CATALOGUE}) == 117
    assert len({check.promise for check in CATALOGUE}) == 117
    assert len({check.group for check in CATALOGUE}) == 19


def test_checks_of_receivers_and_sources_are_counted_on_their_own() -> None:
    groups = {"receivers", "fallback", "incidents", "waiting", "channels", "templates"}
    assert {check.group for check in RECEIVERS} == groups
    assert {check.group for check in SOURCES} == {"sources"}
    promises = {check.promise for check in (*RECEIVERS, *SOURCES)}
    assert len(promises) == len(RECEIVERS) + len(SOURCES) == len(BY_ID) - 117


def test_every_check_has_one_test_in_a_file_of_its_group(collected: list[tuple[str, str]]) -> None:
    assert sorted(check for check, _ in collected) == sorted(BY_ID)
    for check, file in collected:
        assert f"{file}.py" in files_of(BY_ID[check].group), check


def test_file_of_a_group_belongs_to_no_other_group() -> None:
    groups = {check.group for check in BY_ID.values()}
    files = [file for group in sorted(groups) for file in files_of(group)]
    assert len(set(files)) == len(files)
    assert all(files_of(group) for group in groups)


@pytest.mark.parametrize("file", STACK_TESTS, ids=lambda file: file.stem)
def test_no_stack_test_is_skipped_expected_to_fail_or_rerun(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(r"\b(skip|skipif|xfail|importorskip|flaky|rerun)\b\(", text)
    assert not re.search(r"mark\.(skip|skipif|xfail|flaky)", text)
