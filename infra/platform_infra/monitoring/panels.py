"""The panels of the dashboard: their queries, units and texts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from platform_infra.monitoring.queries import maximum, minimum, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.monitoring.queries import Scope


class Unit(StrEnum):
    """The unit of a panel, by Grafana's name."""

    COUNT = "short"
    PER_SECOND = "ops"
    SHARE = "percentunit"
    SECONDS = "s"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One query; `legend` names each of its series by labels, such as `{{channel}}`."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One time series panel."""

    title: str
    description: str
    unit: Unit
    curves: Sequence[Curve]


def panels(scope: Scope) -> Sequence[Panel]:
    """Return all panels in reading order: deliveries, receivers, work, errors, resource usage."""
    return (*_deliveries(scope), *_receivers(scope), *_work(scope), *_errors(scope), *_usage(scope))


def gateway_panels(scope: Scope) -> Sequence[Panel]:
    """Return the panels of a stack with the gateway, which follow the others."""
    rate = scope.rate("source_received_total", by="source, outcome", present="source")
    last = maximum(f"{scope.series('source_last_received_timestamp_seconds')} > 0", "source")
    duration = scope.quantile(0.95, "source_request_seconds", by="outcome")
    return (
        Panel(
            title="Messages by source",
            description="Messages per second that the gateway has received, by NotificationSource and outcome.",
            unit=Unit.PER_SECOND,
            curves=[Curve(expression=rate, legend="{{source}} {{outcome}}")],
        ),
        Panel(
            title="Time since the last message by source",
            description="How long ago the gateway received a message for a NotificationSource.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=f"time() - {last}", legend="{{source}}")],
        ),
        Panel(
            title="Answer duration of the gateway (p95)",
            description="The duration that 95 % of the answers to messages do not exceed, by outcome.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=duration, legend="{{outcome}}")],
        ),
    )


def _deliveries(scope: Scope) -> Sequence[Panel]:
    attempts, by = "delivery_attempts_total", "namespace, channel"
    ratio = f"{scope.rate(attempts, by=by, status='failure')} / {scope.rate(attempts, by=by)}"
    rate = scope.rate(attempts, by="channel, status")
    duration = scope.quantile(0.95, "delivery_duration_seconds", by="channel")
    state = maximum(scope.series("channel_circuit_breaker_state"), by)
    return (
        Panel(
            title="Delivery attempts by channel",
            description="Completed delivery attempts per second, by channel and result.",
            unit=Unit.PER_SECOND,
            curves=[Curve(expression=rate, legend="{{channel}} {{status}}")],
        ),
        Panel(
            title="Delivery failure ratio by channel",
            description=(
                "Failed attempts as a share of all attempts. Attempts that an open circuit breaker rejects do not count."
            ),
            unit=Unit.SHARE,
            curves=[Curve(expression=ratio, legend="{{channel}}")],
        ),
        Panel(
            title="Attempt duration (p95)",
            description="The duration that 95 % of the delivery attempts do not exceed, by channel.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=duration, legend="{{channel}}")],
        ),
        Panel(
            title="Circuit breaker state by channel",
            description="0 closed, 1 half-open, 2 open. A channel with several breakers shows the highest value.",
            unit=Unit.COUNT,
            curves=[Curve(expression=state, legend="{{channel}}")],
        ),
    )


