"""The destinations of messages: which one a message has, how many calls it takes at once, and when it takes none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_operator.delivery.flow_control.breakers import Destination, Waiting
from notification_operator.delivery.flow_control.call_slots import CallSlots
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.fair.semaphore import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.delivery.channel import Message
    from notification_operator.delivery.flow_control.breakers import Breakers
    from notification_operator.delivery.flow_control.pacing import Pacing
    from notification_operator.delivery.senders import Sender
    from notification_operator.domain.flow_control.rate import Rate
    from notification_operator.domain.model import Notification

SHARE: Final = 4
"""The part of a channel's calls that a destination takes among others, and that it leaves to them in any case."""
ATTEMPTS_LEFT: Final = 2
"""A notification with fewer attempts left is not chosen as a probe before others: it would soon have none."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """What the settings say about a channel."""

    rate: Rate | None = None
    """Of each destination; None for no limit."""
    namespaces: tuple[str, ...] = ()
    """The namespaces that may use the channel; empty for all. `*` stands for any characters at the end of a name."""

    def allows(self, namespace: str) -> bool:
        """Return whether a namespace may use the channel."""
        if not self.namespaces:
            return True
        return any(
            namespace.startswith(name[:-1]) if name.endswith("*") else namespace == name
            for name in self.namespaces
        )


NO_LIMITS: Final = ChannelLimits()


@dataclass(frozen=True, slots=True)
class Permission:
    """That an attempt may start now, and what it uses up of the rate of its destination when it does."""

    destination: Destination | None = None
    """None where no rate and no pause applies."""
    notification: str = ""
    messages: int = 0


FREE: Final = Permission()


class Destinations:
    """The destinations of all senders."""

    def __init__(self, *, breakers: Breakers, pacing: Pacing, concurrency: int) -> None:
        self._breakers = breakers
        self._pacing = pacing
        self._concurrency = concurrency
        self._slots: dict[Destination | str, CallSlots] = {}
        """By destination, and by the name of a sender for all its destinations together."""
        self._local: dict[str, FairSemaphore] = {}

    @property
    def busy(self) -> int:
        """The destinations and senders that have or wait for a slot."""
        return len(self._slots)

    def of(self, sender: Sender, message: Message) -> Destination | None:
        """Return the destination of a message; None for a channel that needs none."""
        address: Any
        try:
            address = sender.channel.destination_of(message)
        except Exception as error:
            logger.warning("channel failed to name its destination", channel=sender.name, exc_info=error)
            address = ""
        if address is None:
            return None
        # The contract says text; an address of another type may have no hash.
        return Destination(sender.name, address if isinstance(address, str) else "")

    def slots(self, destination: Destination, sender: Sender) -> CallSlots:
        """Return the slots of a destination, as many as it may use now."""
        slots = self._slots.get(destination)
        if slots is None:
            slots = self._slots[destination] = CallSlots(self._size(sender))
        slots.limit(self._breakers.allowance(destination))
        return slots

    def sender_slots(self, sender: Sender) -> CallSlots:
        """Return the slots that all destinations of a sender share."""
        slots = self._slots.get(sender.name)
        if slots is None:
            slots = self._slots[sender.name] = CallSlots(self._concurrency)
        return slots

    def local_slots(self, sender: Sender) -> FairSemaphore:
        """Return the slots of a channel that delivers within the process; its receivers share them."""
        channel = sender.name.partition("/")[0]
        slots = self._local.get(channel)
        if slots is None:
            slots = self._local[channel] = FairSemaphore(self._size(sender))
        return slots

    def update(self, destination: Destination) -> None:
        """Let a destination use as many slots as its breaker allows, after a call; forget what is idle."""
        slots = self._slots.get(destination)
        if slots is not None:
            slots.limit(self._breakers.allowance(destination))
        for name in (destination, destination.channel):
            if name in self._slots and self._slots[name].idle:
                del self._slots[name]

    def open_until(self, sender: Sender, message: Message) -> datetime | None:
        """Return when the open breaker of a message's destination permits a probe; None if it permits an attempt now."""
        destination = self.of(sender, message)
        return None if destination is None else self._breakers.open_until(destination, message.uid)

    def blocked_until(
        self, sender: Sender, target: str, message: Message, notification: Notification, *, most: int
    ) -> Callable[[], datetime | None]:
        """Return what tells until when the destination takes no message of a target that waits; it holds no content.

        If the latest attempt records an open breaker, the breaker decides. Otherwise a pause or the rate does.
        """
        destination = self.of(sender, message)
        if destination is None:
            return _nothing
        latest = [each for each in notification.attempts if each.channel == target][-1:]
        if latest and latest[0].circuit_open:
            waiting = _waiting(notification, target, most=most)
            return partial(self._breakers.blocked_until, destination, waiting)
        return partial(self._held_until, destination, sender.limits.rate, message.uid, message.namespace)

    def _held_until(
        self, destination: Destination, rate: Rate | None, notification: str, namespace: str
    ) -> datetime | None:
        if self._rejects(destination, notification):
            return None  # An attempt records that.
        hold = self._pacing.ask(destination, rate=rate, notification=notification, namespace=namespace)
        return None if hold is None else hold.until

    def pause(self, sender: Sender, message: Message) -> Hold | None:
        """Return the pause that the destination of a message asked for; None without one."""
        destination = self.of(sender, message)
        until = None if destination is None else self._pacing.paused_until(destination)
        return None if until is None else Hold(until=until, reason=HoldReason.PAUSE)

    def ask(self, sender: Sender, message: Message) -> Permission | Hold:
        """Return the permission to send a message now, as far as rate and pauses go; else when to ask again.

        It uses up nothing: `take` does.
        """
        destination = self.of(sender, message)
        if destination is None or self._rejects(destination, message.uid):
            return FREE
        hold = self._pacing.ask(
            destination,
            rate=sender.limits.rate,
            notification=message.uid,
            namespace=message.namespace,
        )
        if hold is not None:
            return hold
        count = sender.channel.messages_of(message)
        return Permission(destination, message.uid, max(1, int(count)))

    def _rejects(self, destination: Destination, notification: str) -> bool:
        """Return whether a call would be rejected by a breaker; during a pause none would be made at all."""
        paused = self._pacing.paused_until(destination) is not None
        return not paused and self._breakers.open_until(destination, notification) is not None

    def take(self, permission: Permission) -> None:
        """Use up the share of the rate of a message that is sent now."""
        if permission.destination is not None:
            self._pacing.take(permission.destination, permission.notification, permission.messages)

    def leave(self, sender: Sender, message: Message) -> None:
        """Let a message wait no longer for its rate limit."""
        destination = self.of(sender, message)
        if destination is not None:
            self._pacing.leave(destination, message.uid)

    def _size(self, sender: Sender) -> int:
        """Return how many calls a destination takes at once: among others never all of the sender's."""
        channel = sender.channel
        shared = channel.has_several_destinations
        most = max(1, self._concurrency - self._concurrency // SHARE) if shared else self._concurrency
        slots: object = channel.concurrency
        if slots is None:
            return max(1, self._concurrency // SHARE) if shared else most
        if isinstance(slots, int) and slots >= 1:
            return min(most, slots)
        logger.warning("channel states an unusable concurrency", channel=sender.name, concurrency=repr(slots))
        return most


def _waiting(notification: Notification, target: str, *, most: int) -> Waiting:
    failed = [each for each in notification.attempts if each.channel == target and not each.circuit_open]
    left = most - len(failed)
    return Waiting(
        notification=notification.uid,
        namespace=notification.namespace,
        advanced=len(failed) if left >= ATTEMPTS_LEFT else 0,
    )


def _nothing() -> None:
    """Return that nothing delays a message."""
