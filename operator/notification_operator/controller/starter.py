"""Starts the due attempts of a notification, as its destinations, its incident and the room for its content allow."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from notification_domain.folding.fold import merge_attempts
from notification_domain.planning.fallback import follow
from notification_domain.planning.hold import Hold
from notification_domain.planning.plan import plan
from notification_domain.receivers.targets import PLACEHOLDER, receiver_of
from notification_domain.situation import Situation
from notification_domain.status import Reason
from notification_operator.endpoints.endpoint import Permit
from notification_operator.endpoints.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from notification_domain.attempt import Attempt
    from notification_domain.key import Key
    from notification_domain.model import Content
    from notification_domain.planning.plan import Send
    from notification_domain.planning.progress import Progress
    from notification_domain.receivers.catalog import ReceiverKey
    from notification_operator.controller.membership import NoMembership
    from notification_operator.controller.reconciliation import Reconciliation
    from notification_operator.endpoints.budget import Reservation
    from notification_operator.endpoints.redaction import ContentRedaction, RedactedContent
    from notification_operator.endpoints.registry import Endpoints

Starting: TypeAlias = "tuple[Coroutine[None, None, Attempt], Reservation]"
"""An attempt to run, and the room for its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOutcome:
    """What became of the attempts that are due."""

    redacted: RedactedContent
    targets: Targets
    situation: Situation
    """What was decided on: with the fallbacks that have joined, and with the destinations that take no message now."""
    permitted: bool
    """Whether this reconciliation may start attempts."""
    any: bool = False
    """Whether an attempt was started."""
    without_room: frozenset[str] = frozenset()
    """The channels whose attempts wait for room; the object is reconciled again when there is some."""
    nothing_to_write: bool = False
    """Whether the object only waits for room, so that its status stays as it is."""


