"""The alert rules: the one source for installation, checks and documentation (DD-ALERTS-001). Pure.

Each rule selects the operator of one namespace, so that the stacks of a cluster do not report each other's operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_infra import names
from platform_infra.monitoring.alert import Alert, Severity
from platform_infra.monitoring.queries import MINUTE, Scope, duration, maximum, minimum, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.settings.sections.monitoring import Monitoring

NAMESPACE, CHANNEL = "{{ $labels.namespace }}", "{{ $labels.channel }}"
OF_NAMESPACE = "{{ $labels.notification_namespace }}"
RECEIVER, REASON = "{{ $labels.receiver }}", "{{ $labels.reason }}"
SOURCE = "{{ $labels.source }}"
COUNT = '{{ printf "%.0f" $value }}'
PERCENTAGE, AGE = "{{ $value | humanizePercentage }}", "{{ $value | humanizeDuration }}"

WHY = (
    f" To explain a notification: kubectl exec -n {NAMESPACE} deploy/{names.OPERATOR} -- notif why NAME -n NAMESPACE "
    f"--operator-namespace {NAMESPACE}."
)
"""Ends the descriptions of alerts about single messages. The command needs 60 MB of the pod: alerts about its load do not name it."""

SOURCES = ".+/.+"
"""Matches the label of a NotificationSource, and neither that of messages without one nor that of messages that are not authenticated."""
REJECTED = "conflict|limited|malformed|unavailable"
"""Outcomes of messages that a source did not take."""

SHORTEST_RANGE = 5 * MINUTE
"""Seconds. A rate needs two samples of each series, and a scrape interval of one minute is usual."""
RECORDED_WITHIN = 30
"""Seconds. A busy operator always has attempts that are just being recorded; the API server may be away for a moment."""
RETENTION_HOLD = duration(180 * MINUTE)
"""How long overdue notifications may remain: three sweeps of the shipped interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The thresholds of the alerts, and how long a condition must hold."""

    seconds: int = 5 * MINUTE
    """How long a condition must hold."""
    range_seconds: int = 5 * MINUTE
    """The range of the rates."""
    failure_share: float = 0.1
    """The share of delivery attempts that may fail."""
    queue_seconds: int = 60
    """How long a notification may wait for a worker."""
    conflict_share: float = 0.2
    """The share of reconciliations that may meet a status write conflict."""

    gap_seconds: float = 1
    """How long the event loop may be blocked: a lease is renewed within seconds, and a probe is answered."""
    waiting_seconds: int = 10 * MINUTE
    """How long a message may wait for a receiver."""
    drill_hours: int = 192
    """How long a receiver may be without a successful drill."""
    rejected_share: float = 0.1
    """The share of the messages of a source that the gateway may reject."""
    source_hours: int = 168
    """How long a source may be without a message; 0 for any time."""
    has_external_heartbeat: bool = False
    """Whether the operator sends requests to a dead man's switch."""

    @property
    def hold(self) -> str:
        """How long a condition must hold that may end without intervention."""
        return duration(self.seconds)

    @property
    def hold_rate(self) -> str:
        """How long a condition over a range must hold: each event counts for the whole range, such as the first failure of a retry."""
        return duration(self.range_seconds + self.seconds)

    @property
    def hold_outage(self) -> str:
        """How long a condition must hold that stops the work."""
        return duration(min(self.seconds, MINUTE))

    @property
    def loss_window(self) -> str:
        """How long an alert reports an event that no later state shows, such as a lost record."""
        return duration(3 * self.range_seconds)


def limits(settings: Monitoring) -> Limits:
    """Return the thresholds of a stack's settings."""
    return Limits(
        seconds=settings.alert_seconds,
        range_seconds=max(settings.alert_seconds, SHORTEST_RANGE),
        failure_share=settings.failure_percent / 100,
        queue_seconds=settings.queue_seconds,
        drill_hours=settings.drill_hours,
        source_hours=settings.source_hours,
        has_external_heartbeat=bool(settings.external_heartbeat.secret),
    )


