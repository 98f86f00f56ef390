"""The contract of a channel: it delivers one message and returns, or raises the reason why it could not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from notification_contract.kinds.choices import BodyFormat, LifecycleEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from notification_domain.model import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The input of a channel: a redacted copy, never the stored text.

    `id` is the same for every repeat of this attempt, also after a crash: pass it on to the receiver.
    """

    id: str
    namespace: str
    name: str
    uid: str
    created: datetime
    channels: tuple[str, ...]
    content: Content
    delivery_id: str = ""
    """The same for all attempts of one target, so that a receiver recognizes a repeat."""
    attempt: int = 1
    """The number of this attempt, from 1."""
    event: LifecycleEvent = LifecycleEvent.TRIGGER
    dedup_key: str = ""
    """The incident that the notification belongs to; empty: it stands alone."""
    format: BodyFormat = BodyFormat.PLAIN
    address: str = ""
    """The recipient of this target, where a channel addresses people; empty: the address of the receiver."""
    thread_ref: str = ""
    """The `message_ref` of the first message of the same `dedup_key`, for channels with threads."""
    thread_began: datetime | None = None
    """When the notification of that message was created; None without one."""

    @property
    def ends_thread(self) -> bool:
        """Whether it resolves what the first message of its thread reports."""
        return self.event is LifecycleEvent.RESOLVE and bool(self.thread_ref)

    @property
    def lasted(self) -> timedelta:
        """How long after the first message of its thread it was created."""
        return timedelta() if self.thread_began is None else self.created - self.thread_began

    @property
    def follows_up(self) -> bool:
        """Whether it continues or ends an incident that was reported before."""
        return bool(self.dedup_key) and self.event is not LifecycleEvent.TRIGGER


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a channel reports about an accepted message."""

    message_ref: str = ""
    """The message at the receiver, in the receiver's terms."""
    note: str = ""
    """A problem that did not prevent the delivery, such as a template that failed."""


class DeliveryError(Exception):
    """An attempt failed in a way that the channel understands."""

    refused = False
    """Whether the receiver certainly has nothing of the message."""


class Transient(DeliveryError):  # noqa: N818 - the kind of the failure
    """The next attempt may succeed. `retry_after` is the delay in seconds that the receiver asked for."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(Transient):
    """The receiver, or the way to it, did not take the message this time."""

    refused = True


class RateLimited(Refused):
    """The receiver gets too many messages; that says nothing about its health.

    `retry_after` delays all messages to the destination, whatever the retry policy of their notifications.
    """


class Permanent(DeliveryError):  # noqa: N818 - the kind of the failure
    """No further attempt can succeed before the message or the configuration changes."""

    refused = True


@contextmanager
def sending_part(number: int) -> Iterator[None]:
    """Send a part of a message, counted from 1: after the first one, the receiver has something of it."""
    try:
        yield
    except DeliveryError as error:
        error.refused = error.refused and number == 1
        raise


class ReceiverProblem(StrEnum):
    """Why a receiver accepts no message at all: the reason of its condition Healthy."""

    AUTHENTICATION_FAILED = "AuthenticationFailed"
    NOT_FOUND = "NotFound"
    GONE = "Gone"
    CERTIFICATE_INVALID = "CertificateInvalid"
    TLS_UNAVAILABLE = "TLSUnavailable"
    ADDRESS_NOT_ALLOWED = "AddressNotAllowed"
    MISCONFIGURED = "Misconfigured"


class ReceiverError(DeliveryError):
    """The receiver accepts no message before its configuration changes; the message is not at fault."""

    refused = True

    def __init__(self, reason: ReceiverProblem, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else str(reason))
        self.reason = reason


class InvalidOptionsError(ValueError):
    """A channel cannot be created with its options or secrets; the text names the field and says what to change."""


class Channel(ABC):
    """One way to deliver: the base class of every channel, plugins included.

    A channel may be called for several messages at once. It need not limit its time: the dispatcher does, by
    cancelling.
    """

    destination: str | None = ""
    """The destination of every message, as a text that is never shown.

    Each destination has its own circuit breaker, rate limit and concurrency. None is for a channel that delivers
    within the process and needs none.
    """
    concurrency: int | None = None
    """The number of messages that a destination accepts at once, where that is less than the operator allows."""
    copies: int = 3
    """Copies of a content that an attempt may hold at once: as read, as redacted, and as sent (DD-BOUNDS-001)."""

    keeps_threads: bool = False
    """Whether the messages of an incident belong to the first one, which `thread_ref` names. No other message of an incident
    is sent while its first one is, and the incident is listed before that (DD-INCIDENT-001)."""

    @abstractmethod
    async def deliver(self, message: Message) -> Receipt | None:
        """Deliver one message; returning means that the receiver accepted it.

        Raises:
            Transient: another attempt may succeed.
            RateLimited: the receiver gets too many messages.
            Permanent: another attempt would fail the same way.
            ReceiverError: any message would fail the same way.
            Exception: a bug of the channel, which is logged with its traceback; permanent for this channel alone.
        """

    def destination_of(self, message: Message) -> str | None:
        """Return the destination of a message; a channel with several destinations overrides this."""
        del message
        return self.destination

    def messages_of(self, message: Message) -> int:
        """Return how many messages a notification is; they count against the rate limit."""
        del message
        return 1

    def slot(self, message: Message) -> AbstractAsyncContextManager[None]:
        """Hold what a delivery needs of a bounded number, such as connections; the wait is no part of the attempt."""
        del message
        return nullcontext()

    async def close(self) -> None:  # noqa: B027 - most channels hold nothing
        """Release what the channel holds; called when the operator stops."""

    @property
    def has_several_destinations(self) -> bool:
        """Whether messages differ in their destination."""
        return type(self).destination_of is not Channel.destination_of
