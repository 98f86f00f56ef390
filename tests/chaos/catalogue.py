"""All scenarios, those first that take longest, so that the lanes end together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.scenario import Scenario
from tests.chaos.scenarios import (
    answers,
    audits,
    clocks,
    credentials,
    disks,
    floods,
    grants,
    incidents,
    kills,
    kinds,
    outages,
    receivers,
    replicas,
    watches,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOMS = (
    *(outages, floods, workers, credentials, replicas, kinds, clocks, incidents, grants),
    *(answers, watches, kills, disks, receivers, audits),
)
SCENARIOS = tuple(each for room in ROOMS for each in vars(room).values() if isinstance(each, Scenario))


def chosen(only: Iterable[str], skip: Iterable[str]) -> Sequence[Scenario]:
    """Return the scenarios whose names contain one of the words of `only`, if there are any, and none of `skip`."""
    words, unwanted = tuple(only), tuple(skip)
    return [
        each
        for each in SCENARIOS
        if (not words or any(word in each.name for word in words))
        and not any(word in each.name for word in unwanted)
    ]