def groups(namespace: str, limits: Limits, runbooks: str, *, gateway: bool = False) -> list[dict[str, Any]]:
    """Return the rule groups for the operator in a namespace, as in a rule file and in a PrometheusRule.

    `runbooks` is the base URL of the runbooks, or empty; `gateway` says whether there is one.
    """
    programs = {names.OPERATOR: alerts(namespace, limits)}
    if gateway:
        programs[names.GATEWAY] = gateway_alerts(namespace, limits)
    return [
        {"name": f"{program}.{namespace}", "rules": [each.document(runbooks) for each in rules]}
        for program, rules in programs.items()
    ]


def alerts(namespace: str, limits: Limits) -> Sequence[Alert]:
    """Return the rules for the operator in a namespace."""
    scope = Scope(namespace=namespace, window=duration(limits.range_seconds))
    return (
        *_deliveries(scope, limits),
        _receivers(scope, limits),
        _waiting(scope, limits),
        _drills(scope, limits),
        *([_external_heartbeat(scope, limits)] if limits.has_external_heartbeat else ()),
        *_work(scope, limits),
        *_losses(scope, limits),
    )


def gateway_alerts(namespace: str, limits: Limits) -> Sequence[Alert]:
    """Return the rules for the gateway in a namespace."""
    scope = Scope(namespace=namespace, window=duration(limits.range_seconds))
    silent = [_silent_sources(scope, limits)] if limits.source_hours else []
    return (_rejecting_sources(scope, limits), _unauthenticated_sources(scope, limits), *silent)


def _rejecting_sources(scope: Scope, limits: Limits) -> Alert:
    received, by = "source_received_total", "namespace, source"
    rejected = scope.rate(received, by=by, like={"source": SOURCES, "outcome": REJECTED})
    ratio = f"{rejected} / {scope.rate(received, by=by, like={'source': SOURCES})}"
    return Alert(
        name="NotificationSourceRejecting",
        expression=f"{ratio} > {limits.rejected_share:g}",
        hold=limits.hold_rate,
        severity=Severity.WARNING,
        summary=f"{PERCENTAGE} of the messages for NotificationSource {SOURCE} are rejected",
        description=(
            f"The gateway in {NAMESPACE} has rejected {PERCENTAGE} of the messages for the NotificationSource {SOURCE} in the last "
            f"{scope.window}. The label outcome of kubernaut_notification_source_received_total says why. Messages that were not authenticated do not count."
        ),
    )


def _unauthenticated_sources(scope: Scope, limits: Limits) -> Alert:
    # Where the right sender is heard, too, the others are strangers.
    refused = scope.rate("source_unauthenticated_total", by="namespace, source")
    heard = scope.rate("source_received_total", by="namespace, source", like={"source": SOURCES})
    return Alert(
        name="NotificationSourceUnauthenticated",
        expression=f"{refused} > 0 unless {heard} > 0",
        hold=limits.hold_rate,
        severity=Severity.WARNING,
        summary=f"NotificationSource {SOURCE} gets only messages with wrong credentials",
        description=(
            f"For the last {scope.window}, the gateway in {NAMESPACE} has answered every message for the NotificationSource {SOURCE} with "
            "401, and it had accepted some before. Most senders do not repeat these messages."
        ),
    )


def _silent_sources(scope: Scope, limits: Limits) -> Alert:
    # A source that has never received a message is one that is being set up.
    last = maximum(f"{scope.series('source_last_received_timestamp_seconds')} > 0", "namespace, source")
    return Alert(
        name="NotificationSourceSilent",
        expression=f"time() - {last} > {limits.source_hours * 60 * MINUTE}",
        hold=limits.hold,
        severity=Severity.WARNING,
        summary=f"No message for NotificationSource {SOURCE} for {AGE}",
        description=(
            f"The gateway in {NAMESPACE} has received no message for the NotificationSource {SOURCE} for {AGE}. Its sender has nothing "
            "to say, does not reach the gateway, or has wrong credentials: kubectl describe nsrc."
        ),
    )


