"""What an operator takes of its machine, and what it still remembers, by its own metrics page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.harness.eventually import eventually
from tests.harness.operator_deployment import METRICS

if TYPE_CHECKING:
    from tests.stack.operator_under_test import OperatorUnderTest

PREFIX = "kubernaut_notification_"
MEGABYTE = 1024 * 1024
KEPT = ("queue_depth", "queue_running", "queue_delayed", "in_flight", "unsaved_attempts", "reconciler_active")
LOOKS = 6
"""As many alike, half a second apart, are longer than the watching side keeps a task for an object."""
NOISE = 4
"""Tasks that come and go by themselves: answers to probes and to these looks, renewals of the Lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One look at the process."""

    memory: float
    """Resident bytes, uncollected garbage included."""
    workers: float
    """Live threads and unfinished asyncio tasks."""
    descriptors: float
    """Open files and sockets."""
    passes: float
    """Passes that were ever made."""
    cpu: float
    """Seconds of a core that were ever used."""
    began: float
    """When the process began, in seconds of the Unix epoch."""

    def since(self, before: Footprint) -> Footprint:
        """Return this look once it is certain that it shows the process of an earlier one: a new one starts small."""
        assert self.began == before.began, "the operator has started anew in between"
        return self


def footprint(suite: OperatorUnderTest) -> Footprint:
    """Look at the process now."""
    figures = _figures(suite)
    return Footprint(
        memory=figures["process_resident_memory_bytes"],
        workers=figures[f"{PREFIX}runtime_threads"] + figures[f"{PREFIX}runtime_tasks"],
        descriptors=figures["process_open_fds"],
        passes=figures[f"{PREFIX}reconciler_duration_seconds_count"],
        cpu=figures["process_cpu_seconds_total"],
        began=figures["process_start_time_seconds"],
    )


def remembered(suite: OperatorUnderTest) -> dict[str, float]:
    """Return what the operator keeps in memory about notifications, figure by figure, as far as it is not zero."""
    figures = _figures(suite)
    return {name: figures[PREFIX + name] for name in KEPT if figures[PREFIX + name]}


def settled(suite: OperatorUnderTest) -> Footprint:
    """Wait until the process has nothing to do and its tasks have stayed the same for a while; return that look."""
    eventually(lambda: remembered(suite), lambda kept: not kept, within=10)
    looks: list[Footprint] = []

    def last() -> list[float]:
        looks.append(footprint(suite))
        return [seen.workers for seen in looks[-LOOKS:]]

    eventually(last, lambda seen: len(seen) == LOOKS and max(seen) - min(seen) <= NOISE, within=20, every=0.5)
    return looks[-1]


def workers_within(
    suite: OperatorUnderTest, before: Footprint, *, more: float, within: float, every: float = 1.0
) -> Footprint:
    """Wait until at most so many more workers are left than before, and return the look that showed it."""
    return eventually(
        lambda: footprint(suite).since(before),
        lambda seen: seen.workers <= before.workers + more,
        within=within,
        every=every,
    )


def _figures(suite: OperatorUnderTest) -> dict[str, float]:
    """Return the figures of the metrics page, samples of one name added up."""
    figures: dict[str, float] = {}
    for family in text_string_to_metric_families(suite.workload.page(METRICS, "metrics")):
        for sample in family.samples:
            figures[sample.name] = figures.get(sample.name, 0.0) + sample.value
    return figures
