"""One reconciliation of one notification, step by step as in docs/contributing/architecture.md: read, gather, plan, deliver, fold, write, publish."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import structlog

from atomic_status import Gone, Rejected, StatusError, Unavailable
from notification_domain.folding.fold import earliest_attempt, merge_attempts, next_attempt
from notification_domain.planning.fallback import follow
from notification_domain.planning.hold import Hold
from notification_domain.planning.plan import plan
from notification_domain.receivers.targets import PLACEHOLDER, receiver_of
from notification_domain.situation import NO_TIMES
from notification_domain.status import FINAL, Reason
from notification_operator.controller.reconciliation import Reconciliation
from notification_operator.controller.request import Result, ref_of
from notification_operator.controller.still_waits import StillWaits, WaitingTarget
from notification_operator.endpoints.endpoint import Permit
from notification_operator.endpoints.gate import ASK_SECONDS
from notification_operator.endpoints.targets import Targets
from notification_operator.observers.publisher import Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from atomic_status import StatusStore
    from notification_domain.attempt import Attempt
    from notification_domain.incident import SentMessage
    from notification_domain.key import Key
    from notification_domain.model import Content, Notification
    from notification_domain.planning.plan import Send
    from notification_domain.planning.progress import Progress
    from notification_domain.receivers.catalog import ReceiverKey
    from notification_domain.routing import Rules
    from notification_domain.situation import Situation
    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.incidents import Incidents
    from notification_operator.controller.reconciliation import Written
    from notification_operator.controller.request import Request
    from notification_operator.endpoints.budget import Reservation
    from notification_operator.endpoints.redaction import ContentRedaction, RedactedContent
    from notification_operator.endpoints.registry import Endpoints
    from notification_operator.observers.publisher import MetricsObserver, Publisher

NO_DECISIONS: Final[Mapping[str, Reason | Hold]] = MappingProxyType({})
STALLED_AFTER: Final = 8
"""Consecutive failures after which an object is stalled, if the last one is a refusal of the object itself or unexpected."""
STALLED_RETRY: Final = 600.0
"""Seconds until a stalled object is reconciled although it has not changed: the reason may lie elsewhere."""
REFUSED_CODES: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Refusals of the object itself. A refusal of the account is not among them: a permission may follow."""
TOO_LARGE_FOR_ETCD: Final = "request is too large"
"""A part of the message of the API server's 500 for an object beyond etcd's limit."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOutcome:
    """What became of the attempts that are due."""

    redacted: RedactedContent
    situation: Situation
    """What was decided on: with the fallbacks that have joined, and with the destinations that take no message now."""
    permitted: bool
    """Whether this reconciliation may start attempts."""
    any: bool = False
    """Whether an attempt was started."""
    without_room: frozenset[str] = frozenset()
    """The channels whose attempts wait for room; the object is reconciled again when there is some."""
    suppressions: Mapping[str, str] = field(default_factory=dict)
    """The targets that get nothing, with the reason."""
    nothing_to_write: bool = False
    """Whether the object only waits for room, so that its status stays as it is."""


class Reconciler:
    """Brings a notification's status up to date; holds no state of its own.

    Args:
        visible_after: seconds after which a running delivery is shown as Sending.
    """

    def __init__(  # noqa: PLR0913 - each step has a collaborator
        self,
        *,
        store: StatusStore,
        attempts: AttemptTracker,
        endpoints: Endpoints,
        redaction: ContentRedaction,
        incidents: Incidents,
        rules: Callable[[], Rules],
        may_reconcile: Callable[[Key], bool],
        permission: Callable[[Key], Callable[[], bool]],
        publisher: Publisher,
        metrics: MetricsObserver,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
        visible_after: float,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._endpoints = endpoints
        self._redaction = redaction
        self._incidents = incidents
        self._rules = rules
        self._may_reconcile = may_reconcile
        self._permission = permission
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._spread = spread
        self._visible_after = visible_after

    def admits(self, key: Key) -> bool:
        """Return whether a reconciliation may start; a key for which none may gives up its turn."""
        admitted = self._may_reconcile(key)
        if not admitted:
            self._attempts.yield_room(key.uid)
        return admitted

    async def reconcile(self, request: Request) -> Result:
        """Reconcile a notification; never called concurrently for the same key."""
        key = request.key
        reconciliation = Reconciliation(
            request,
            store=self._store,
            tracker=self._attempts,
            rules=self._rules,
            permission=self._permission(key),
            clock=self._clock,
            spread=self._spread,
        )
        try:
            with self._metrics.measured(key.uid):
                async with reconciliation:
                    return await self._reconcile(reconciliation)
        except Gone:
            self._attempts.forget(key.uid)
            if key.incident:
                self._incidents.leave(key)
            return Result(final=True)
        except StatusError as error:
            if request.failures + 1 >= STALLED_AFTER and _refuses_object(error):
                self._report_refusal(key, error)
                return self._stall(reconciliation, error)
            logger.warning("status not written; retrying", notification=str(error.ref), error=str(error))
            asked = error.retry_after if isinstance(error, Unavailable) else None
            return Result(error=error, retry_after=asked)
        except Exception as error:
            if request.failures + 1 < STALLED_AFTER:
                raise
            logger.exception(
                "reconciliation fails each time; waiting for a change of the notification",
                notification=str(ref_of(key)),
                seconds=STALLED_RETRY,
            )
            return self._stall(reconciliation, error)

    async def _reconcile(self, reconciliation: Reconciliation) -> Result:
        if reconciliation.notification.content.dedup_key:
            await self._join_incident(reconciliation)
        outcome = await self._start_due_attempts(reconciliation)
        if outcome.nothing_to_write:
            return self._wait_for_room(reconciliation, outcome)
        self._follow_incident(reconciliation)
        situation = self._destinations(reconciliation, outcome)
        decided = (
            partial(self._note, reconciliation) if reconciliation.notification.content.dedup_key else None
        )
        written = await reconciliation.write(situation, suppressions=outcome.suppressions, decided=decided)
        self._note(reconciliation, written.after)
        self._publish(reconciliation, written, outcome)
        return self._result(reconciliation, outcome, situation.moved_to(written.at), written)

    async def _join_incident(self, reconciliation: Reconciliation) -> None:
        """Find out about the other notifications of the incident, and where this one goes because of them."""
        key = reconciliation.request.key
        self._note(reconciliation, reconciliation.notification)
        if self._has_to_fetch(reconciliation):
            dedup_key = reconciliation.notification.content.dedup_key
            listing = self._incidents.fetch(key, dedup_key, reconciliation.version)
            await reconciliation.without_object(listing)
            reconciliation.note = self._incidents.doubt(key, reconciliation.notification)
            self._note(reconciliation, reconciliation.notification)
        self._follow_incident(reconciliation)

    def _follow_incident(self, reconciliation: Reconciliation) -> None:
        """Let the notification go wherever its incident was reported, also by an attempt that began since it was read."""
        key, notification = reconciliation.request.key, reconciliation.notification
        if notification.content.dedup_key and notification.phase not in FINAL:
            reconciliation.widen(self._incidents.reached(key, notification, reconciliation.route.targets))

    def _has_to_fetch(self, reconciliation: Reconciliation) -> bool:
        """Return whether the incident has to be listed before the next attempts are decided on."""
        notification = reconciliation.notification
        if notification.phase in FINAL:
            return False
        targets = self._targets(reconciliation, notification.content)
        return self._incidents.has_to_fetch(
            reconciliation.request.key,
            notification,
            threads=lambda: any(map(targets.keeps_threads, reconciliation.route.targets)),
        )

    def _note(self, reconciliation: Reconciliation, notification: Notification) -> None:
        """Let the other notifications of the incident know how far this one is."""
        if notification.content.dedup_key:
            self._incidents.note(
                reconciliation.request.key,
                notification,
                reconciliation.running,
                reconciliation.finished,
            )

    # Deliver

    async def _start_due_attempts(self, reconciliation: Reconciliation) -> StartOutcome:
        """Start the due attempts, and wait a moment for their end.

        Raises:
            Gone: the object was deleted, or belongs to another process, while its content was redacted.
        """
        notification, situation = reconciliation.notification, reconciliation.situation()
        redacted = self._redaction.of(notification.namespace, notification.content)
        held, missing = frozenset[str](), frozenset[str]()
        if reconciliation.may_start:
            held, missing = self._hold_if_large(reconciliation, redacted)
        if missing and not held:
            return StartOutcome(
                redacted=redacted,
                situation=situation,
                permitted=True,
                without_room=missing,
                nothing_to_write=True,
            )
        if held:
            # The room that is held bounds the contents that are redacted, so no worker is needed for that.
            await reconciliation.request.without_worker(redacted.prepare())
        else:
            await redacted.prepare()
        reconciliation.check_present()
        if not reconciliation.may_start:
            return StartOutcome(redacted=redacted, situation=situation, permitted=False)
        outcome = self._start(reconciliation, redacted)
        if outcome.any:
            self._note(reconciliation, reconciliation.notification)
            await reconciliation.wait_for_attempts(self._visible_after)
        return outcome

    def _hold_if_large(
        self, reconciliation: Reconciliation, redacted: RedactedContent
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Keep room for the due attempts of a large notification, before its content is redacted.

        Returns:
            The channels with room, and those without; what its destination takes no message for needs none.
        """
        if not redacted.is_large or reconciliation.running or reconciliation.finished:
            return frozenset(), frozenset()
        # Where a message goes does not depend on what redaction changes.
        targets = self._targets(reconciliation, reconciliation.notification.content)
        planned = plan(*follow(replace(reconciliation.situation(), recovered=targets.recovered())))
        answers = {send.channel: targets.admit(send) for send in planned.sends}
        permits = {channel: answer for channel, answer in answers.items() if isinstance(answer, Permit)}
        copies = max((permit.copies for permit in permits.values()), default=0)
        missing = reconciliation.lease.hold(permits, redacted.size, copies)
        return frozenset(permits) - missing, missing

    def _start(self, reconciliation: Reconciliation, redacted: RedactedContent) -> StartOutcome:
        situation, targets = reconciliation.situation(), self._targets(reconciliation, redacted.get())
        known = merge_attempts(situation.notification, reconciliation.finished)
        situation, steps = follow(replace(situation, notification=known, unavailable=targets.unavailable()))
        targets = targets.along(situation.route)
        situation = replace(situation, open_breakers=targets.open_breakers(), recovered=targets.recovered())
        planned = plan(situation, steps)
        decisions = self._incident_decisions(reconciliation, situation, steps, targets)
        suppressions = {target: each.value for target, each in decisions.items() if isinstance(each, Reason)}
        if not planned.sends:
            return StartOutcome(
                redacted=redacted, situation=situation, permitted=True, suppressions=suppressions
            )
        earlier, may_call = self._earlier_messages(reconciliation), self._may_call(reconciliation)
        without_room: set[str] = set()
        starting: dict[Send, tuple[Coroutine[None, None, Attempt], Reservation]] = {}
        holds: dict[str, Hold] = {}
        with ExitStack() as undone:
            for send in planned.sends:
                # Asked before there is room: what is held would take it, return it, and so request others that do the same.
                answer = decisions.get(send.channel) or targets.admit(send, earlier(send.channel))
                if isinstance(answer, Hold):
                    holds[send.channel] = answer
                elif isinstance(answer, Reason):
                    suppressions[send.channel] = answer.value
                elif room := reconciliation.lease.reserve(send.channel, redacted.size, answer.copies):
                    undone.callback(room.release)
                    attempt = answer.start(may_call(send.channel))
                    undone.callback(attempt.close)
                    starting[send] = attempt, room
                else:
                    without_room.add(send.channel)
            undone.pop_all()
        if holds:
            # At once: the receiver may change while the attempts of other targets are awaited.
            self._register(replace(situation, holds=holds), key=reconciliation.request.key)
        if starting:
            redacted.count()
        for send, (attempt, room) in starting.items():
            reconciliation.start(
                send.channel,
                attempt,
                failed=partial(self._endpoints.recorder.unexpected, send),
                reservation=room,
            )
        return StartOutcome(
            redacted=redacted,
            situation=replace(situation, holds=holds),
            permitted=True,
            any=bool(starting),
            without_room=frozenset(without_room),
            suppressions=suppressions,
        )

    def _incident_decisions(
        self,
        reconciliation: Reconciliation,
        situation: Situation,
        steps: Sequence[Progress],
        targets: Targets,
    ) -> Mapping[str, Reason | Hold]:
        """Return what the incident decides on the targets that remain: what is outdated ends, whether it is due or not."""
        known = situation.notification
        if not known.content.dedup_key or known.too_large or situation.route.refusal:
            return NO_DECISIONS
        remaining = {
            step.channel: targets.seconds(step.channel)
            for step in steps
            if step.open and step.channel not in situation.running
        }
        threads = [target for target in remaining if targets.keeps_threads(target)]
        return self._incidents.decide(reconciliation.request.key, known, remaining, threads=threads)

    def _earlier_messages(self, reconciliation: Reconciliation) -> Callable[[str], Sequence[SentMessage]]:
        """Return what tells the earlier messages of the incident at a target."""
        key, notification = reconciliation.request.key, reconciliation.notification
        if not notification.content.dedup_key:
            return lambda _target: ()
        return self._incidents.of(key, notification).messages

    def _may_call(self, reconciliation: Reconciliation) -> Callable[[str], Callable[[], bool]]:
        """Return what makes the last question of an attempt at a target, before its call begins."""
        key, notification = reconciliation.request.key, reconciliation.notification
        if not notification.content.dedup_key:
            may_call = reconciliation.may_call()
            return lambda _target: may_call
        return lambda target: reconciliation.may_call(self._incidents.outdates(key, notification, target))

    def _destinations(self, reconciliation: Reconciliation, outcome: StartOutcome) -> Situation:
        """Return how the destinations of a notification stand now, which its attempts may have changed."""
        now = self._clock()
        targets = self._targets(reconciliation, outcome.redacted.get()).along(outcome.situation.route)
        situation = replace(
            outcome.situation,
            now=now,
            open_breakers=targets.open_breakers(),
            holds={**outcome.situation.moved_to(now).holds, **targets.pauses()},
            recovered=targets.recovered(),
            # The receivers of a namespace that is not served any more look as if they did not exist.
            unavailable=targets.unavailable() if reconciliation.permission() else frozenset(),
        )
        self._register(situation, key=reconciliation.request.key)
        return situation

    def _targets(self, reconciliation: Reconciliation, content: Content) -> Targets:
        return Targets(self._endpoints, reconciliation.notification, reconciliation.route, content)

    def _register(self, situation: Situation, *, key: Key) -> None:
        """Let a change of a receiver request the notification, as long as targets of it wait for that.

        A receiver that does not exist is waited for, too.
        """
        namespace = situation.notification.namespace
        waiting = {*situation.holds, *situation.open_breakers}
        receivers: dict[ReceiverKey, bool] = {}
        for target in situation.route.targets:
            receiver = receiver_of(target, namespace)
            if receiver is not None:
                waits = target in waiting or target.startswith(PLACEHOLDER)
                receivers[receiver] = receivers.get(receiver, False) or waits
        for receiver, waits_for_it in receivers.items():
            if waits_for_it:
                self._endpoints.wait(receiver, key)
            else:
                self._endpoints.wait_no_longer(receiver, key)

    # Publish

    def _publish(self, reconciliation: Reconciliation, written: Written, outcome: StartOutcome) -> None:
        """Publish what is new in the status: metrics, log, Events, audit."""
        after, redacted, without_room = written.after, outcome.redacted, outcome.without_room
        self._metrics.count_conflicts(written.conflicts)
        self._metrics.track_phase(after.uid, after.phase)
        if after.phase not in FINAL and reconciliation.permission():
            self._metrics.track_waiting(after, queued=without_room)
        if written.before is not after:
            self._publisher.publish(Transition(before=written.before, after=after, redacted=redacted))

    # Requeue

    def _wait_for_room(self, reconciliation: Reconciliation, outcome: StartOutcome) -> Result:
        """Return when to reconcile a notification again that has nothing to write; room for it requests it, too."""
        situation = replace(outcome.situation, now=self._clock())
        self._metrics.track_waiting(situation.notification, queued=outcome.without_room)
        due = next_attempt(situation, without_room=outcome.without_room)
        return _requeue(reconciliation, situation.notification, due, now=situation.now)

    def _result(
        self, reconciliation: Reconciliation, outcome: StartOutcome, situation: Situation, written: Written
    ) -> Result:
        """Return when to reconcile a notification again, and what to ask before."""
        after, due = written.after, written.after.status.next_attempt_at
        without_room, still_waits = outcome.without_room, None
        # What is not written now may have been recorded by a clock that was ahead.
        if without_room or situation.delays or written.before is after:
            asked_at = situation.now
            situation, steps = follow(
                replace(
                    situation,
                    now=written.at,
                    notification=after,
                    route=reconciliation.route,
                    running=reconciliation.running,
                )
            )
            due = earliest_attempt(situation, steps, without_room)
            if situation.delays and outcome.permitted and after.phase not in FINAL:
                still_waits = self._still_waits(replace(situation, now=asked_at), outcome, steps)
        # A clock that was set back during the write would turn a short wait into a long one.
        result = _requeue(reconciliation, after, due, now=max(self._clock(), written.at))
        if not (outcome.permitted or result.final):
            # At once after a repeated write. Otherwise the queue parks the key until attempts may start.
            return replace(result, requeue_after=0.0)
        if still_waits is None:
            return result
        # The first question gives it its place in line.
        left = still_waits()
        later = min(result.requeue_after or 0.0, ASK_SECONDS) if left is None else left
        return replace(result, still_waits=still_waits, requeue_after=later)

    def _still_waits(
        self, situation: Situation, outcome: StartOutcome, steps: Sequence[Progress]
    ) -> StillWaits | None:
        """Return what tells whether a notification still waits for its destinations; None if it waits for none.

        The recovery of its receiver ends the backoff of a target, which is therefore asked about, too, as long as the breaker is open.
        """
        now, running, undelayed = situation.now, situation.running, situation.undelayed()
        targets = Targets(self._endpoints, situation.notification, situation.route, outcome.redacted.get())
        delayed = {
            step.channel: WaitingTarget(
                own=step.due(undelayed) or now,
                blocked_until=targets.blocked_until(step.channel, held=step.channel in situation.holds),
            )
            for step in steps
            if step.channel not in running and step.is_delayed(situation)
        }
        waiting = outcome.without_room | delayed.keys()
        unrecovered = [
            WaitingTarget(own=now, blocked_until=targets.unrecovered_until(step.channel, step.retry_from))
            for step in steps
            if step.channel in situation.open_breakers
            and step.channel not in waiting | running
            and step.open
            and step.retry_from is not None
        ]
        if not (delayed or unrecovered):
            return None
        # The end of a backoff is among the other times, whatever becomes of the receiver.
        other = earliest_attempt(replace(undelayed, recovered=NO_TIMES), steps, waiting)
        return StillWaits(targets=(*delayed.values(), *unrecovered), other=other, clock=self._clock, at=now)

    # Failures

    def _report_refusal(self, key: Key, error: StatusError) -> None:
        logger.error(
            "status refused by the API server; waiting for a change of the notification",
            notification=str(error.ref),
            error=str(error),
            seconds=STALLED_RETRY,
        )
        self._publisher.publish_refusal(key, error)

    def _stall(self, reconciliation: Reconciliation, error: Exception) -> Result:
        """Retry no longer until the object changes; neither a shutdown nor the move of a shard waits for its attempts."""
        self._attempts.of(reconciliation.request.key).stall()
        observed = frozenset(reconciliation.observed)
        return Result(error=error, stalled=True, observed_versions=observed, requeue_after=STALLED_RETRY)


def _requeue(
    reconciliation: Reconciliation, notification: Notification, due: datetime | None, *, now: datetime
) -> Result:
    """Return the result after which the notification is reconciled again when it is due."""
    versions = frozenset(reconciliation.observed)
    if notification.phase in FINAL:
        return Result(observed_versions=versions, final=True)
    delay = None if due is None else (due - now).total_seconds()
    return Result(observed_versions=versions, requeue_after=delay)


def _refuses_object(error: StatusError) -> bool:
    """Return whether the API server refuses the object itself, so that a retry of the same write is useless."""
    if isinstance(error, Rejected):
        return error.code in REFUSED_CODES
    return isinstance(error, Unavailable) and TOO_LARGE_FOR_ETCD in str(error)
