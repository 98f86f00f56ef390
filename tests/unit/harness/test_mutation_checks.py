"""The results of checks are read from pytest's JUnit report: red is a failed assertion, in any step of a test."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.mutations.checks import Color, read

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest

@pytest.fixture(autouse=True)
def named(record_property, request):
    record_property("check", request.node.name.removeprefix("test_"))

@pytest.fixture
def setup_asserts():
    assert 1 == 2

@pytest.fixture
def teardown_asserts():
    yield
    assert 1 == 2

@pytest.fixture
def unreachable():
    raise ConnectionError("nobody there")

def test_passes(): pass
def test_asserts(): assert 1 == 2
def test_raises(): {}["a"]
def test_setup_asserts(setup_asserts): pass
def test_teardown_asserts(teardown_asserts): pass
def test_setup_raises(unreachable): pass
"""


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Color]:
    folder: Path = tmp_path_factory.mktemp("checks")
    (folder / "test_it.py").write_text(TESTS)
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run([*command, "--rootdir", str(folder), str(folder)], check=False, capture_output=True)
    return {check: result.color for check, result in read(report).items()}


@pytest.mark.parametrize(
    ("check", "color"),
    [
        ("passes", Color.GREEN),
        ("asserts", Color.RED),
        ("raises", Color.RED),
        ("setup_asserts", Color.RED),
        ("teardown_asserts", Color.RED),
        ("setup_raises", Color.BROKEN),
    ],
)
def test_check_is_red_if_an_assertion_fails_in_any_step(
    colors: dict[str, Color], check: str, color: Color
) -> None:
    assert colors[check] == color
