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
KEPT = 50
"""Objects with their final status, and nearly valid specs, per share: candidates for the sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one process generates."""

    seed: int
    objects: int
    documents: int
    objects_per_case: int


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
    parts: tuple[tuple[int, Callable[[Share, Tally], Any]], ...] = (
        (share.objects // share.objects_per_case, _cases),
        (share.documents, _documents),
        (share.objects // share.objects_per_case, _specs),
    )
    for count, part in parts:
        try:
            _generated(part(share, tally), count, share.seed)()
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
    """Run objects and a document through the whole operator, in a schedule of faults."""

    @given(
        st.lists(objects, min_size=share.objects_per_case, max_size=share.objects_per_case),
        st.none() | texts_of_documents,
        st.integers(0, 2**32),
    )
    def test(some: list[dict[str, Any]], document: str | None, number: int) -> None:
        choices = random.Random(number).randbytes(CHOICES_LENGTH) if number else b""  # noqa: S311
        result = run_case(Case(objects=some, document=document, choices=choices))
        tally.objects += len(some)
        tally.documents += document is not None
        tally.writes += result.outcome.writes
        if len(tally.ended) < KEPT:
            tally.ended += result.ended
        trace = "\n".join(result.outcome.trace[-40:])
        assert not result.outcome.violation, f"{result.outcome.violation}\n{trace}"

    return test


def _documents(_share: Share, tally: Tally) -> Callable[..., None]:
    """Read documents, and route by those that can be used; nothing but the declared error is raised."""

    @given(texts_of_documents, objects)
    def test(text: str, obj: dict[str, Any]) -> None:
        tally.documents += 1
        try:
            table = read_table(text)
        except RoutingTableError as error:
            assert error.problems, "a document was refused without a reason"
        else:
            tally.usable_documents += 1
            table.match(obj["labels"])

    return test


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
