"""Runs generated cases in several processes, and compares a sample with a real API server."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from notification_contract.routing.document import read_table
from notification_contract.routing.table import RoutingTableError
from tests.fuzz.documents import texts_of_documents
from tests.fuzz.objects import nearly_valid_specs, objects
from tests.fuzz.schema import problems
from tests.fuzz.simulation import Case, run_case

if TYPE_CHECKING:
    from collections.abc import Callable

CHOICES_LENGTH = 1500
"""Bytes: more than nearly every case uses."""
MIXED_PER_DRAWN = 4
"""Objects of a case per object that hypothesis generates, which takes longer than to deliver it."""
KEPT = 50
"""Objects with their final status, and nearly valid specs, per share: candidates for the sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one process generates; hypothesis may add a case or two."""

    seed: int
    cases: int
    objects_per_case: int
    documents_per_case: int


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was generated and found; the lists are candidates for the sample."""

    seed: int = 0
    objects: int = 0
    documents: int = 0
    usable_documents: int = 0
    writes: int = 0
    refused_specs: int = 0
    seconds: float = 0.0
    failure: str = ""
    ended: list[dict[str, Any]] = field(default_factory=list)
    specs: list[dict[str, Any]] = field(default_factory=list)


def run_share(share: Share) -> Tally:
    """Run one share; a failure is shrunk, and described with the way to repeat it."""
    tally, began = Tally(seed=share.seed), time.monotonic()
    for part in (_cases, _specs):
        try:
            _generated(part(share, tally), share.cases, share.seed)()
        except Exception as error:  # noqa: BLE001 - whatever the operator raises is the finding
            tally.failure = _described(error)
            break
    tally.seconds = time.monotonic() - began
    return tally


def _generated(test: Callable[..., None], count: int, number: int) -> Callable[[], None]:
    configured: Callable[[], None] = seed(number)(
        settings(
            max_examples=max(1, count),
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )(test)
    )
    return configured


def _cases(share: Share, tally: Tally) -> Callable[..., None]:
    """Run objects and documents through the whole operator, in a schedule of faults."""
    drawn = max(1, share.objects_per_case // MIXED_PER_DRAWN)

    @given(
        st.lists(objects, min_size=drawn, max_size=drawn),
        st.lists(texts_of_documents, min_size=share.documents_per_case, max_size=share.documents_per_case),
        st.integers(0, 2**32),
    )
    def test(some: list[dict[str, Any]], documents: list[str], number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - a schedule, not a secret
        choices = chance.randbytes(CHOICES_LENGTH) if number else b""
        mixed = [_mixed(some, chance) for _ in range(share.objects_per_case - drawn)]
        result = run_case(Case(objects=[*some, *mixed], documents=documents, choices=choices))
        tally.objects += share.objects_per_case
        tally.documents += len(documents)
        tally.usable_documents += sum(map(_is_usable, documents))
        tally.writes += result.outcome.writes
        if len(tally.ended) < KEPT:
            tally.ended += result.ended
        trace = "\n".join(result.outcome.trace[-40:])
        assert not result.outcome.violation, f"{result.outcome.violation}\n{trace}"

    return test


def _mixed(some: list[dict[str, Any]], chance: random.Random) -> dict[str, Any]:
    """Return an object with each field from another one: as valid as they are, and cheaper than a new one."""
    fields = {name for each in some for name in each["spec"]}
    donors = {name: chance.choice(some)["spec"] for name in sorted(fields)}
    spec = {name: donor[name] for name, donor in donors.items() if name in donor}
    whole = {**chance.choice(some)["spec"], **spec}
    return {
        "spec": whole,
        "labels": chance.choice(some)["labels"],
        "annotations": chance.choice(some)["annotations"],
    }


def _is_usable(text: str) -> bool:
    """Return whether a document can be used; nothing but the declared error, with reasons, refuses it."""
    try:
        read_table(text)
    except RoutingTableError as error:
        if not error.problems:
            raise
        return False
    return True


def _specs(_share: Share, tally: Tally) -> Callable[..., None]:
    """Damage specs, and see that the validator without an API server decides about each."""

    @given(nearly_valid_specs())
    def test(spec: dict[str, Any]) -> None:
        tally.refused_specs += bool(list(problems({"metadata": {}, "spec": spec})))
        if len(tally.specs) < KEPT:
            tally.specs.append(spec)

    return test


def _described(error: BaseException) -> str:
    notes = "\n".join(getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}\n{notes}"