def _deliveries(scope: Scope, limits: Limits) -> Sequence[Alert]:
    attempts, by = "delivery_attempts_total", "namespace, channel"
    ratio = f"{scope.rate(attempts, by=by, status='failure')} / {scope.rate(attempts, by=by)}"
    state = scope.series("channel_circuit_breaker_state")
    # It is half-open without end where no message is left to probe. In an outage, each probe opens it again.
    in_use = maximum(f"{state} > 0 and max_over_time({state}[{scope.window}]) == 2", by)
    return (
        Alert(
            name="NotificationOperatorDeliveryFailureRateHigh",
            expression=f"{ratio} > {limits.failure_share:g}",
            hold=limits.hold_rate,
            severity=Severity.CRITICAL,
            summary=f"{PERCENTAGE} of the delivery attempts on channel {CHANNEL} fail",
            description=(
                f"{PERCENTAGE} of the attempts on channel {CHANNEL} of the operator in {NAMESPACE} failed in the last "
                f"{scope.window}. Attempts that an open circuit breaker rejects do not count.{WHY}"
            ),
        ),
        Alert(
            name="NotificationOperatorCircuitBreakerOpen",
            expression=in_use,
            hold=limits.hold_rate,
            severity=Severity.WARNING,
            summary=f"Circuit breaker open for channel {CHANNEL}",
            description=(
                f"A circuit breaker of the operator in {NAMESPACE} for channel {CHANNEL} has been open for longer than {limits.hold}, "
                f"except for its probes. Notifications for its destination wait until a probe succeeds.{WHY}"
            ),
        ),
    )


def _receivers(scope: Scope, limits: Limits) -> Alert:
    by = "namespace, receiver"
    # Each replica knows what it has seen itself, so that one may know of a problem before the others.
    unusable = f"{minimum(scope.series('receiver_ready'), by)} == 0"
    failed, delivered = (
        scope.rate("delivery_attempts_total", by=by, present="receiver", status=status)
        for status in ("failure", "success")
    )
    return Alert(
        name="NotificationReceiverUnhealthy",
        expression=f"{unusable} or ({failed} > 0 unless {delivered} > 0)",
        hold=limits.hold,
        severity=Severity.WARNING,
        summary=f"NotificationReceiver {RECEIVER} gets no messages, or not as it is written",
        description=(
            f"For {limits.hold}, the operator in {NAMESPACE} cannot use the NotificationReceiver {RECEIVER}, or not its latest spec "
            f"or its template, or all attempts to deliver to it have failed. Its conditions say why: kubectl describe nrecv."
        ),
    )


def _waiting(scope: Scope, limits: Limits) -> Alert:
    oldest = maximum(scope.series("receiver_oldest_waiting_seconds"), "namespace, receiver")
    return Alert(
        name="NotificationsStuck",
        expression=f"{oldest} > {limits.waiting_seconds}",
        hold=limits.hold_outage,
        severity=Severity.WARNING,
        summary=f"A message for {RECEIVER} has waited for {AGE}",
        description=(
            f"The oldest message of the operator in {NAMESPACE} for the receiver {RECEIVER} has not been delivered for {AGE}. "
            "Other messages for it may wait, too. The label reason of kubernaut_notification_receiver_waiting says what they wait for: "
            f"notif ls -A --waiting.{WHY}"
        ),
    )


def _drills(scope: Scope, limits: Limits) -> Alert:
    by, limit = "namespace, receiver", f"{limits.drill_hours}h"
    last, scheduled = scope.series("drill_last_success_timestamp_seconds"), scope.series("drill_scheduled")
    # Of a receiver that no drill has reached yet, the time is 0. It is late only once it, and the schedule, are old enough;
    # an hour bridges a restart of the operator at that time. Its time decreases only where it was created again since.
    existed = maximum(f"max_over_time({last}[1h] offset {limit})", by)
    was_scheduled = maximum(f"max_over_time({scheduled}[1h] offset {limit})")
    return Alert(
        name="NotificationDrillOverdue",
        expression=(
            f"time() - {maximum(last, by)} > {limits.drill_hours * 60 * MINUTE} and {maximum(last, by)} >= {existed} "
            f"and on (namespace) {maximum(scheduled)} == 1 and on (namespace) {was_scheduled} == 1"
        ),
        hold=limits.hold,
        severity=Severity.WARNING,
        summary=f"No drill has reached NotificationReceiver {RECEIVER} for {limit}",
        description=(
            f"The operator in {NAMESPACE} has delivered no drill to the NotificationReceiver {RECEIVER} for {limit}. "
            "It is unknown whether it gets messages. The drills say why: kubectl get notif -A -l kubernaut.ai/drill."
        ),
    )


