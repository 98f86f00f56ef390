"""The numbers in docs/contributing/testing.md and docs/contributing/packages.md that the code can be asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.catalogue import CHECKS
from tests.harness.operators import OPERATORS
from tests.runner.stack_tests import WORKERS
from tests.stack.catalogue import CATALOGUE, RECEIVERS, SOURCES
from tests.unit.repository.test_docs import page
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
GROUPS = {check.group for check in CATALOGUE}
COUNTS: Mapping[str, int] = {
    r"^(\d+) stack tests are checks": len(CATALOGUE),
    r"each of the (\d+) checks has a mutation": len(CATALOGUE),
    r"page of a complete run: (\d+) of \d+": len(CATALOGUE),
    r"`(\d+)/\d+ · receivers": len(CATALOGUE),
    r"promises of the product, in (\d+) groups": len(GROUPS),
    r"^(\d+) more checks, listed in": len(RECEIVERS),
    r"· receivers (\d+)/\d+ ·": len(RECEIVERS),
    r"The group `sources` has (\d+) checks": len(SOURCES),
    r"· sources (\d+)/\d+`": len(SOURCES),
    r"`command line (\d+)/\d+ ": len(CHECKS),
    r"The stack has (\w+) operators": len(OPERATORS),
    r"^(\w+) tests run at the same time": int(WORKERS),
}
"""A number or its word, and what it counts."""


@pytest.mark.parametrize("sentence", COUNTS)
def test_number_in_the_page_is_that_of_the_code(sentence: str) -> None:
    (number,) = re.findall(sentence, page("contributing/testing.md"), re.MULTILINE | re.IGNORECASE)
    assert (int(number) if number.isdigit() else WORDS.index(number.lower())) == COUNTS[sentence]


def test_fixtures_of_the_stack_are_those_in_the_page() -> None:
    documented = set(re.findall(r"^\| `(\w+)_operator` \|", page("contributing/testing.md"), re.MULTILINE))
    assert documented == set(OPERATORS)


def test_page_of_the_packages_names_every_wheel() -> None:
    text = page("contributing/packages.md")
    wheels = {file.parent.name for file in (ROOT / "packages").glob("*/pyproject.toml")}
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == wheels
    assert f"builds {WORDS[len(wheels)]} wheels" in text