def _receivers(scope: Scope) -> Sequence[Panel]:
    rate = scope.rate("delivery_attempts_total", by="receiver, status", present="receiver")
    ready = minimum(scope.series("receiver_ready"), "receiver")
    last = maximum(scope.series("receiver_last_success_timestamp_seconds"), "receiver")
    waiting = total(scope.series("receiver_waiting"), "receiver, reason")
    oldest = maximum(scope.series("receiver_oldest_waiting_seconds"), "receiver")
    drill = maximum(scope.series("drill_last_success_timestamp_seconds"), "receiver")
    return (
        Panel(
            title="Delivery attempts by receiver",
            description="Completed delivery attempts per second, by NotificationReceiver and result.",
            unit=Unit.PER_SECOND,
            curves=[Curve(expression=rate, legend="{{receiver}} {{status}}")],
        ),
        Panel(
            title="Usable receivers",
            description=(
                "1 if a NotificationReceiver is valid, has its Secrets, and is not refused by the service; 0 if a replica "
                "knows otherwise."
            ),
            unit=Unit.COUNT,
            curves=[Curve(expression=ready, legend="{{receiver}}")],
        ),
        Panel(
            title="Waiting messages by receiver",
            description="Messages that are not delivered yet, by receiver and by what they wait for.",
            unit=Unit.COUNT,
            curves=[Curve(expression=waiting, legend="{{receiver}} {{reason}}")],
        ),
        Panel(
            title="Age of the oldest waiting message by receiver",
            description="How long the oldest message that is not delivered yet has waited for its receiver.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=oldest, legend="{{receiver}}")],
        ),
        Panel(
            title="Time since the last delivery by receiver",
            description="How long ago a message was delivered to a NotificationReceiver.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=f"time() - {last}", legend="{{receiver}}")],
        ),
        Panel(
            title="Time since the last drill by receiver",
            description="How long ago a message of a drill was delivered to a NotificationReceiver.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=f"time() - ({drill} > 0)", legend="{{receiver}}")],
        ),
    )


def _work(scope: Scope) -> Sequence[Panel]:
    return (
        Panel(
            title="Active notifications by phase",
            description="Notifications that are not in a final phase.",
            unit=Unit.COUNT,
            curves=[Curve(expression=total(scope.series("reconciler_active"), "phase"), legend="{{phase}}")],
        ),
        Panel(
            title="Work queue",
            description=(
                "Notifications that wait for a worker (queued), are being reconciled (reconciling) or are due later "
                "(delayed), and delivery attempts in flight."
            ),
            unit=Unit.COUNT,
            curves=[
                Curve(expression=total(scope.series(name)), legend=legend)
                for name, legend in (
                    ("queue_depth", "queued"),
                    ("queue_running", "reconciling"),
                    ("queue_delayed", "delayed"),
                    ("in_flight", "attempts in flight"),
                )
            ],
        ),
        Panel(
            title="Age of the oldest queued notification",
            description="How long the oldest notification in the queue has waited for a worker.",
            unit=Unit.SECONDS,
            curves=[Curve(expression=maximum(scope.series("queue_oldest_seconds")), legend="oldest")],
        ),
        Panel(
            title="Active shards by pod",
            description="The number of shards that each pod owns. Without sharding there is one shard.",
            unit=Unit.COUNT,
            curves=[Curve(expression=total(scope.series("shards_owned"), "pod"), legend="{{pod}}")],
        ),
    )


def _errors(scope: Scope) -> Sequence[Panel]:
    return (
        Panel(
            title="Status write conflicts and errors",
            description=(
                "Conflicts with other writers and failed reconciliations per second, and completed attempts that are "
                "not recorded in status yet."
            ),
            unit=Unit.COUNT,
            curves=[
                Curve(expression=scope.rate("status_write_conflicts_total"), legend="conflicts/s"),
                Curve(expression=scope.rate("reconciler_errors_total"), legend="errors/s"),
                Curve(expression=total(scope.series("unsaved_attempts")), legend="unrecorded attempts"),
            ],
        ),
        Panel(
            title="Audit events",
            description="Audit events per second that the operator writes to the audit store, and that it drops.",
            unit=Unit.PER_SECOND,
            curves=[
                Curve(expression=scope.rate("audit_events_written_total"), legend="written"),
                Curve(expression=scope.rate("audit_events_dropped_total"), legend="dropped"),
            ],
        ),
    )


def _usage(scope: Scope) -> Sequence[Panel]:
    memory = total(scope.series("process_resident_memory_bytes"), "pod")
    return (
        Panel(
            title="Reconciliation duration (p50, p95, p99)",
            description="The durations that 50 %, 95 % and 99 % of the reconciliations do not exceed.",
            unit=Unit.SECONDS,
            curves=[
                Curve(expression=scope.quantile(quantile, "reconciler_duration_seconds"), legend=legend)
                for quantile, legend in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ],
        ),
        Panel(
            title="Resident memory by pod",
            description="Resident memory of the operator's process.",
            unit=Unit.BYTES,
            curves=[Curve(expression=memory, legend="{{pod}}")],
        ),
    )