def _external_heartbeat(scope: Scope, limits: Limits) -> Alert:
    last = maximum(scope.series("external_heartbeat_last_success_timestamp_seconds"))
    return Alert(
        name="NotificationExternalHeartbeatFailing",
        expression=f"{scope.rate('external_heartbeat_failures_total')} > 0 and time() - {last} > {limits.range_seconds}",
        hold=limits.hold,
        severity=Severity.WARNING,
        summary="The dead man's switch is not told that notifications are delivered",
        description=(
            f"The operator in {NAMESPACE} has failed to send its external heartbeat for {scope.window}, so the dead man's switch "
            "raises an alarm although notifications may be delivered. The log of the operator says why: external heartbeat not sent."
        ),
    )


def _work(scope: Scope, limits: Limits) -> Sequence[Alert]:
    oldest = maximum(scope.series("queue_oldest_seconds"))
    incomplete = maximum(scope.series("queue_incomplete"))
    # During a rollout that changes their number, the replicas of one number wait for those of the other.
    owned, shards = total(scope.series("shards_owned")), minimum(scope.series("shards"))
    # Without any pod both sides are empty, and the comparison returns nothing.
    absent = f"absent({scope.series('shards')})"
    gap = maximum(scope.series("event_loop_gap_seconds"))
    conflicts = scope.rate("status_write_conflicts_total")
    reconciliations = scope.rate("reconciler_duration_seconds_count")
    return (
        Alert(
            name="NotificationOperatorNoLeader",
            expression=f"{owned} < {shards} or {absent}",
            hold=limits.hold_outage,
            severity=Severity.CRITICAL,
            summary=f"No operator replica is active in {NAMESPACE}",
            description=(
                f"For {limits.hold_outage}, a Lease of the operator in {NAMESPACE} has had no holder, or Prometheus has "
                "found no replica. New notifications are not processed."
            ),
        ),
        Alert(
            name="NotificationOperatorQueueBacklogged",
            expression=f"{oldest} > {limits.queue_seconds}",
            hold=limits.hold,
            severity=Severity.WARNING,
            summary=f"Notifications wait {AGE} for a worker in {NAMESPACE}",
            description=(
                f"The oldest notification in the queue of the operator in {NAMESPACE} has waited {AGE} for a worker. The "
                "operator receives more work than it completes."
            ),
        ),
        Alert(
            name="NotificationOperatorBacklogFull",
            expression=f"{incomplete} > 0",
            hold=limits.hold,
            severity=Severity.WARNING,
            summary=f"Too many open notifications for the memory of the operator in {NAMESPACE}",
            description=(
                f"For {limits.hold}, the operator in {NAMESPACE} has had more open notifications than queue.max_notifications. "
                "It holds a part of them, shared between namespaces, and lists the others again when half of that is done."
            ),
        ),
        Alert(
            name="NotificationOperatorEventLoopBlocked",
            expression=f"{gap} > {limits.gap_seconds:g}",
            hold=limits.hold,
            severity=Severity.WARNING,
            summary=f"The event loop of the operator in {NAMESPACE} is blocked for {AGE} at a time",
            description=(
                f"In each minute of the last {limits.hold}, the event loop of a replica in {NAMESPACE} was blocked for more "
                f"than {limits.gap_seconds:g}s, at most {AGE}. All deliveries wait then; gaps of 7s lose Leases, longer ones fail "
                "the liveness probe."
            ),
        ),
        Alert(
            name="NotificationOperatorStatusConflictRateHigh",
            expression=f"{conflicts} / {reconciliations} > {limits.conflict_share:g}",
            hold=limits.hold_rate,
            severity=Severity.WARNING,
            summary=f"Another client writes to notifications of the operator in {NAMESPACE}",
            description=(
                f"{PERCENTAGE} of the reconciliations of the operator in {NAMESPACE} met a status write conflict in the "
                f"last {scope.window}."
            ),
        ),
    )


