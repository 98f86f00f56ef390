"""Why a target gets no message now: a refusal, which its attempt records, or a hold, which uses no attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zlib import crc32

from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.names import DEFAULT_RECEIVER_ANNOTATION
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.quota import TOO_MANY
from notification_domain.status import Reason
from notification_runtime.delivery.channel import Permanent, ReceiverProblem, Transient

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notification_domain.receivers.catalog import ReceiverKey
    from notification_runtime.delivery.channel import DeliveryError

HOLD_SECONDS: Final = 900
"""After this time a held notification is looked at again, even if its receiver has not changed."""
NEW_SECONDS: Final = 15
"""The shorter time for what takes moments: a receiver that has just been created, and the labels of namespaces."""
ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
BUILT_IN: Final = frozenset({"console", "file", "log", "slack"})
_RECEIVER_TYPES: Final = frozenset(ReceiverType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A target gets no message: its attempt fails with an error, and sends nothing."""

    error: DeliveryError
    reason: Reason | None = None
    """One word, where there is one."""


def _permanent(text: str, reason: Reason | None = None) -> Refusal:
    return Refusal(error=Permanent(text), reason=reason)


def not_configured(channel: str) -> Refusal:
    """Return the refusal of a channel that this operator does not have; a receiver can provide it if it is a type."""
    if channel not in _RECEIVER_TYPES:
        return _permanent(
            f"the channel {channel!r} is not configured in this operator; configure {_setting(channel)}"
        )
    return _permanent(
        f"{Reason.NO_DEFAULT_RECEIVER}: the channel {channel!r} is not configured in this operator, and no "
        f"NotificationReceiver of type {channel} is the default; name a receiver in spec.receiverRefs, or annotate "
        f'one with {DEFAULT_RECEIVER_ANNOTATION}: "true"',
        Reason.NO_DEFAULT_RECEIVER,
    )


def not_allowed(channel: str, namespace: str, allowed: Sequence[str]) -> Refusal:
    return _permanent(
        f"{Reason.CHANNEL_NOT_ALLOWED}: the namespace {namespace!r} may not use the channel {channel!r}, which is for "
        f"{', '.join(allowed)}; name another channel, or ask for {namespace!r} in the operator's setting "
        f"{_setting(channel)}.namespaces",
        Reason.CHANNEL_NOT_ALLOWED,
    )


def receiver_not_allowed(receiver: ReceiverKey, namespace: str) -> Refusal:
    """Return the refusal of a receiver of another namespace that does not exist, or does not allow this namespace.

    It is the same for both, so that it does not tell which receivers exist, and transient: a shared receiver may be
    created again, and its owner may allow the namespace.
    """
    error = Transient(
        f"{Reason.RECEIVER_NOT_ALLOWED}: receiver {receiver} does not exist, or is not for notifications of namespace "
        f"{namespace}; correct its name, or ask its owner to extend spec.allowedNamespaces"
    )
    return Refusal(error=error, reason=Reason.RECEIVER_NOT_ALLOWED)


def recipient_not_allowed(receiver: ReceiverKey) -> Refusal:
    """Return the refusal of a recipient that a receiver does not accept; it shows no address."""
    return _permanent(
        f"{Reason.RECEIVER_NOT_ALLOWED}: a recipient of this notification is outside recipients.allow of receiver "
        f"{receiver}, or was removed from the receiver; create a NotificationRequest with other recipients",
        Reason.RECEIVER_NOT_ALLOWED,
    )


def no_recipient(receiver: ReceiverKey, field: str) -> Refusal:
    """Return the refusal of a notification that names no recipient to a receiver that has none itself."""
    return _permanent(
        f"receiver {receiver} lists no recipients, and spec.recipients of this notification has no {field}; "
        "create a NotificationRequest with one"
    )


def another_type(receiver: ReceiverKey, kind: str, before: str) -> Refusal:
    """Return the refusal of a receiver that was replaced by one of another type: its messages would look otherwise."""
    return _permanent(
        f"{Reason.RECEIVER_NOT_READY}: receiver {receiver} has the type {kind}, and this notification was for one of "
        f"type {before}; create another NotificationRequest",
        Reason.RECEIVER_NOT_READY,
    )


def gone(receiver: ReceiverKey) -> Refusal:
    """Return the refusal of a receiver whose service said that the address does not exist any more."""
    return _permanent(
        f"{ReceiverProblem.GONE}: receiver {receiver}: the service answered that it does not exist any more; change "
        "the receiver or its Secret",
        Reason.RECEIVER_NOT_READY,
    )


def not_ready(receiver: ReceiverKey, problem: str) -> Refusal:
    """Return the refusal of a receiver that cannot be used now, and may be later."""
    error = Transient(f"{Reason.RECEIVER_NOT_READY}: receiver {receiver}: {problem}")
    return Refusal(error=error, reason=Reason.RECEIVER_NOT_READY)


def missing(receiver: ReceiverKey, problems: Iterable[str] = ()) -> Refusal:
    """Return the refusal of a receiver of the own namespace that does not exist, never had a valid spec, or is one too many."""
    problems = tuple(problems)
    if problems and problems[0].startswith(TOO_MANY):
        return not_ready(receiver, f"there are {problems[0]}")
    if problems:
        return not_ready(receiver, f"its spec is not valid: {'; '.join(problems)}")
    hint = f"create NotificationReceiver {receiver.name} in namespace {receiver.namespace}"
    return not_ready(receiver, f"it does not exist; {hint}")


def held(
    reason: HoldReason, *, now: datetime, uid: str, seconds: int = HOLD_SECONDS, brief: bool = False
) -> Hold:
    """Return the hold of a notification until its receiver changes."""
    return Hold(until=next_look(now, uid, seconds), reason=reason, brief=brief)


def next_look(now: datetime, uid: str, seconds: int = HOLD_SECONDS) -> datetime:
    """Return when a held notification is looked at again: the same time until then, so that its status stays.

    The times of several notifications differ, so that they are not looked at together.
    """
    offset = timedelta(seconds=crc32(uid.encode()) % seconds)
    periods = (now - ORIGIN - offset) // timedelta(seconds=seconds)
    return ORIGIN + offset + (periods + 1) * timedelta(seconds=seconds)


def _setting(channel: str) -> str:
    return f"channels.{channel}" if channel in BUILT_IN else f"channels.plugins.{channel}"
