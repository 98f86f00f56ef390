"""The targets of one notification in one reconciliation: each endpoint is looked up once, and asked there."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import BodyFormat
from notification_domain.model import Content
from notification_domain.planning.hold import Hold
from notification_domain.planning.progress import most_attempts
from notification_domain.receivers.targets import NO_RULES, PLACEHOLDER
from notification_domain.situation import NO_HOLDS, NO_TIMES
from notification_domain.status import Reason
from notification_operator.endpoints.circuit import NEVER, Waiting
from notification_operator.endpoints.delays import Fixed, Held, Paced, Probed, Unrecovered
from notification_operator.endpoints.endpoint import Delivery, Permit
from notification_operator.endpoints.refusals import Refusal
from notification_runtime.delivery.channel import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_domain.attempt import Attempt
    from notification_domain.incident import SentMessage
    from notification_domain.model import Notification
    from notification_domain.planning.plan import Send
    from notification_domain.routing import Route
    from notification_operator.endpoints.delays import Delay
    from notification_operator.endpoints.gate import Gate
    from notification_operator.endpoints.registry import Endpoints

ATTEMPTS_LEFT: Final = 2
"""A notification with fewer attempts left is not chosen as a probe before others: it would soon have none."""
NO_CONTENT: Final = Content(type="", priority="", subject="", body="")


class Targets:
    """Where the messages of a notification go.

    Args:
        content: the redacted content, if anything is sent. Where a message goes does not depend on what redaction changes.
    """

    def __init__(
        self, endpoints: Endpoints, notification: Notification, route: Route, content: Content
    ) -> None:
        self._endpoints = endpoints
        self._notification = notification
        self._route = route
        self._content = content
        self._found: dict[str, Delivery | Hold | Refusal] = {}

    def along(self, route: Route) -> Targets:
        """Return the targets of a route that fallbacks may have joined; itself if none has."""
        if route is self._route:
            return self
        return Targets(self._endpoints, self._notification, route, self._content)

    def look_again(self) -> None:
        """Look each endpoint up once more: its receiver may have changed."""
        self._found.clear()

    @cached_property
    def _message(self) -> Message:
        """Without what belongs to one attempt. Most questions about breakers and pauses are answered without it."""
        notification, content = self._notification, self._content
        return Message(
            id="",
            namespace=notification.namespace,
            name=notification.name,
            uid=notification.uid,
            created=notification.created,
            channels=self._route.targets,
            content=content,
            event=content.event,
            dedup_key=content.dedup_key,
            format=content.format or BodyFormat.PLAIN,
        )

    def admit(self, send: Send, earlier: Sequence[SentMessage] = ()) -> Permit | Hold | Reason:
        """Return the permit to start a planned attempt now (DD-DESTINATION-001); a refusal is an attempt, too.

        Otherwise return when to ask again, or the reason for which the message is suppressed. `earlier` are the messages
        of the incident at the target, the oldest first.
        """
        found = self._find(send.channel)
        if isinstance(found, Refusal):
            return Permit(partial(self._refuse, send, found), copies=0)
        return found.joining(earlier).admit(send) if isinstance(found, Delivery) else found

    async def _refuse(self, send: Send, refusal: Refusal, _may_start: Callable[[], bool]) -> Attempt:
        return self._endpoints.recorder.refused(send, refusal)

    def seconds(self, target: str) -> float:
        """Return the time limit of an attempt; 0 where none can be made now."""
        found = self._find(target)
        return found.endpoint.seconds if isinstance(found, Delivery) else 0.0

    def keeps_threads(self, target: str) -> bool:
        """Return whether a target keeps the messages of an incident together."""
        found = self._find(target)
        return isinstance(found, Delivery) and found.channel.keeps_threads

    def open_breakers(self) -> Mapping[str, datetime]:
        """Return the targets whose circuit breaker is open, with the time of the next probe."""
        if self._endpoints.control.all_closed:
            return NO_TIMES
        times = {target: gate.breaker.open_until(self._message.uid) for target, gate in self._gates()}
        return {target: time for target, time in times.items() if time is not None}

    def recovered(self) -> Mapping[str, datetime]:
        """Return the targets whose receiver answers again after an outage, with the time from which it does (DD-BREAKER-005)."""
        if not self._notification.attempts:
            return NO_TIMES
        times = {target: gate.breaker.recovered_at for target, gate in self._gates()}
        return {target: time for target, time in times.items() if time is not None}

    def unavailable(self) -> AbstractSet[str]:
        """Return the targets with a fallback whose receiver takes no message, and is known to take none for a while."""
        rules = self._route.rules
        if not rules:
            return frozenset()
        with_fallback = [name for name in self._route.targets if rules.get(name, NO_RULES).fallback]
        return frozenset(filter(self._is_unavailable, with_fallback))

    def _is_unavailable(self, target: str) -> bool:
        found = self._find(target)
        if isinstance(found, Hold):
            return not (found.reason.is_timed or found.brief)
        if isinstance(found, Refusal):
            return found.reason is Reason.RECEIVER_NOT_READY
        return found.gate is not None and found.gate.breaker.open_until(self._message.uid) is not None

    def pauses(self) -> Mapping[str, Hold]:
        if not self._endpoints.control.paused:
            return NO_HOLDS
        holds = {target: gate.pause() for target, gate in self._gates()}
        return {target: hold for target, hold in holds.items() if hold is not None}

    def delay(self, target: str, attempts: Sequence[Attempt], *, held: bool) -> Delay:
        """Return what delays a target that waits; `attempts` are all that its notification has by now.

        If the latest attempt records an open breaker, the breaker does, until the target is held after that. Otherwise a
        pause or the rate does.
        """
        found = self._find(target)
        if isinstance(found, Hold) and target.startswith(PLACEHOLDER):
            # Its receiver exists now, and only a reconciliation finds the targets of the notification again.
            return Fixed(found.until)
        if not isinstance(found, Delivery):
            message = replace(self._message, content=NO_CONTENT)
            return Held(self._endpoints, target, message, routed=self._routed(target))
        if found.gate is None:
            return Fixed(None)
        latest = [each for each in attempts if each.channel == target][-1:]
        if latest and latest[0].circuit_open and not held:
            return Probed(found.gate, self._waiting(target, attempts))
        return Paced(
            endpoint=found.endpoint,
            gate=found.gate,
            notification=self._message.uid,
            namespace=self._message.namespace,
            rank=self._content.rank,
        )

    def until_recovery(self, target: str, since: datetime) -> Delay:
        """Return what delays a target until its receiver has recovered since a time."""
        found = self._find(target)
        if not isinstance(found, Delivery) or found.gate is None:
            return Fixed(NEVER)
        return Unrecovered(found.gate.breaker, since)

    def _find(self, target: str) -> Delivery | Hold | Refusal:
        found = self._found.get(target)
        if found is None:
            found = self._found[target] = self._endpoints.find(
                target, self._message, routed=self._routed(target)
            )
        return found

    def _routed(self, target: str) -> bool:
        return self._route.rules.get(target, NO_RULES).routed

    def _gates(self) -> Iterator[tuple[str, Gate]]:
        for target in self._route.targets:
            found = self._find(target)
            if isinstance(found, Delivery) and found.gate is not None:
                yield target, found.gate

    def _waiting(self, target: str, attempts: Sequence[Attempt]) -> Waiting:
        notification = self._notification
        most = most_attempts(notification, self._route.rules.get(target, NO_RULES))
        failed = [each for each in attempts if each.channel == target and not each.circuit_open]
        return Waiting(
            notification=notification.uid,
            namespace=notification.namespace,
            rank=self._content.rank,
            advanced=len(failed) if most - len(failed) >= ATTEMPTS_LEFT else 0,
        )