def _losses(scope: Scope, limits: Limits) -> Sequence[Alert]:
    dropped = scope.increase("audit_events_dropped_total", limits.loss_window)
    shortened = scope.increase("rendering_failures_total", scope.window, by="namespace, reason")
    only_logged = scope.growth(
        "only_logged_total", limits.loss_window, by="namespace, notification_namespace"
    )
    undelivered = scope.increase("dead_letters_total", limits.loss_window, by="namespace, reason")
    suppressed = scope.increase("rate_limited_total", limits.loss_window, by="namespace, receiver")
    return (
        Alert(
            name="NotificationReceiverSuppressing",
            expression=f"{suppressed} > 0",
            severity=Severity.WARNING,
            summary=f"Messages beyond the rate limit of NotificationReceiver {RECEIVER} are not sent",
            description=(
                f"About {COUNT} messages to the NotificationReceiver {RECEIVER} were suppressed in the last {limits.loss_window}, because "
                f"they exceed its rateLimit with overflow Suppress. The operator in {NAMESPACE} does not send them later.{WHY}"
            ),
        ),
        Alert(
            name="NotificationDeadLettersGrow",
            expression=f"{undelivered} > 0",
            severity=Severity.WARNING,
            summary=f"Notifications are not delivered: {REASON}",
            description=(
                f"About {COUNT} notifications of the operator in {NAMESPACE} ended as Failed or PartiallySent in the last "
                f"{limits.loss_window}, with the reason {REASON}. At least one target of each got nothing, neither directly nor by a "
                "fallback; with the reason IncidentOpen, the incident is open at a receiver, and the fallback has both its Trigger and "
                f"its Resolve. To send them again: notif redrive.{WHY}"
            ),
        ),
        Alert(
            name="NotificationsOnlyLogged",
            expression=only_logged,
            severity=Severity.WARNING,
            summary=f"Notifications of namespace {OF_NAMESPACE} reach only the log of the operator in {NAMESPACE}",
            description=(
                f"About {COUNT} notifications of namespace {OF_NAMESPACE} in the last {limits.loss_window} name no channel and no receiver, "
                f"and no routing rule matches them. They are Sent, and only the log of the operator in {NAMESPACE} has them.{WHY}"
            ),
        ),
        Alert(
            name="NotificationOperatorRenderingFailing",
            expression=f"{shortened} > 0",
            # The message of a single text that is too expensive says so to its readers; no operator has to act.
            hold=limits.loss_window,
            severity=Severity.WARNING,
            summary=f"Messages of the operator in {NAMESPACE} are sent shortened: {REASON}",
            description=(
                f"For {limits.loss_window}, texts of the operator in {NAMESPACE} have been neither redacted nor rendered, with the reason "
                f"{REASON}, about {COUNT} in the last {scope.window}. Their messages are sent shortened or without them."
            ),
        ),
        Alert(
            name="NotificationOperatorAuditEventsDropped",
            expression=f"{dropped} > 0",
            severity=Severity.CRITICAL,
            summary=f"Audit events of the operator in {NAMESPACE} are lost",
            description=(
                f"The operator in {NAMESPACE} dropped audit events in the last {limits.loss_window}. They are missing "
                "from the audit store."
            ),
        ),
        Alert(
            name="NotificationOperatorAttemptsUnrecorded",
            expression=f"{maximum(scope.series('unsaved_attempt_seconds'))} > {RECORDED_WITHIN}",
            hold=limits.hold_outage,
            severity=Severity.WARNING,
            summary="Completed attempts are not recorded in status",
            description=(
                f"The operator in {NAMESPACE} has not been able to write a completed delivery attempt to the status of its "
                f"notification for {AGE}. A restart repeats such attempts."
            ),
        ),
        Alert(
            name="NotificationOperatorRoutingConfigRejected",
            expression=f"{maximum(scope.series('routing_refused'))} > 0",
            hold=limits.hold_outage,
            severity=Severity.WARNING,
            summary=f"Routing configuration of the operator in {NAMESPACE} rejected",
            description=(
                f"For {limits.hold_outage}, the operator in {NAMESPACE} has rejected the present routing configuration. The previous "
                "rules are in force; in a replica that has loaded none since it started, notifications without spec.channels go to "
                "console."
            ),
        ),
        Alert(
            name="NotificationOperatorRetentionOverdue",
            expression=f"{total(scope.series('retention_overdue'))} > 0",
            hold=RETENTION_HOLD,
            severity=Severity.WARNING,
            summary=f"Finished notifications of the operator in {NAMESPACE} outlive their retention",
            description=(
                f"For {RETENTION_HOLD}, the operator in {NAMESPACE} has not deleted {{{{ $value }}}} notifications whose "
                "retention has expired. They fill the storage of the API server."
            ),
        ),
    )
