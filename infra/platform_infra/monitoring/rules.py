"""The alert rules: the one source of what is installed, checked and documented (DD-ALERTS-001). Pure.

Every rule looks at one operator, so that those of several stacks of a cluster do not tell of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from platform_infra import names
from platform_infra.monitoring.queries import MINUTE, Scope, duration, most, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.settings.monitoring import Monitoring


class Severity(StrEnum):
    """Whether somebody is called, or has a look when there is time."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on a state is worth an alert, and how long it has to last."""

    seconds: int = 5 * MINUTE
    """How long a condition has to hold, and the span that rates are taken over."""
    failure_share: float = 0.1
    """The share of tries that may fail."""
    queue_seconds: int = 60
    """How long a notification may wait for a worker."""
    conflict_share: float = 0.2
    """The share of passes whose write may meet another writer."""

    @property
    def hold(self) -> str:
        """How long what may pass by itself has to hold."""
        return duration(self.seconds)

    @property
    def soon(self) -> str:
        """How long what stops the work has to hold."""
        return duration(min(self.seconds, MINUTE))

    @property
    def memory(self) -> str:
        """For how long a loss that nothing repairs stays in sight."""
        return duration(3 * self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One rule; `runbook` is the name of its page in docs/runbooks."""

    name: str
    expression: str
    severity: Severity
    runbook: str
    summary: str
    description: str
    hold: str = "0s"

    def document(self, runbooks: str) -> dict[str, Any]:
        """Return the rule as Prometheus reads it; `runbooks` is where the pages are."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.hold,
            "labels": {"severity": str(self.severity), "part_of": names.PROJECT},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbooks.rstrip('/')}/{self.runbook}.md",
            },
        }


def limits(settings: Monitoring) -> Limits:
    """Return the limits that a stack sets."""
    return Limits(
        seconds=settings.alert_seconds,
        failure_share=settings.failure_percent / 100,
        queue_seconds=settings.queue_seconds,
    )


def groups(namespace: str, limits: Limits, runbooks: str) -> list[dict[str, Any]]:
    """Return the groups of rules for the operator in a namespace, as a rule file and a PrometheusRule have them."""
    rules = [alert.document(runbooks) for alert in alerts(namespace, limits)]
    return [{"name": f"{names.OPERATOR}.{namespace}", "rules": rules}]


def alerts(namespace: str, limits: Limits) -> Sequence[Alert]:
    """Return the rules for the operator in a namespace."""
    scope = Scope(namespace=namespace, window=duration(limits.seconds))
    return (*_deliveries(scope, limits), *_work(scope, limits), *_losses(scope, limits))


def _deliveries(scope: Scope, limits: Limits) -> Sequence[Alert]:
    by = "namespace, channel"
    tries = "delivery_attempts_total"
    failing = f"{scope.rate(tries, by=by, status='failure')} / {scope.rate(tries, by=by)}"
    state = most(scope.series("channel_circuit_breaker_state"), by)
    return (
        Alert(
            name="NotificationDeliveriesFail",
            expression=f"{failing} > {limits.failure_share:g}",
            hold=limits.hold,
            severity=Severity.CRITICAL,
            runbook="delivery-failures",
            summary="{{ $value | humanizePercentage }} of the tries on {{ $labels.channel }} fail",
            description=(
                f"Of the operator in {{{{ $labels.namespace }}}}, over {scope.window}. Tries that an open circuit "
                "breaker turned away are not counted."
            ),
        ),
        Alert(
            name="NotificationBreakerOpen",
            expression=f"{state} > 0",
            hold=limits.hold,
            severity=Severity.WARNING,
            runbook="breaker-open",
            summary="A receiver of {{ $labels.channel }} is left alone",
            description=(
                "A circuit breaker of the operator in {{ $labels.namespace }} is open, or opens again after each "
                "probe. What is due for that receiver waits."
            ),
        ),
    )


def _work(scope: Scope, limits: Limits) -> Sequence[Alert]:
    oldest = most(scope.series("queue_oldest_seconds"))
    # A sum of nothing is nothing: without any pod there is no value to compare.
    served, shards = total(scope.series("shards_owned")), most(scope.series("shards"))
    absent = f"absent({scope.series('shards')})"
    clashes = (
        f"{scope.rate('status_write_conflicts_total')} / {scope.rate('reconciler_duration_seconds_count')}"
    )
    return (
        Alert(
            name="NotificationNobodyWorks",
            expression=f"{served} < {shards} or {absent}",
            hold=limits.soon,
            severity=Severity.CRITICAL,
            runbook="no-lease-holder",
            summary="Notifications in {{ $labels.namespace }} have nobody who works on them",
            description="No replica holds the Lease, or one of the Leases, or no replica is there to be asked.",
        ),
        Alert(
            name="NotificationQueueOld",
            expression=f"{oldest} > {limits.queue_seconds}",
            hold=limits.hold,
            severity=Severity.WARNING,
            runbook="queue-age",
            summary="A notification has waited for {{ $value | humanizeDuration }}",
            description="For a worker of the operator in {{ $labels.namespace }}; it has more to do than it gets done.",
        ),
        Alert(
            name="NotificationStatusConflicts",
            expression=f"{clashes} > {limits.conflict_share:g}",
            hold=limits.hold,
            severity=Severity.WARNING,
            runbook="status-conflicts",
            summary="Somebody else writes the status of notifications",
            description=(
                "Conflicts of the operator in {{ $labels.namespace }}: {{ $value | humanizePercentage }} of its "
                f"passes, over {scope.window}."
            ),
        ),
    )


def _losses(scope: Scope, limits: Limits) -> Sequence[Alert]:
    dropped = scope.rise("audit_events_dropped_total", limits.memory)
    refused = scope.rise("routing_refusals_total", limits.memory)
    return (
        Alert(
            name="NotificationAuditEventsLost",
            expression=f"{dropped} > 0",
            severity=Severity.CRITICAL,
            runbook="audit-loss",
            summary="Audit events are lost",
            description=f"The operator in {{{{ $labels.namespace }}}} has dropped some within {limits.memory}.",
        ),
        Alert(
            name="NotificationAttemptsUnsaved",
            expression=f"{total(scope.series('unsaved_attempts'))} > 0",
            hold=limits.soon,
            severity=Severity.WARNING,
            runbook="unsaved-attempts",
            summary="Tries are over, and no status says so",
            description="The operator in {{ $labels.namespace }} does not get {{ $value }} of them written.",
        ),
        Alert(
            name="NotificationRoutingRefused",
            expression=f"{refused} > 0",
            severity=Severity.WARNING,
            runbook="routing-refused",
            summary="Routing rules cannot be used",
            description=(
                f"The operator in {{{{ $labels.namespace }}}} has refused some within {limits.memory}, and goes on with "
                "those before."
            ),
        ),
    )
