"""Runs one schedule on a virtual loop, and returns its outcome."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.choices import Choices
from tests.simulation.incidents import IncidentSimulation
from tests.simulation.receivers.simulation import ReceiverSimulation
from tests.simulation.simulation import Simulation, TimeLimitError
from tests.simulation.slots import SlotSimulation
from tests.simulation.violations import InvariantViolation
from tests.simulation.virtual_loop import run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status import StatusStore
    from tests.simulation.process import Process


@dataclass(slots=True)
class Outcome:
    """The outcome of a schedule."""

    violation: str = ""
    """The invariant that was violated; empty if all held."""
    trace: list[str] = field(default_factory=list)
    choices: int = 0
    """Bytes of choices that were used, up to the violation."""
    seconds: float = 0.0
    """Virtual seconds, up to the violation."""
    reads: int = 0
    writes: int = 0
    overtaken: int = 0
    """Successes that were lost in the one unavoidable way; see `Invariants`."""
    incidents: int = 0


def run_schedule(
    data: bytes, store: Callable[[Process], StatusStore] | None = None, *, time_limit: float = math.inf
) -> Outcome:
    """Run the schedule of some choices and return its outcome.

    Args:
        data: the choices; see `Choices`.
        store: creates a store with an injected fault for a process.
        time_limit: virtual seconds after which the rest, and the checks at the end, are skipped.
    """
    kind = (
        ReceiverSimulation
        if has_receivers(data)
        else IncidentSimulation
        if has_incidents(data)
        else SlotSimulation
        if has_one_slot(data)
        else Simulation
    )
    return run_simulation(kind(Choices(data), store, time_limit=time_limit))


def has_receivers(data: bytes) -> bool:
    """Return whether the schedule of some choices has receivers, as a third of all have.

    The first choice decides this in addition, so that choices without receivers mean what they always did.
    """
    return bool(data) and data[0] % 3 == 1


def has_incidents(data: bytes) -> bool:
    """Return whether the schedule of some choices has incidents, as a sixth of all have."""
    return bool(data) and data[0] % 6 == 5


def has_one_slot(data: bytes) -> bool:
    """Return whether each channel of the schedule of some choices has one slot, as in a sixth of all."""
    return bool(data) and data[0] % 6 == 3


def run_simulation(simulation: Simulation) -> Outcome:
    """Run a simulation on a virtual loop, and return its outcome."""
    state = random.getstate()
    # Delays that spread load are random in the operator, and the same in each run of a schedule.
    random.seed(0)
    try:
        return run_virtually(_outcome(simulation))
    finally:
        random.setstate(state)


async def _outcome(simulation: Simulation) -> Outcome:
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: simulation.fail(str(context.get("exception") or context))
    )
    try:
        await simulation.run()
        simulation.end()
    except InvariantViolation as violation:
        simulation.end(str(violation))
    except TimeLimitError:
        simulation.end()
    finally:
        await simulation.close()
    return Outcome(
        violation=simulation.violation,
        trace=simulation.trace,
        choices=simulation.choices_used,
        seconds=simulation.seconds,
        reads=simulation.invariants.reads,
        writes=simulation.invariants.writes,
        overtaken=simulation.invariants.overtaken,
        incidents=simulation.invariants.incidents,
    )
