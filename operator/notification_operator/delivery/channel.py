"""The contract of a channel: it delivers one message and returns, or raises the reason why it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from notification_operator.domain.model import Content


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


class DeliveryError(Exception):
    """An attempt failed in a way that the channel understands."""


class Transient(DeliveryError):  # noqa: N818 - the kind of the failure
    """The next attempt may succeed. `retry_after` is the delay in seconds that the receiver asked for."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Transient):
    """The receiver gets too many messages; that says nothing about its health.

    `retry_after` delays all messages to the destination, whatever the retry policy of their notifications.
    """


class Permanent(DeliveryError):  # noqa: N818 - the kind of the failure
    """No further attempt can succeed before the message or the configuration changes."""


class Postponed(Exception):  # noqa: N818 - no failure
    """An attempt was not made, because its destination takes no message now; it is made later, under the same id."""


class Channel(Protocol):
    """One way to deliver.

    A channel may be called for several messages at once. It need not limit its time: the dispatcher does, by
    cancelling. An exception of any other kind is a bug of the channel: it is logged with its traceback and
    counts as permanent for this channel alone.

    More attributes are optional:

    - `destination`: the destination of its messages, as a text or as a function of a message. Each
      destination has its own circuit breaker, rate limit and concurrency; None is for a channel that delivers
      within the process and needs none. Without the attribute the whole channel is one destination.
    - `concurrency`: the number of messages that a destination accepts at once, where that is less than the
      operator allows.
    - `messages`: the number of messages that a notification is, as a function of it, where that is not one;
      they count against the rate limit.
    - `close()`: a coroutine function that is called when the operator stops.
    """

    async def deliver(self, message: Message) -> None:
        """Deliver one message; returning means that the receiver accepted it.

        Raises:
            Transient: another attempt may succeed.
            RateLimited: the receiver gets too many messages.
            Permanent: another attempt would fail the same way.
        """
        ...


def destination_of(channel: Channel, message: Message) -> str | None:
    """Return the destination of a message on a channel; None where it needs no circuit breaker."""
    destination = getattr(channel, "destination", "")
    result: str | None = destination(message) if callable(destination) else destination
    return result


def messages_of(channel: Channel, message: Message) -> int:
    """Return how many messages a notification is on a channel."""
    count = getattr(channel, "messages", None)
    return 1 if count is None else max(1, int(count(message)))


async def close(channel: Channel) -> None:
    """Close a channel, if it can be closed."""
    closing = getattr(channel, "close", None)
    if closing is not None:
        await closing()
