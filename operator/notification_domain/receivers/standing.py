"""Whether a receiver takes a message, decided for the operator and for `notif why` alike (DD-DECIDE-001)."""

from __future__ import annotations

from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import OnReceiverError
from notification_contract.kinds.target import UNKNOWN_TYPE
from notification_domain.receivers.targets import recipient_of
from notification_domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_domain.model import Content
    from notification_domain.receivers.catalog import Receiver


class Meeting(StrEnum):
    """What the next attempt on a target meets."""

    SENT = "sent"
    HELD = "held"
    """No attempt is made and none is used up."""
    FAILS = "fails"
    """It is recorded as failed without a call; a later one may succeed."""
    REFUSED = "refused"
    """It is recorded as failed for good without a call."""
    UNKNOWN = "unknown"
    """Whoever asks cannot know."""


class Standing(Enum):
    """Why a receiver takes no message of a notification."""

    UNDECIDED = "labels decide about the namespace, and are being read"
    NOT_ALLOWED = "it does not exist, or does not allow the namespace"
    MISSING = "it does not exist, or is not used"
    UNRESOLVED = "the target was found before the receiver existed"
    ANOTHER_TYPE = "it has another type now"
    SUSPENDED = "it is suspended"
    GONE = "its service answered that it does not exist any more"
    WAITS = "it is not ready, and its messages wait"
    NOT_READY = "it is not ready"
    NO_RECIPIENT = "neither receiver nor notification names a recipient"
    RECIPIENT_NOT_ALLOWED = "it does not accept the recipient"

    @property
    def meeting(self) -> Meeting:
        return MEETINGS[self]

    @property
    def reason(self) -> Reason | None:
        """The reason of the attempt that is recorded, in one word, where there is one."""
        return REASONS.get(self)


MEETINGS: Final[Mapping[Standing, Meeting]] = MappingProxyType(
    {
        Standing.UNDECIDED: Meeting.HELD,
        # Transient: it may be created again, and its owner may allow the namespace.
        Standing.NOT_ALLOWED: Meeting.FAILS,
        Standing.MISSING: Meeting.FAILS,
        Standing.UNRESOLVED: Meeting.HELD,
        Standing.ANOTHER_TYPE: Meeting.REFUSED,
        Standing.SUSPENDED: Meeting.HELD,
        Standing.GONE: Meeting.REFUSED,
        Standing.WAITS: Meeting.HELD,
        Standing.NOT_READY: Meeting.FAILS,
        Standing.NO_RECIPIENT: Meeting.REFUSED,
        Standing.RECIPIENT_NOT_ALLOWED: Meeting.REFUSED,
    }
)
REASONS: Final[Mapping[Standing, Reason]] = MappingProxyType(
    {
        Standing.NOT_ALLOWED: Reason.RECEIVER_NOT_ALLOWED,
        Standing.MISSING: Reason.RECEIVER_NOT_READY,
        Standing.ANOTHER_TYPE: Reason.RECEIVER_NOT_READY,
        Standing.GONE: Reason.RECEIVER_NOT_READY,
        Standing.NOT_READY: Reason.RECEIVER_NOT_READY,
        Standing.RECIPIENT_NOT_ALLOWED: Reason.RECEIVER_NOT_ALLOWED,
    }
)


def reached(
    target: str, receiver: Receiver | None, *, own: bool, allowed: bool, undecided: bool
) -> Standing | None:
    """Return why a target of a notification does not lead to its receiver; None if it does.

    Args:
        target: the key of the target.
        receiver: None if there is none that is used.
        own: whether it would be one of the notification's own namespace.
        allowed: whether the notification may use one of another namespace.
        undecided: whether that may turn out soon.
    """
    if not (own or allowed):
        # Neither this answer nor its time tells another namespace whether the receiver exists.
        return Standing.UNDECIDED if undecided else Standing.NOT_ALLOWED
    if receiver is None:
        return Standing.MISSING
    kind = target.partition("/")[0]
    if kind == UNKNOWN_TYPE:
        return Standing.UNRESOLVED
    return None if kind == receiver.spec.type else Standing.ANOTHER_TYPE


def usable(spec: ReceiverSpec, *, complete: bool, gone: bool, pending: bool = False) -> Standing | None:
    """Return why nothing is sent to a receiver now; None if something is.

    Args:
        spec: that of the receiver.
        complete: whether it has all that its channel needs.
        gone: whether its service said that it does not exist any more.
        pending: whether what it refers to is being read.
    """
    if spec.suspend:
        return Standing.SUSPENDED
    if complete and not gone:
        return None
    holds = spec.on_receiver_error is OnReceiverError.HOLD
    if gone and not holds:
        return Standing.GONE
    return Standing.WAITS if holds or pending else Standing.NOT_READY


def recipient(target: str, receiver: Receiver, content: Content, recorded: Collection[str]) -> str | Standing:
    """Return the recipient of a target of a receiver, one of the `recorded` ones; empty if its channel addresses no people."""
    if not receiver.spec.addresses_people:
        return ""
    if "#" not in target:
        return Standing.NO_RECIPIENT
    return recipient_of(target, receiver, content, recorded) or Standing.RECIPIENT_NOT_ALLOWED
