"""The panels of the dashboard: what each asks of Prometheus and how it is read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from platform_infra.monitoring.queries import most, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.monitoring.queries import Scope


class Unit(StrEnum):
    """What a panel's figures are, as Grafana calls it."""

    COUNT = "short"
    PER_SECOND = "ops"
    SHARE = "percentunit"
    SECONDS = "s"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One expression; `legend` names each of its series by labels, such as `{{channel}}`."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture of curves over time."""

    title: str
    description: str
    unit: Unit
    curves: Sequence[Curve]


def panels(scope: Scope) -> Sequence[Panel]:
    """Return all panels, in reading order: what comes of it, what waits, what goes wrong, what it takes."""
    return (*_deliveries(scope), *_work(scope), *_trouble(scope), *_cost(scope))


def _deliveries(scope: Scope) -> Sequence[Panel]:
    tries, by = "delivery_attempts_total", "namespace, channel"
    all_tries, failed = scope.rate(tries, by=by), scope.rate(tries, by=by, status="failure")
    return (
        Panel(
            title="Tries",
            description="Tries recorded, by channel and result.",
            unit=Unit.PER_SECOND,
            curves=[
                Curve(expression=scope.rate(tries, by="channel, status"), legend="{{channel}} {{status}}")
            ],
        ),
        Panel(
            title="Share of tries that fail",
            description="Without those that an open circuit breaker turned away.",
            unit=Unit.SHARE,
            curves=[Curve(expression=f"{failed} / {all_tries}", legend="{{channel}}")],
        ),
        Panel(
            title="Time of a try, 95 of 100",
            description="95 of 100 tries take at most this long.",
            unit=Unit.SECONDS,
            curves=[
                Curve(
                    expression=scope.quantile(0.95, "delivery_duration_seconds", by="channel"),
                    legend="{{channel}}",
                )
            ],
        ),
        Panel(
            title="Circuit breakers",
            description="0 closed, 1 half-open, 2 open: the worst of a channel's.",
            unit=Unit.COUNT,
            curves=[
                Curve(
                    expression=most(scope.series("channel_circuit_breaker_state"), by), legend="{{channel}}"
                )
            ],
        ),
    )


def _work(scope: Scope) -> Sequence[Panel]:
    return (
        Panel(
            title="Notifications under way",
            description="By the phase that they are in; final ones are not counted.",
            unit=Unit.COUNT,
            curves=[Curve(expression=total(scope.series("reconciler_active"), "phase"), legend="{{phase}}")],
        ),
        Panel(
            title="Queue",
            description="Notifications that wait for a worker, are in a pass, or wait for their time; tries under way.",
            unit=Unit.COUNT,
            curves=[
                Curve(expression=total(scope.series(name)), legend=legend)
                for name, legend in (
                    ("queue_depth", "waiting"),
                    ("queue_running", "in a pass"),
                    ("queue_delayed", "later"),
                    ("in_flight", "tries under way"),
                )
            ],
        ),
        Panel(
            title="Oldest in the queue",
            description="How long the notification that has waited longest waits for a worker.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=most(scope.series("queue_oldest_seconds")), legend="oldest")],
        ),
        Panel(
            title="Who works",
            description="Shards that a pod works on; without sharding there is one.",
            unit=Unit.COUNT,
            curves=[Curve(expression=total(scope.series("shards_owned"), "pod"), legend="{{pod}}")],
        ),
    )


def _trouble(scope: Scope) -> Sequence[Panel]:
    return (
        Panel(
            title="Status writes",
            description="Conflicts with other writers, passes that broke off, and tries that no status tells of yet.",
            unit=Unit.COUNT,
            curves=[
                Curve(expression=scope.rate("status_write_conflicts_total"), legend="conflicts/s"),
                Curve(expression=scope.rate("reconciler_errors_total"), legend="errors/s"),
                Curve(expression=total(scope.series("unsaved_attempts")), legend="unsaved"),
            ],
        ),
        Panel(
            title="Audit events",
            description="Written to the store, and lost.",
            unit=Unit.PER_SECOND,
            curves=[
                Curve(expression=scope.rate("audit_events_written_total"), legend="written"),
                Curve(expression=scope.rate("audit_events_dropped_total"), legend="lost"),
            ],
        ),
    )


def _cost(scope: Scope) -> Sequence[Panel]:
    return (
        Panel(
            title="Time of a pass",
            description="Half of the passes take at most this long, and 99 of 100.",
            unit=Unit.SECONDS,
            curves=[
                Curve(expression=scope.quantile(share, "reconciler_duration_seconds"), legend=legend)
                for share, legend in ((0.5, "half"), (0.99, "99 of 100"))
            ],
        ),
        Panel(
            title="Memory of a pod",
            description="Resident memory of the operator's process.",
            unit=Unit.BYTES,
            curves=[
                Curve(
                    expression=total(scope.series("process_resident_memory_bytes"), "pod"), legend="{{pod}}"
                )
            ],
        ),
    )
