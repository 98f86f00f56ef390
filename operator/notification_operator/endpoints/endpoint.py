"""One endpoint: a channel of the settings or of a receiver, with all that this process knows of it.

A change of a spec or of a Secret does not edit an endpoint. It retires it, and another one takes its place. An attempt
that runs finishes on the endpoint that it began with: if that is refused, the old credentials may be the reason, so the
refusal is transient. An attempt that still waits for a slot begins again on the new endpoint.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import structlog

from notification_contract.kinds.channel_names import ADDRESSES
from notification_contract.kinds.choices import CircuitState
from notification_domain.planning.hold import HoldReason
from notification_domain.receivers.references import ReferenceReason
from notification_domain.receivers.standing import Standing, recipient, usable
from notification_domain.status import Reason
from notification_operator.endpoints.attempt import (
    EndpointStatistics,
    History,
    ReceiverChanged,
    breaker_result,
    call,
    first,
)
from notification_operator.endpoints.circuit import Rejected
from notification_operator.endpoints.gate import NOT_STARTED, Destinations, Postponed
from notification_operator.endpoints.limits import NO_LIMITS, Limits, receiver_limits
from notification_operator.endpoints.refusals import (
    Refusal,
    gone,
    held,
    no_recipient,
    not_allowed,
    not_ready,
    recipient_not_allowed,
)
from notification_runtime.delivery.channel import (
    RateLimited,
    ReceiverError,
    ReceiverProblem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from notification_domain.attempt import Attempt
    from notification_domain.incident import SentMessage
    from notification_domain.planning.hold import Hold
    from notification_domain.planning.plan import Send
    from notification_domain.receivers.catalog import Receiver, ReceiverKey
    from notification_domain.receivers.health import Readiness
    from notification_operator.endpoints.attempt import Recorder
    from notification_operator.endpoints.gate import Gate
    from notification_operator.endpoints.limits import FlowControl
    from notification_runtime.delivery.channel import Channel, Message

REVISION_CHARACTERS: Final = 16

logger = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class EndpointContext:
    control: FlowControl
    recorder: Recorder
    timeout: float
    """Seconds for an attempt on a channel of the settings."""
    on_result: Callable[[ReceiverKey], None] | None = None
    """Called with the receiver after each call."""


@dataclass(frozen=True, slots=True)
class Permit:
    """That an attempt may start now."""

    start: Callable[[Callable[[], bool]], Coroutine[None, None, Attempt]]
    """Uses up what the attempt takes of the rate of its destination, and returns the attempt to run.

    The argument tells whether the attempt may still begin its call once it has a slot. The attempt raises Postponed if it
    may not, or if the destination takes no message any more; it was not made then.
    """
    copies: int
    """Copies of its content that the attempt may hold at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message that an endpoint accepts."""

    endpoint: Endpoint
    message: Message
    """The message with the recipient, where the channel addresses people."""
    channel: Channel
    gate: Gate | None
    """None for a channel that delivers within the process."""

    def joining(self, earlier: Sequence[SentMessage]) -> Delivery:
        """Return the delivery of a message that refers to the first one of its incident which the same receiver accepted."""
        for each in earlier:
            if each.receiver_revision == self.endpoint.revision:
                message = replace(self.message, thread_ref=each.first, thread_began=each.created)
                return replace(self, message=message)
        return self

    def admit(self, send: Send) -> Permit | Hold | Reason:
        """Return the permit to start an attempt now; else when to ask again, or why the message is suppressed."""
        gate, message, limits = self.gate, self.message, self.endpoint.limits
        if gate is None or gate.rejects(message.uid):
            # An attempt records what the breaker rejects, and uses up nothing.
            return Permit(partial(self.endpoint.send, self, send), copies=self.channel.copies)
        hold = gate.pace.check(
            limits.rate,
            notification=message.uid,
            namespace=message.namespace,
            rank=message.content.rank,
        )
        if hold is None:
            return self._permit(gate, send)
        # What was attempted once is never suppressed, and an incident that was reported has to end.
        if (
            not limits.suppresses
            or send.number != 1
            or hold.reason is not HoldReason.RATE
            or message.follows_up
        ):
            return hold
        gate.pace.cancel(message.uid)
        if gate.pace.has_share(message.namespace):
            return self._permit(gate, send)
        return Reason.RATE_LIMITED

    def _permit(self, gate: Gate, send: Send) -> Permit:
        return Permit(partial(self._start, gate, send, self._messages()), copies=self.channel.copies)

    def _messages(self) -> int:
        try:
            return max(1, int(self.channel.messages_of(self.message)))
        except Exception as error:
            logger.warning("channel failed to count its messages", channel=self.endpoint.name, exc_info=error)
            return 1

    def _start(
        self, gate: Gate, send: Send, messages: int, may_start: Callable[[], bool]
    ) -> Coroutine[None, None, Attempt]:
        gate.pace.consume(self.message.uid, self.message.namespace, messages)
        return self.endpoint.send(self, send, may_start, messages)


class Endpoint:
    """A channel, and all that is known of it.

    Most of a thousand receivers get no message for a long time, so what only messages need is made with the first one.

    Args:
        context: what all endpoints share.
        name: that of a channel of the settings; empty for a receiver.
        limits: those of the settings; None for those of the spec.
        channel: that of the settings; the channel of a receiver is set, and need not be kept.
        receiver: None for a channel of the settings.
        readiness: what the receiver lacks.
        host: the endpoint of the settings whose channel a receiver uses; both share its slots.
        before: the endpoint that this one replaces.
    """

    __slots__ = (
        "_context",
        "_destinations",
        "_history",
        "_limits",
        "_name",
        "channel",
        "gone",
        "host",
        "readiness",
        "receiver",
        "retired",
    )

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        context: EndpointContext,
        *,
        name: str = "",
        limits: Limits | None = None,
        channel: Channel | None = None,
        receiver: Receiver | None = None,
        readiness: Readiness | None = None,
        host: Endpoint | None = None,
        before: Endpoint | None = None,
    ) -> None:
        self._context = context
        self._name = name
        self._limits = limits
        self.receiver: Final = receiver
        self.readiness: Final = readiness
        self.host: Final = host
        self.channel = channel
        """None if the receiver cannot be used, and while it is not kept."""
        self.retired = False
        """Whether another endpoint has taken its place."""
        self.gone = False
        """Whether the service said that the address does not exist any more."""
        self._history: History | None = None
        self._destinations: Destinations | None = None
        if before is not None:
            self._succeed(before)

    def _succeed(self, before: Endpoint) -> None:
        """Take over what a change of the receiver does not change."""
        if before.name == self.name and before._destinations is not None:
            self._destinations = before._destinations.successor()
        earlier, receiver = before.receiver, self.receiver
        if earlier is not None and receiver is not None and earlier.uid == receiver.uid:
            # Also before its first call has ended.
            self._history = before.history
            self._history.forget_failures()

    @property
    def name(self) -> str:
        """The name in logs and errors: that of the channel, or type, namespace and name of the receiver."""
        return self._name if self.receiver is None else f"{self.receiver.spec.type}/{self.receiver.key}"

    @property
    def limits(self) -> Limits:
        if self._limits is None:
            self._limits = NO_LIMITS if self.receiver is None else receiver_limits(self.receiver.spec)
        return self._limits

    @property
    def seconds(self) -> float:
        """The time limit of an attempt."""
        return self.limits.timeout or self._context.timeout

    @property
    def destinations(self) -> Destinations:
        if self._destinations is None:
            self._destinations = Destinations(self.name, self._context.control)
        return self._destinations

    @property
    def history(self) -> History:
        if self._history is None:
            self._history = History()
        return self._history

    @property
    def is_sendable(self) -> bool:
        return self.readiness is None or self.readiness.sendable

    @property
    def revision(self) -> str:
        """What identifies the receiver, its spec and its Secrets as they are; empty for a channel of the settings."""
        if self.receiver is None or self.readiness is None:
            return ""
        state = f"{self.receiver.uid}/{self.receiver.generation}/{self.readiness.secret_version}"
        return sha256(state.encode()).hexdigest()[:REVISION_CHARACTERS]

    def is_of(self, receiver: Receiver) -> bool:
        """Return whether it is that of this generation of a receiver; another one may have the same name later."""
        known = self.receiver
        return known is not None and (known.uid, known.generation) == (receiver.uid, receiver.generation)

    def retire(self) -> None:
        """Start no further attempt: another endpoint takes its place."""
        self.retired = True
        if self._destinations is not None:
            self._destinations.retire()

    def shed(self) -> None:
        """Keep only what is small, or cannot be found out again."""
        self.channel = None
        if self._destinations is not None:
            self._destinations.shed()

    def statistics(self) -> EndpointStatistics:
        breakers = self._destinations.breakers if self._destinations is not None else ()
        circuit = max(
            (each.state() for each in breakers), key=list(CircuitState).index, default=CircuitState.CLOSED
        )
        probe_at = max((each.probe_at for each in breakers if each.probe_at is not None), default=None)
        history = self._history or History()
        return EndpointStatistics(
            health=history.health_with(circuit, probe_at),
            circuit=circuit,
            score=history.score,
            destinations=len(breakers),
        )

    def accept(self, target: str, message: Message) -> Delivery | Hold | Refusal:
        """Return what is sent to a target, to whom and through which gate; or why nothing is sent now."""
        receiver, channel = self.receiver, self.channel
        unusable = self._unusable(receiver, message) if receiver is not None else None
        if unusable is not None:
            return unusable
        # A receiver opens a channel of the settings to no namespace that the settings exclude.
        owner = self.host or self
        if not owner.limits.allows(message.namespace):
            return not_allowed(owner.name, message.namespace, owner.limits.namespaces)
        if receiver is not None:
            address = self._recipient(receiver, target, message)
            if isinstance(address, Refusal):
                return address
            if address:
                message = replace(message, address=address)
        assert channel is not None, "an endpoint without a channel accepts nothing"
        gate = self.destinations.gate(channel, message)
        return Delivery(endpoint=self, message=message, channel=channel, gate=gate)

    def _unusable(self, receiver: Receiver, message: Message) -> Hold | Refusal | None:
        readiness = self.readiness
        pending = readiness is not None and readiness.references is ReferenceReason.PENDING
        why = usable(receiver.spec, complete=self.channel is not None, gone=self.gone, pending=pending)
        if why is None:
            return None
        now = self._context.control.clock()
        match why:
            case Standing.SUSPENDED:
                return held(HoldReason.SUSPENDED, now=now, uid=message.uid)
            case Standing.WAITS:
                return held(HoldReason.NOT_READY, now=now, uid=message.uid, brief=pending)
            case Standing.GONE:
                return gone(receiver.key)
        assert readiness is not None, "a receiver without a channel lacks something"
        return not_ready(receiver.key, readiness.problem)

    @staticmethod
    def _recipient(receiver: Receiver, target: str, message: Message) -> str | Refusal:
        """Return the recipient of a target, if the receiver accepts it; empty if its channel addresses no people."""
        found = recipient(target, receiver, message.content, message.channels)
        if isinstance(found, str):
            return found
        if found is Standing.NO_RECIPIENT:
            return no_recipient(receiver.key, ADDRESSES[receiver.spec.type])
        return recipient_not_allowed(receiver.key)

    async def send(
        self, delivery: Delivery, send: Send, may_start: Callable[[], bool], messages: int = 0
    ) -> Attempt:
        """Make an attempt, and return its result: whatever the channel raises is a part of that.

        Args:
            delivery: what is sent.
            send: the planned attempt.
            may_start: tells whether the call may still begin.
            messages: what the attempt has used up of the rate of its destination.

        Raises:
            Postponed: the destination takes no message any more, the endpoint was replaced, or the call may not begin any
                more, while the attempt waited for a slot; it was not made.
        """
        gate, message = delivery.gate, delivery.message
        if gate is None:
            local = (self.host or self).destinations.local_slots(delivery.channel)
            async with local.slot(message.namespace, message.content.rank):
                if not may_start():
                    raise Postponed(NOT_STARTED)
                attempt, error = await self._deliver(delivery, send)
                self._observe(attempt, error)
                return attempt
        async with (
            delivery.channel.slot(message),
            gate.call(
                notification=message.uid,
                namespace=message.namespace,
                rank=message.content.rank,
                messages=messages,
                may_start=may_start,
            ) as answer,
        ):
            if isinstance(answer, Rejected):
                return self._context.recorder.rejected(send, self.name)
            with answer:
                attempt, error = await self._deliver(delivery, send)
                answer.result = breaker_result(attempt, error)
            # After the breaker, whose state is a part of what is observed.
            self._observe(attempt, error)
            if first(error, RateLimited) and attempt.retry_after:
                gate.pace.pause(attempt.retry_after)
            return attempt

    async def _deliver(self, delivery: Delivery, send: Send) -> tuple[Attempt, BaseException | None]:
        context, loop = self._context, asyncio.get_running_loop()
        began, start = context.control.clock(), loop.time()
        message = replace(
            delivery.message,
            id=send.id,
            delivery_id=send.delivery_id,
            attempt=send.number,
        )
        result = await call(
            delivery.channel,
            message,
            seconds=self.seconds,
            target=send.channel,
        )
        duration = loop.time() - start
        if not isinstance(result, BaseException):
            revision = self.revision if message.dedup_key else ""
            success = context.recorder.success(
                send,
                result,
                thread_ref=message.thread_ref,
                receiver_revision=revision,
                began=began,
                duration=duration,
            )
            return success, None
        error = self._after_change(result)
        attempt = context.recorder.failed(
            send,
            error,
            holds_errors=self.limits.holds_errors,
            address=message.address,
            began=began,
            duration=duration,
        )
        return attempt, error

    def _after_change(self, error: BaseException) -> BaseException:
        """Return an error; a transient one if the receiver has got other credentials since the call began."""
        if not self.retired or first(error, ReceiverError) is None:
            return error
        return ReceiverChanged(f"the receiver changed during the attempt, which failed with: {error}")

    def _observe(self, attempt: Attempt, error: BaseException | None) -> None:
        self.history.record(attempt, error)
        refused = first(error, ReceiverError)
        if self.receiver is None:
            return
        self.gone = self.gone or (refused is not None and refused.reason is ReceiverProblem.GONE)
        if self._context.on_result is not None:
            self._context.on_result(self.receiver.key)
