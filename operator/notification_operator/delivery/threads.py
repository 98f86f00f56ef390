"""The first message of each incident at each receiver, so that later ones join its thread.

Best effort: a restart forgets it, and the next message begins a new thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Message, Receipt
    from notification_operator.delivery.senders import Sender

MOST: Final = 10_000
"""Incidents that are remembered: the ones of the latest messages."""


class Threads:
    """Remembers references of messages; an incident belongs to the namespace of its notifications."""

    def __init__(self) -> None:
        self._first: LruMap[tuple[str, ...], str] = LruMap(MOST)

    def find(self, sender: Sender, message: Message) -> str:
        """Return the first message of the incident; empty if there is none, or the message belongs to no incident."""
        return self._first.get(_key(sender, message), "") if message.dedup_key else ""

    def delivered(self, sender: Sender, message: Message, receipt: Receipt | None) -> None:
        """Remember a message that the receiver accepted, if it is the first of its incident."""
        if receipt is None or not receipt.message_ref or not message.dedup_key:
            return
        reference = receipt.message_ref
        self._first.use(_key(sender, message), lambda: reference)


def _key(sender: Sender, message: Message) -> tuple[str, ...]:
    # A receiver that has changed may send to another room, which does not know the thread.
    return sender.name, sender.revision, message.namespace, message.dedup_key
