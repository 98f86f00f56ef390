"""Selects the tests of a run: by check id and target, in which order, and how often."""

from __future__ import annotations

import difflib
import fnmatch
import random
from typing import TYPE_CHECKING

import pytest

from tests.stack.catalogue import BY_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECK_SECONDS = 180.0
"""Timeout of a test; the longest check takes 75 s."""


ONE_AT_A_TIME = ("stoppable_operator", "breaker_operator", "proxied_operator", "gateway")
"""Fixtures whose process a test may stop or disturb, or whose requests it counts exactly."""


def group(item: pytest.Item) -> None:
    """Put a test into the group of such a fixture."""
    for name in ONE_AT_A_TIME:
        if name in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(name))


LONG = ("status-06", "resource-03", "retry-01", "status-05")
"""Checks that take most of a minute."""


def begin_with_the_longest(items: list[pytest.Item]) -> None:
    """Put groups and long checks first, so that no long one starts last."""

    def later(item: pytest.Item) -> int:
        if item.get_closest_marker("xdist_group"):
            return 0
        return 1 if check_of(item) in LONG else 2

    items.sort(key=later)


def check_of(item: pytest.Item) -> str:
    """Return a test's catalogue id, empty when it has none."""
    mark = item.get_closest_marker("check")
    return str(mark.args[0]) if mark else ""


def choose(
    items: list[pytest.Item], patterns: Sequence[str], target: str, *, long: bool = False
) -> list[pytest.Item]:
    """Return the tests to run: with `long` those with that mark, without it all others.

    Raises:
        pytest.UsageError: a pattern matches no check of the catalogue.
    """
    wanted = [word for pattern in patterns for word in pattern.split(",")]
    ids = {check for word in wanted for check in _matching(word)}
    return [
        item
        for item in items
        if (not wanted or check_of(item) in ids)
        and bool(item.get_closest_marker("long")) is long
        and not (target == "process" and item.get_closest_marker("needs_pod"))
    ]


def _matching(word: str) -> list[str]:
    checks = fnmatch.filter(BY_ID, word)
    if not checks:
        close = difflib.get_close_matches(word, BY_ID, n=3)
        raise pytest.UsageError(f"--check {word}: unknown check; did you mean {', '.join(close)}?")
    return checks


def shuffle(items: list[pytest.Item], seed: int) -> None:
    """Put the tests into a random order, the same for the same seed."""
    random.Random(seed).shuffle(items)  # noqa: S311 - an order is no secret


def limit(items: Sequence[pytest.Item]) -> None:
    """Give each test a timeout, which does not include its fixtures."""
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(CHECK_SECONDS, func_only=True))


def repeat(metafunc: pytest.Metafunc, times: int) -> None:
    """Parametrize a test to run several times."""
    if times > 1:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(1, times + 1), indirect=True)
