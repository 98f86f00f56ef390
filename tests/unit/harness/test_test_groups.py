"""Tests that stop the same operator never run in parallel."""

import re

import pytest

pytest_plugins = ["pytester"]

GROUPED = """
import pytest

@pytest.mark.xdist_group("alone-together")
@pytest.mark.parametrize("number", range(6))
def test_grouped(number):
    pass
"""


def test_group_runs_on_one_worker(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name in ("one", "two"):
        pytester.makepyfile(**{f"test_{name}": GROUPED})
    result = pytester.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "-v", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=12)
    workers = set(re.findall(r"\[(gw\d)\].*test_grouped", "\n".join(result.outlines)))
    assert len(workers) == 1
