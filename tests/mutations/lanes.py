"""Who takes turns with whom: lanes that run side by side, each with an operator of its own, then those that run alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING

from pulumi.automation import CommandError

from tests.mutations.checks import GREEN, RED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from tests.mutations.checks import Seen
    from tests.mutations.mutation import Mutation
    from tests.mutations.runs import Ground, Place

MANY = 15
"""Mutations of one lane at most; an operator with more gets further lanes."""
AT_ONCE = 3
"""Lanes at once: two cores have no more to give."""
SAID = 100
"""Characters of what a check said that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Mutations that take turns in one place."""

    name: str
    mutations: Sequence[Mutation]
    alone: bool = False

    def ground(self, place: Place) -> AbstractContextManager[Ground]:
        """Give the place: beside the operators, or the CRD under all of them."""
        first = self.mutations[0]
        return place.under() if first.in_contract else place.beside(first.operator, self.name)


def lanes(mutations: Iterable[Mutation]) -> tuple[list[Lane], list[Lane]]:
    """Return the lanes that run side by side, and those that follow one by one."""
    rows = list(mutations)
    beside = [row for row in rows if not (row.alone or row.in_contract)]
    measuring = [row for row in rows if row.alone]
    under = [row for row in rows if row.in_contract]
    side_by_side = [
        lane
        for operator in dict.fromkeys(row.operator for row in beside)
        for lane in _dealt(operator, [row for row in beside if row.operator == operator])
    ]
    alone = [
        Lane(
            name=f"{operator}-alone",
            mutations=[row for row in measuring if row.operator == operator],
            alone=True,
        )
        for operator in dict.fromkeys(row.operator for row in measuring)
    ]
    return side_by_side, [*alone, *([Lane(name="contract", mutations=under)] if under else [])]


def _dealt(operator: str, rows: Sequence[Mutation]) -> list[Lane]:
    count = -(-len(rows) // MANY)
    names = [operator] if count == 1 else [f"{operator}-{number}" for number in range(1, count + 1)]
    return [Lane(name=name, mutations=rows[index::count]) for index, name in enumerate(names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Runs lanes on a place, and tells what comes of each check."""

    place: Place
    tell: Callable[[str], None]

    def all(self, mutations: Iterable[Mutation]) -> list[Mutation]:
        """Run every mutation, and return those that were caught."""
        side_by_side, afterwards = lanes(mutations)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            caught = list(pool.map(self.lane, side_by_side))
        caught += [self.lane(lane) for lane in afterwards]
        return [mutation for found in caught for mutation in found]

    def lane(self, lane: Lane) -> list[Mutation]:
        """Return what of a lane was caught: nothing by checks that the whole operator does not pass."""
        every = {check for mutation in lane.mutations for check in mutation.checks}
        with lane.ground(self.place) as ground:
            sound = self._turn(lane, ground, None, every, GREEN)
            return [
                mutation
                for mutation in lane.mutations
                if sound.issuperset(mutation.checks)
                and self._turn(lane, ground, mutation, mutation.checks, RED).issuperset(mutation.checks)
            ]

    def _turn(
        self, lane: Lane, ground: Ground, mutation: Mutation | None, checks: Iterable[str], wanted: str
    ) -> set[str]:
        """Put it there, run the checks, and return those that have the colour that is wanted."""
        name, start = mutation.name if mutation else "nothing broken", time.monotonic()
        try:
            ground.deploy(mutation)
            found = ground.check(checks, alone=lane.alone)
        except (AssertionError, CommandError, TimeoutExpired) as error:
            self.tell(f"{lane.name}: {name}: NOT RUN: {error}")
            return set()
        for check, seen in found.items():
            self.tell(f"{lane.name}: {name}: {check} {_told(seen, wanted)}")
        self.tell(f"{lane.name}: {name}: {time.monotonic() - start:.0f} s")
        return {check for check, seen in found.items() if seen.colour == wanted}


def _told(seen: Seen, wanted: str) -> str:
    mark = "as it should be" if seen.colour == wanted else "NOT AS IT SHOULD BE"
    return f"{seen.colour}, {mark}  {' '.join(seen.said.split())[:SAID]}"