class Starter:
    """Starts attempts, and looks up how their destinations stand.

    Args:
        visible_after: seconds after which a running delivery is shown as Sending.
    """

    def __init__(
        self,
        *,
        endpoints: Endpoints,
        redaction: ContentRedaction,
        clock: Callable[[], datetime],
        visible_after: float,
    ) -> None:
        self._endpoints = endpoints
        self._redaction = redaction
        self._clock = clock
        self._visible_after = visible_after

    def targets(self, reconciliation: Reconciliation) -> Targets:
        """Return the targets of a notification as it was read."""
        return self._targets(reconciliation, reconciliation.notification.content)

    async def start(self, reconciliation: Reconciliation, membership: NoMembership) -> StartOutcome:
        """Start the due attempts, and wait a moment for their end.

        Raises:
            Gone: the object was deleted, or belongs to another process, while its content was redacted.
        """
        notification = reconciliation.notification
        redacted = self._redaction.of(notification.namespace, notification.content)
        held = frozenset[str]()
        if reconciliation.may_start and self._may_need_room(reconciliation, redacted):
            # Where a message goes does not depend on what redaction changes.
            targets = self.targets(reconciliation)
            held, missing = self._hold(reconciliation, redacted, targets)
            if missing and not held:
                return StartOutcome(
                    redacted=redacted,
                    targets=targets,
                    situation=reconciliation.situation(),
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
        targets = self._targets(reconciliation, redacted.get())
        if not reconciliation.may_start:
            situation = reconciliation.situation()
            return StartOutcome(redacted=redacted, targets=targets, situation=situation, permitted=False)
        outcome = self._start(reconciliation, membership, redacted, targets)
        if outcome.any:
            membership.note(reconciliation.notification)
            await reconciliation.wait_for_attempts(self._visible_after)
        return outcome

    def look_again(self, reconciliation: Reconciliation, outcome: StartOutcome) -> Situation:
        """Return how the destinations of a notification stand now, which its attempts may have changed."""
        now, targets = self._clock(), outcome.targets
        targets.look_again()
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

    @staticmethod
    def _may_need_room(reconciliation: Reconciliation, redacted: RedactedContent) -> bool:
        """Return whether there has to be room for a large content before that is redacted."""
        return redacted.is_large and not (reconciliation.running or reconciliation.finished)

    @staticmethod
    def _hold(
        reconciliation: Reconciliation, redacted: RedactedContent, targets: Targets
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Keep room for the due attempts.

        Returns:
            The channels with room, and those without; what its destination takes no message for needs none.
        """
        planned = plan(*follow(replace(reconciliation.situation(), recovered=targets.recovered())))
        answers = {send.channel: targets.admit(send) for send in planned.sends}
        permits = {channel: answer for channel, answer in answers.items() if isinstance(answer, Permit)}
        copies = max((permit.copies for permit in permits.values()), default=0)
        missing = reconciliation.lease.hold(permits, redacted.size, copies)
        return frozenset(permits) - missing, missing

    def _start(
        self,
        reconciliation: Reconciliation,
        membership: NoMembership,
        redacted: RedactedContent,
        targets: Targets,
    ) -> StartOutcome:
        situation, steps, targets = self._gather(reconciliation, targets)
        sends = plan(situation, steps).sends
        decisions = membership.decide(situation, steps, targets)
        suppressed = {target: each.value for target, each in decisions.items() if isinstance(each, Reason)}
        if not sends:
            if suppressed:
                situation = replace(situation, suppressed=suppressed)
            return StartOutcome(redacted=redacted, targets=targets, situation=situation, permitted=True)
        earlier, may_call = membership.earlier_messages(), membership.may_call()
        without_room: set[str] = set()
        starting: dict[Send, Starting] = {}
        holds: dict[str, Hold] = {}
        with ExitStack() as undone:
            for send in sends:
                # Asked before there is room: what is held would take it, return it, and so request others that do the same.
                answer = decisions.get(send.channel) or targets.admit(send, earlier(send.channel))
                if isinstance(answer, Hold):
                    holds[send.channel] = answer
                elif isinstance(answer, Reason):
                    suppressed[send.channel] = answer.value
                elif room := reconciliation.lease.reserve(send.channel, redacted.size, answer.copies):
                    undone.callback(room.release)
                    attempt = answer.start(may_call(send.channel))
                    undone.callback(attempt.close)
                    starting[send] = attempt, room
                else:
                    without_room.add(send.channel)
            undone.pop_all()
        if holds or suppressed:
            situation = replace(situation, holds=holds, suppressed=suppressed)
        if holds:
            # At once: the receiver may change while the attempts of other targets are awaited.
            self._register(situation, key=reconciliation.request.key)
        if starting:
            self._run(reconciliation, starting)
            redacted.count()
        return StartOutcome(
            redacted=redacted,
            targets=targets,
            situation=situation,
            permitted=True,
            any=bool(starting),
            without_room=frozenset(without_room),
        )

    def _run(self, reconciliation: Reconciliation, starting: Mapping[Send, Starting]) -> None:
        for send, (attempt, room) in starting.items():
            reconciliation.start(
                send.channel,
                attempt,
                failed=partial(self._endpoints.recorder.unexpected, send),
                reservation=room,
            )

    def _gather(
        self, reconciliation: Reconciliation, targets: Targets
    ) -> tuple[Situation, Sequence[Progress], Targets]:
        """Return what is known before a destination is asked to take a message, along the fallbacks that have joined."""
        situation, steps = follow(
            Situation(
                now=self._clock(),
                notification=merge_attempts(reconciliation.notification, reconciliation.finished),
                route=reconciliation.route,
                running=reconciliation.running,
                unavailable=targets.unavailable(),
            )
        )
        targets = targets.along(situation.route)
        open_breakers, recovered = targets.open_breakers(), targets.recovered()
        if open_breakers or recovered:
            situation = replace(situation, open_breakers=open_breakers, recovered=recovered)
        return situation, steps, targets

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
