"""The resources of an operator's process and its state in memory, from its own metrics page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.harness.eventually import eventually
from tests.harness.operator_deployment import METRICS

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest

PREFIX = "kubernaut_notification_"
MEGABYTE = 1024 * 1024
KEPT = ("queue_depth", "queue_running", "queue_delayed", "in_flight", "unsaved_attempts", "reconciler_active")
LOOKS = 6
"""So many equal readings, half a second apart, last longer than kopf keeps a task per object."""
NOISE = 4
"""Tasks that come and go: responses to probes and to these readings, renewals of the Lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One reading of the process."""

    memory: float
    """Resident bytes, including uncollected garbage."""
    workers: float
    """Live threads and unfinished asyncio tasks."""
    descriptors: float
    reconciliations: float
    """Reconciliations so far."""
    cpu: float
    """CPU seconds so far."""
    began: float
    """Start of the process, in seconds of the Unix epoch."""

    def since(self, before: Footprint) -> Footprint:
        """Return this reading if it shows the same process as an earlier one."""
        assert self.began == before.began, "the operator has restarted in between"
        return self


def footprint(operator: OperatorUnderTest) -> Footprint:
    figures = _figures(operator)
    return Footprint(
        memory=figures["process_resident_memory_bytes"],
        workers=figures[f"{PREFIX}runtime_threads"] + figures[f"{PREFIX}runtime_tasks"],
        descriptors=figures["process_open_fds"],
        reconciliations=figures[f"{PREFIX}reconciler_duration_seconds_count"],
        cpu=figures["process_cpu_seconds_total"],
        began=figures["process_start_time_seconds"],
    )


def remembered(operator: OperatorUnderTest) -> dict[str, float]:
    """Return what the operator keeps in memory about notifications: every gauge that is not zero."""
    figures = _figures(operator)
    return {name: figures[PREFIX + name] for name in KEPT if figures[PREFIX + name]}


def settled(operator: OperatorUnderTest) -> Footprint:
    """Wait until the process is idle and its tasks are stable; return that reading."""
    eventually(lambda: remembered(operator), lambda kept: not kept, within=10)
    looks: list[Footprint] = []

    def last() -> list[float]:
        looks.append(footprint(operator))
        return [seen.workers for seen in looks[-LOOKS:]]

    eventually(last, lambda seen: len(seen) == LOOKS and max(seen) - min(seen) <= NOISE, within=20, every=0.5)
    return looks[-1]


def workers_within(
    operator: OperatorUnderTest, before: Footprint, *, more: float, within: float, every: float = 1.0
) -> Footprint:
    """Wait until at most `more` workers remain in addition to those before; return that reading."""
    return eventually(
        lambda: footprint(operator).since(before),
        lambda seen: seen.workers <= before.workers + more,
        within=within,
        every=every,
    )


def _figures(operator: OperatorUnderTest) -> dict[str, float]:
    """Return the figures of the metrics page, with the samples of one name added up."""
    figures: dict[str, float] = {}
    for family in text_string_to_metric_families(operator.workload.page(METRICS, "metrics")):
        for sample in family.samples:
            figures[sample.name] = figures.get(sample.name, 0.0) + sample.value
    return figures
