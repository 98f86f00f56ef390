"""Which mutations run at the same time: concurrent lanes with an operator each, then lanes that run alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING

from pulumi.automation import CommandError

from tests.mutations.checks import Color

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from tests.mutations.checks import CheckResult
    from tests.mutations.mutation import Mutation
    from tests.mutations.targets import MutatedStack, Target

LARGEST = 15
"""Mutations per lane at most; an operator with more gets further lanes."""
CONCURRENT = 3
"""Lanes at the same time, on two cores."""
SHOWN = 100
"""Characters of a check's message that are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Mutations that follow one another on one target."""

    name: str
    mutations: Sequence[Mutation]
    alone: bool = False

    def target(self, mutated: MutatedStack) -> AbstractContextManager[Target]:
        """Give the lane's target."""
        first = self.mutations[0]
        return mutated.crd() if first.in_crd else mutated.operator(first.operator, self.name)


def lanes(mutations: Iterable[Mutation]) -> tuple[list[Lane], list[Lane]]:
    """Return the lanes that run concurrently, and those that follow one by one."""
    rows = list(mutations)
    in_crd = [row for row in rows if row.in_crd]
    concurrent = [
        lane
        for operator, group in _by_operator(row for row in rows if not (row.alone or row.in_crd))
        for lane in _split(operator, group)
    ]
    alone = [
        Lane(name=f"{operator}-alone", mutations=group, alone=True)
        for operator, group in _by_operator(row for row in rows if row.alone)
    ]
    return concurrent, [*alone, *([Lane(name="crd", mutations=in_crd)] if in_crd else [])]


def _by_operator(rows: Iterable[Mutation]) -> Iterable[tuple[str, list[Mutation]]]:
    groups: dict[str, list[Mutation]] = {}
    for row in rows:
        groups.setdefault(row.operator, []).append(row)
    return groups.items()


def _split(operator: str, rows: Sequence[Mutation]) -> list[Lane]:
    count = -(-len(rows) // LARGEST)
    names = [operator] if count == 1 else [f"{operator}-{number}" for number in range(1, count + 1)]
    return [Lane(name=name, mutations=rows[index::count]) for index, name in enumerate(names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRunner:
    """Runs lanes on a stack, and reports the result of each check."""

    mutated: MutatedStack
    report: Callable[[str], None]

    def run(self, mutations: Iterable[Mutation]) -> list[Mutation]:
        """Run every mutation, and return those that were caught."""
        concurrent, sequential = lanes(mutations)
        with ThreadPoolExecutor(CONCURRENT) as pool:
            caught = list(pool.map(self._lane, concurrent))
        caught += [self._lane(lane) for lane in sequential]
        return [mutation for lane in caught for mutation in lane]

    def _lane(self, lane: Lane) -> list[Mutation]:
        """Return the caught mutations: all checks red, and all of them green with the original."""
        every = {check for mutation in lane.mutations for check in mutation.checks}
        with lane.target(self.mutated) as target:
            sound = self._checks(lane, target, None, every, Color.GREEN)
            return [
                mutation
                for mutation in lane.mutations
                if sound.issuperset(mutation.checks)
                and self._checks(lane, target, mutation, mutation.checks, Color.RED).issuperset(
                    mutation.checks
                )
            ]

    def _checks(
        self, lane: Lane, target: Target, mutation: Mutation | None, checks: Iterable[str], expected: Color
    ) -> set[str]:
        """Deploy, run the checks, and return those with the expected color."""
        title = f"{lane.name}: {mutation.name if mutation else 'original'}"
        start = time.monotonic()
        try:
            target.deploy(mutation)
            results = target.check(checks, alone=lane.alone)
        except (AssertionError, CommandError, TimeoutExpired) as error:
            self.report(f"{title}: NOT RUN: {error}")
            return set()
        for check, result in results.items():
            self.report(f"{title}: {check} {_text(result, expected)}")
        self.report(f"{title}: {time.monotonic() - start:.0f} s")
        return {check for check, result in results.items() if result.color is expected}


def _text(result: CheckResult, expected: Color) -> str:
    mark = "as expected" if result.color is expected else f"UNEXPECTED, must be {expected}"
    return f"{result.color}, {mark}  {' '.join(result.message.split())[:SHOWN]}"
