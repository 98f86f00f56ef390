"""What an operator takes of its machine, and what it still remembers, by its own metrics page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.eventually import eventually

if TYPE_CHECKING:
    from tests.stack.suite import Suite

PREFIX = "kubernaut_notification_"
MEGABYTE = 1024 * 1024
KEPT = ("queue_depth", "queue_running", "queue_delayed", "in_flight", "unsaved_attempts")
LOOKS = 6
"""As many equal ones, half a second apart, are longer than the watching side keeps a task for an object."""
PHASES = ("Pending", "Sending", "Retrying", "Sent", "PartiallySent", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One look at the process."""

    memory: float
    """Resident bytes, uncollected garbage included."""
    workers: float
    """Live threads and unfinished asyncio tasks."""
    descriptors: float
    """Open files and sockets."""


def footprint(suite: Suite) -> Footprint:
    """Look at the process now."""
    return Footprint(
        memory=suite.metric("process_resident_memory_bytes"),
        workers=suite.metric(f"{PREFIX}runtime_threads") + suite.metric(f"{PREFIX}runtime_tasks"),
        descriptors=suite.metric("process_open_fds"),
    )


def remembered(suite: Suite) -> dict[str, float]:
    """Return what the operator keeps in memory about notifications, figure by figure, as far as it is not zero."""
    figures = {name: suite.metric(f"{PREFIX}{name}") for name in KEPT}
    figures |= {phase: suite.metric(f"{PREFIX}reconciler_active", phase=phase) for phase in PHASES}
    return {name: value for name, value in figures.items() if value}


def settled(suite: Suite) -> Footprint:
    """Wait until the process has nothing to do and its tasks have stayed the same for a while; return that look."""
    eventually(lambda: remembered(suite), lambda kept: not kept, within=10)
    looks = [footprint(suite)]

    def look() -> bool:
        looks.append(footprint(suite))
        return len({seen.workers for seen in looks[-LOOKS:]}) == 1 and len(looks) >= LOOKS

    eventually(look, bool, within=20, every=0.5)
    return looks[-1]


def workers_within(suite: Suite, limit: float, *, within: float, every: float = 1.0) -> Footprint:
    """Wait until no more workers than `limit` are left, and return the look that showed it."""
    return eventually(
        lambda: footprint(suite), lambda seen: seen.workers <= limit, within=within, every=every
    )
