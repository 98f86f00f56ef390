"""Who sends to a target: a channel of the settings or of a receiver, with the limits that hold for it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from notification_operator.delivery.flow_control.destinations import NO_LIMITS, ChannelLimits
from notification_operator.delivery.refusals import (
    no_default_receiver,
    not_allowed,
    not_configured,
    receiver_not_ready,
)
from notification_operator.domain.receivers.targets import receiver_of
from notification_operator.domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_operator.delivery.channel import Channel, DeliveryError, Message
    from notification_operator.domain.planning.hold import Hold
    from notification_operator.domain.receivers.catalog import ReceiverKey


NO_CHANNEL_LIMITS: Final[Mapping[str, ChannelLimits]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A channel, and how it is used."""

    name: str
    """Of breakers, slots and paces: the channel's name, or type, namespace and name of the receiver."""
    channel: Channel
    limits: ChannelLimits = NO_LIMITS
    timeout: float | None = None
    """Seconds for one attempt; None for the time of the settings."""
    receiver: ReceiverKey | None = None
    uid: str = ""
    """Of the receiver: another one may have its name later."""
    revision: str = ""
    """Changes with the spec and the Secrets of the receiver."""
    holds_errors: bool = False
    """Whether messages wait while the receiver accepts none, without using attempts."""
    suppresses: bool = False
    """Whether messages beyond the rate limit are suppressed; otherwise they wait."""
    address: str = ""
    """The recipient of this target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Nobody sends to a target now: the failure of an attempt, or a hold without an attempt."""

    error: DeliveryError
    reason: Reason | None = None
    """In one word, where there is one."""
    hold: Hold | None = None


class Senders(Protocol):
    """The senders of some targets."""

    def find(self, target: str, message: Message) -> Sender | Unavailable:
        """Return who sends a message to a target now."""
        ...


class ChannelSenders:
    """The senders of the channels of the settings."""

    def __init__(
        self, channels: Mapping[str, Channel], limits: Mapping[str, ChannelLimits] = NO_CHANNEL_LIMITS
    ) -> None:
        self.senders: Final = {
            name: Sender(name=name, channel=channel, limits=limits.get(name, NO_LIMITS))
            for name, channel in channels.items()
        }

    def find(self, target: str, message: Message) -> Sender | Unavailable:
        """Return the sender of a channel, unless the namespace may not use it."""
        sender = self.senders.get(target)
        if sender is None:
            return _missing(target)
        if not sender.limits.allows(message.namespace):
            error = not_allowed(target, message.namespace, sender.limits.namespaces)
            return Unavailable(error=error, reason=Reason.CHANNEL_NOT_ALLOWED)
        return sender


class NoReceivers:
    """The senders of an operator without NotificationReceivers."""

    def find(self, target: str, message: Message) -> Unavailable:
        """Return why nobody sends to a receiver."""
        key = receiver_of(target, message.namespace)
        assert key is not None, "the target has a receiver"
        problem = "receivers are disabled; set receivers.enabled of the operator"
        return Unavailable(error=receiver_not_ready(key, problem), reason=Reason.RECEIVER_NOT_READY)


class TargetSenders:
    """The senders of all targets: those of receivers, and those of channels."""

    def __init__(self, channels: ChannelSenders, receivers: Senders) -> None:
        self._channels = channels
        self._receivers = receivers

    def find(self, target: str, message: Message) -> Sender | Unavailable:
        """Return who sends a message to a target now."""
        if receiver_of(target, message.namespace) is None:
            return self._channels.find(target, message)
        return self._receivers.find(target, message)


def _missing(channel: str) -> Unavailable:
    default = no_default_receiver(channel)
    if default is None:
        return Unavailable(error=not_configured(channel))
    return Unavailable(error=default, reason=Reason.NO_DEFAULT_RECEIVER)
