"""Starts the attempts that are due, as far as there is room for their content and their destinations take messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from atomic_status import Gone
from notification_operator.controller.decision import Waits
from notification_operator.controller.request import ref_of
from notification_operator.controller.still_waits import StillWaits, WaitingTarget
from notification_operator.delivery.content.budget import content_size, cost
from notification_operator.delivery.flow_control.destinations import Permission
from notification_operator.delivery.receivers.waiting import WaitingForReceivers
from notification_operator.domain.folding.fold import merge_attempts, next_attempt
from notification_operator.domain.key import Key
from notification_operator.domain.planning.fallback import follow
from notification_operator.domain.planning.hold import NO_HOLDS, Hold
from notification_operator.domain.planning.plan import plan
from notification_operator.domain.planning.progress import NO_OPEN_BREAKERS
from notification_operator.domain.receivers.targets import PLACEHOLDER, receiver_of
from notification_operator.domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_operator.controller.attempt_tracker import ObjectAttempts
    from notification_operator.controller.request import Request
    from notification_operator.delivery.content.budget import BudgetLease, Reservation
    from notification_operator.delivery.content.redaction import ContentRedaction, RedactedContent
    from notification_operator.delivery.dispatcher import Dispatcher
    from notification_operator.domain.model import Notification
    from notification_operator.domain.planning.plan import Send
    from notification_operator.domain.receivers.catalog import ReceiverKey
    from notification_operator.domain.routing.route import Route


class Ownership(Protocol):
    """Decides whether this process may start attempts."""

    def may_start(self, uid: str) -> bool:
        """Return whether new attempts of an object may start now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What became of the attempts that are due."""

    redacted: RedactedContent
    route: Route
    """The route, with the fallbacks that have joined it."""
    permitted: bool
    """Whether this reconciliation may start attempts."""
    any: bool = False
    """Whether an attempt was started."""
    without_room: frozenset[str] = frozenset()
    """The channels whose attempts wait for room; the object is reconciled again when there is some."""
    asked: Waits | None = None
    """The targets whose destinations take no message now."""
    suppressions: Mapping[str, str] = field(default_factory=dict)
    """The targets that get nothing, with the reason."""
    nothing_to_write: bool = False
    """Whether the object only waits for room, so that its status stays as it is."""


class Starter:
    """Starts attempts in the turn of a reconciliation."""

    def __init__(  # noqa: PLR0913 - what an attempt needs before it starts
        self,
        dispatcher: Dispatcher,
        redaction: ContentRedaction,
        *,
        ownership: Ownership,
        clock: Callable[[], datetime],
        visible_after: float,
        waiting: WaitingForReceivers[Key] | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._waiting: WaitingForReceivers[Key] = waiting or WaitingForReceivers()
        self._redaction = redaction
        self._ownership = ownership
        self._clock = clock
        self._visible_after = visible_after
        """Seconds after which a running delivery is shown as Sending."""

    async def start(
        self,
        request: Request,
        notification: Notification,
        route: Route,
        attempts: ObjectAttempts,
        lease: BudgetLease,
    ) -> Started:
        """Start the due attempts, and wait a moment for their end.

        Raises:
            Gone: the object was deleted, or belongs to another process, while its content was redacted.
        """
        redacted, uid = self._redaction.of(notification.content), request.key.uid
        held, missing = frozenset[str](), frozenset[str]()
        if self._may_start(uid, attempts):
            held, missing = self._hold_if_large(notification, route, attempts, lease)
        if missing and not held:
            return Started(
                redacted=redacted, route=route, permitted=True, without_room=missing, nothing_to_write=True
            )
        if held:
            # The room that is held bounds the contents that are redacted, so no worker is needed for that.
            await request.without_worker(redacted.prepare())
        else:
            await redacted.prepare()
        if attempts.forgotten:
            raise Gone(ref_of(request.key))
        if not self._may_start(uid, attempts):
            return Started(redacted=redacted, route=route, permitted=False)
        started = self._start_due(notification, route, attempts, lease=lease, redacted=redacted)
        if started.any:
            await request.without_worker(attempts.wait(self._visible_after))
        return started

    def _may_start(self, uid: str, attempts: ObjectAttempts) -> bool:
        """Return whether attempts may start; not as long as an earlier write may end or suppress what they would send."""
        return attempts.repeats is None and self._ownership.may_start(uid)

    def waits(self, notification: Notification, started: Started) -> Waits:
        """Return what the targets of a notification wait for now."""
        now, route = self._clock(), started.route
        asked = NO_HOLDS if started.asked is None else started.asked.moved_to(now).holds
        pauses = self._dispatcher.pauses(notification, route, started.redacted)
        waits = Waits(
            at=now,
            open_breakers=self._dispatcher.open_breakers(notification, route, started.redacted),
            holds={**asked, **pauses} if asked or pauses else NO_HOLDS,
        )
        self._register(notification, route, {*waits.holds, *waits.open_breakers})
        return waits

    def still_waits(
        self, notification: Notification, started: Started, waits: Waits, running: AbstractSet[str]
    ) -> StillWaits | None:
        """Return what tells whether a notification still waits for its destinations; None if it waits for none."""
        route, now = started.route, waits.at
        message = self._dispatcher.message(notification, route, started.redacted.get())
        _, steps = follow(notification, route, notification.attempts, running=running, now=now)
        delayed = {
            step.channel: WaitingTarget(
                own=step.due(notification, NO_OPEN_BREAKERS, now=now) or now,
                blocked_until=self._dispatcher.blocked_until(step.channel, notification, route, message),
            )
            for step in steps
            if step.channel not in running and step.is_delayed(waits.open_breakers, waits.holds)
        }
        if not delayed:
            return None
        waiting = started.without_room | delayed.keys()
        other = next_attempt(notification, route, running=running, without_room=waiting, now=now)
        return StillWaits(targets=tuple(delayed.values()), other=other, clock=self._clock, at=now)

    def _register(self, notification: Notification, route: Route, waiting: Container[str]) -> None:
        """Let a change of a receiver request the notification, as long as targets of it wait for that.

        A receiver that does not exist is waited for, too.
        """
        key = Key(notification.namespace, notification.name, notification.uid)
        receivers: dict[ReceiverKey, bool] = {}
        for target in route.targets:
            receiver = receiver_of(target, notification.namespace)
            if receiver is not None:
                waits = target in waiting or target.startswith(PLACEHOLDER)
                receivers[receiver] = receivers.get(receiver, False) or waits
        for receiver, waits_for_it in receivers.items():
            if waits_for_it:
                self._waiting.add(receiver, key)
            else:
                self._waiting.discard(receiver, key)

    def _hold_if_large(
        self, notification: Notification, route: Route, attempts: ObjectAttempts, lease: BudgetLease
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Keep room for the due attempts of a large notification, before its content is redacted.

        Returns:
            The channels with room, and those without; what its destination takes no message for needs none.
        """
        if attempts.running or attempts.finished or not self._redaction.is_large(notification.content):
            return frozenset(), frozenset()
        planned = plan(notification, route, in_flight=frozenset(), now=self._clock())
        # Where a message goes does not depend on what redaction changes.
        message = self._dispatcher.message(notification, route, notification.content)
        channels = frozenset(
            send.channel
            for send in planned.sends
            if isinstance(self._dispatcher.ask(send, message), Permission)
        )
        missing = lease.hold(channels, cost(content_size(notification.content)))
        return channels - missing, missing

    def _start_due(
        self,
        notification: Notification,
        route: Route,
        attempts: ObjectAttempts,
        *,
        lease: BudgetLease,
        redacted: RedactedContent,
    ) -> Started:
        known, now = merge_attempts(notification, attempts.finished), self._clock()
        followed = route
        if route.rules:
            followed, _ = follow(known, route, known.attempts, running=attempts.running, now=now)
        breakers = self._dispatcher.open_breakers(notification, followed, redacted)
        planned = plan(known, followed, in_flight=attempts.running, open_breakers=breakers, now=now)
        if not planned.sends:
            return Started(redacted=redacted, route=followed, permitted=True)
        message = self._dispatcher.message(notification, followed, redacted.get())
        size = cost(content_size(notification.content))
        without_room: set[str] = set()
        starting: dict[Send, Reservation] = {}
        holds: dict[str, Hold] = {}
        suppressions: dict[str, str] = {}
        for send in planned.sends:
            # Asked before there is room: what is held would take it, return it, and so request others that do the same.
            answer = self._dispatcher.ask(send, message)
            if isinstance(answer, Hold):
                holds[send.channel] = answer
            elif isinstance(answer, Reason):
                suppressions[send.channel] = answer.value
            elif (room := lease.reserve(send.channel, size)) is None:
                without_room.add(send.channel)
            else:
                self._dispatcher.take(answer)
                starting[send] = room
        if holds:
            # At once: the receiver may change while the attempts of other targets are awaited.
            self._register(notification, followed, holds)
        if starting:
            redacted.count()
        for send, room in starting.items():
            attempts.start(
                send.channel,
                route,
                self._dispatcher.attempt(send, message),
                failed=partial(self._dispatcher.failure, send),
                reservation=room,
            )
        return Started(
            redacted=redacted,
            route=followed,
            permitted=True,
            any=bool(starting),
            without_room=frozenset(without_room),
            asked=Waits(at=self._clock(), holds=holds) if holds else None,
            suppressions=suppressions,
        )
