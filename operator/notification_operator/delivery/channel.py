"""What a channel is: it takes one message, and returns, or raises what kept it from delivering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from notification_operator.domain.model import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel delivers: a sanitised copy, never the stored text.

    `id` is the same for every repeat of this try, also after a crash: hand it to the receiver.
    """

    id: str
    namespace: str
    name: str
    uid: str
    created: datetime
    channels: tuple[str, ...]
    content: Content


class DeliveryError(Exception):
    """A try failed in a way that the channel understands."""


class Transient(DeliveryError):  # noqa: N818 - says of which kind the failure is
    """The next try may succeed. `retry_after` is the pause in seconds that the receiver asked for."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(DeliveryError):  # noqa: N818 - says of which kind the failure is
    """No further try can succeed: the message or the set-up has to change first."""


class Channel(Protocol):
    """One way to deliver.

    A channel may be called for several messages at once. It need not bound its time: the
    dispatcher does, by cancelling. An exception that is neither of the two kinds is a bug of the
    channel: it is logged with its traceback and counts as permanent for this channel alone.

    It may have three more attributes, each of which has a default:

    - `destination`: where its messages go, as a text or as a function from a message to one. Each
      destination has a circuit breaker of its own; None is for a channel that leaves the process
      to nobody's harm and has none. Without the attribute the whole channel has one.
    - `concurrency`: how many messages it takes at once, where that is less than the operator allows.
    - `close()`: a coroutine function that is called at the operator's stop.
    """

    async def deliver(self, message: Message) -> None:
        """Deliver one message; returning means that the receiver has it.

        Raises:
            Transient: trying again makes sense.
            Permanent: it does not.
        """
        ...


def destination_of(channel: Channel, message: Message) -> str | None:
    """Return where a message goes on a channel; None where no circuit breaker is wanted."""
    destination = getattr(channel, "destination", "")
    found: str | None = destination(message) if callable(destination) else destination
    return found


async def close(channel: Channel) -> None:
    """Let a channel let go of what it holds."""
    closing = getattr(channel, "close", None)
    if closing is not None:
        await closing()
