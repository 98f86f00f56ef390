"""What becomes of a check is read from pytest's own report: red is what did not hold, in whichever of its steps."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.mutations.checks import BROKE, GREEN, RED, read

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest

@pytest.fixture(autouse=True)
def named(record_property, request):
    record_property("check", request.node.name.removeprefix("test_"))

@pytest.fixture
def arranged():
    assert 1 == 2

@pytest.fixture
def cleared():
    yield
    assert 1 == 2

@pytest.fixture
def unreachable():
    raise ConnectionError("nobody there")

def test_holds(): pass
def test_does_not_hold(): assert 1 == 2
def test_breaks(): {}["a"]
def test_cannot_be_arranged(arranged): pass
def test_cannot_be_cleared_up(cleared): pass
def test_cannot_be_reached(unreachable): pass
"""


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("checks")
    (folder / "test_it.py").write_text(TESTS)
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run([*command, "--rootdir", str(folder), str(folder)], check=False, capture_output=True)
    return {check: seen.colour for check, seen in read(report).items()}


@pytest.mark.parametrize(
    ("check", "colour"),
    [
        ("holds", GREEN),
        ("does_not_hold", RED),
        ("breaks", RED),
        ("cannot_be_arranged", RED),
        ("cannot_be_cleared_up", RED),
        ("cannot_be_reached", BROKE),
    ],
)
def test_a_check_is_red_where_something_did_not_hold(
    colours: dict[str, str], check: str, colour: str
) -> None:
    assert colours[check] == colour
