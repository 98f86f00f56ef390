"""Starts the attempts that are due, as far as there is room for their content."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from notification_operator.delivery.content_budget import content_size, cost
from notification_operator.domain.fold import merge_attempts
from notification_operator.domain.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.controller.request import Key
    from notification_operator.delivery.attempt_tracker import ObjectAttempts
    from notification_operator.delivery.content_budget import Turn
    from notification_operator.delivery.content_redaction import ContentRedaction, RedactedContent
    from notification_operator.delivery.dispatcher import Dispatcher
    from notification_operator.domain.model import Notification
    from notification_operator.domain.plan import Send
    from notification_operator.domain.routing.route import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What became of the attempts that are due."""

    any: bool = False
    """Whether an attempt was started."""
    waiting: frozenset[str] = frozenset()
    """The channels whose attempts wait for room; the object is reconciled again when there is some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The room that is kept for attempts before they start."""

    any: bool = False
    missing: frozenset[str] = frozenset()
    """The channels that have no room; the object is reconciled again when they have."""


class Starter:
    """Starts attempts in the turn of a reconciliation."""

    def __init__(
        self, dispatcher: Dispatcher, redaction: ContentRedaction, *, clock: Callable[[], datetime]
    ) -> None:
        self._dispatcher = dispatcher
        self._redaction = redaction
        self._clock = clock

    def hold_if_large(
        self, notification: Notification, route: Route, attempts: ObjectAttempts[Key], turn: Turn[Key]
    ) -> Held:
        """Keep room for the attempts of a large notification that are due, before its content is redacted."""
        if attempts.running or attempts.finished or not self._redaction.is_large(notification.content):
            return Held()
        planned = plan(notification, route, in_flight=frozenset(), now=self._clock())
        channels = frozenset(send.channel for send in planned.sends)
        missing = turn.hold(channels, cost(content_size(notification.content)))
        return Held(any=bool(channels - missing), missing=missing)

    def start_due(
        self,
        notification: Notification,
        route: Route,
        attempts: ObjectAttempts[Key],
        *,
        turn: Turn[Key],
        redacted: RedactedContent,
    ) -> Started:
        """Start the attempts that are due and have room."""
        known = merge_attempts(notification, attempts.finished)
        held = self._dispatcher.open_breakers(notification, route, redacted)
        planned = plan(known, route, in_flight=attempts.running, open_breakers=held, now=self._clock())
        size = cost(content_size(notification.content)) if planned.sends else 0
        reserved = {send: turn.reserve(send.channel, size) for send in planned.sends}
        starting = {send: room for send, room in reserved.items() if room is not None}
        if starting:
            message = self._dispatcher.prepare(notification, route, redacted)
        for send, room in starting.items():
            attempts.start(
                send.channel,
                route,
                self._dispatcher.attempt(send, message),
                failed=partial(self._dispatcher.failure, send),
                reservation=room,
            )
        return Started(any=bool(starting), waiting=_channels(reserved.keys() - starting.keys()))


def _channels(sends: set[Send]) -> frozenset[str]:
    return frozenset(send.channel for send in sends)
