"""Why an attempt is not made, as the error that its record shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.names import DEFAULT_RECEIVER_ANNOTATION
from notification_operator.delivery.channel import Permanent, Transient
from notification_operator.domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_operator.domain.receivers.catalog import ReceiverKey

BUILT_IN: Final = frozenset({"console", "file", "log", "slack"})
_RECEIVER_TYPES: Final = frozenset(ReceiverType)


def not_configured(channel: str) -> Permanent:
    """Return the error for a channel that this operator does not have."""
    return Permanent(
        f"the channel {channel!r} is not configured in this operator; configure {_setting(channel)}"
    )


def no_default_receiver(channel: str) -> Permanent | None:
    """Return the error for a channel that receivers can provide; None for any other."""
    if channel not in _RECEIVER_TYPES:
        return None
    return Permanent(
        f"{Reason.NO_DEFAULT_RECEIVER}: the channel {channel!r} is not configured in this operator, and no "
        f"NotificationReceiver of type {channel} is the default; name a receiver in spec.receiverRefs, or annotate "
        f'one with {DEFAULT_RECEIVER_ANNOTATION}: "true"'
    )


def receiver_not_allowed(receiver: ReceiverKey, namespace: str) -> Permanent:
    """Return the error for a namespace that may not use a receiver."""
    return Permanent(
        f"{Reason.RECEIVER_NOT_ALLOWED}: receiver {receiver} is not for notifications of namespace {namespace}; name "
        "another receiver, or ask its owner to extend spec.allowedNamespaces"
    )


def recipient_not_allowed(receiver: ReceiverKey) -> Permanent:
    """Return the error for a recipient that a receiver does not accept; it shows no address."""
    return Permanent(
        f"{Reason.RECEIVER_NOT_ALLOWED}: a recipient of this notification is outside recipients.allow of receiver "
        f"{receiver}, or was removed from the receiver; create a NotificationRequest with other recipients"
    )


def no_recipient(receiver: ReceiverKey, field: str) -> Permanent:
    """Return the error for a notification that names nobody to a receiver without recipients of its own."""
    return Permanent(
        f"receiver {receiver} has no recipients of its own, and spec.recipients of this notification has no {field}; "
        "create a NotificationRequest with one"
    )


def receiver_not_ready(receiver: ReceiverKey, problem: str) -> Transient:
    """Return the error for a receiver that cannot be used now."""
    return Transient(f"{Reason.RECEIVER_NOT_READY}: receiver {receiver}: {problem}")


def another_type(receiver: ReceiverKey, kind: str, before: str) -> Permanent:
    """Return the error for a receiver that was replaced by one of another type: its messages would look otherwise."""
    return Permanent(
        f"{Reason.RECEIVER_NOT_READY}: receiver {receiver} has the type {kind}, and this notification was for one of "
        f"type {before}; create another NotificationRequest"
    )


def not_allowed(channel: str, namespace: str, allowed: Sequence[str]) -> Permanent:
    """Return the error for a namespace that may not use a channel."""
    return Permanent(
        f"{Reason.CHANNEL_NOT_ALLOWED}: the namespace {namespace!r} may not use the channel {channel!r}, which is for "
        f"{', '.join(allowed)}; name another channel, or ask for {namespace!r} in the operator's setting "
        f"{_setting(channel)}.namespaces"
    )


def circuit_open(channel: str) -> Transient:
    """Return the error for an attempt that an open circuit breaker rejects."""
    return Transient(f"circuit breaker open for channel {channel}")


def _setting(channel: str) -> str:
    return f"channels.{channel}" if channel in BUILT_IN else f"channels.plugins.{channel}"
