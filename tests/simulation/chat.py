"""The simulated chat: it keeps the messages of incidents, what was posted into their threads, and which of them were updated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notification_contract.kinds.choices import LifecycleEvent
from notification_runtime.delivery.channel import Receipt

if TYPE_CHECKING:
    from notification_runtime.delivery.channel import Message
    from tests.simulation.channels import Call

CHAT = "slack"
"""The channel that leads to the chat."""


@dataclass(slots=True, kw_only=True)
class Post:
    """A message in the chat."""

    ref: str
    call: Call
    event: LifecycleEvent
    thread: str
    """The message whose thread it is in; empty for one of the channel itself."""
    resolved: bool = False
    """Whether it was updated at a Resolve."""


@dataclass(slots=True)
class Chat:
    """What all processes have posted."""

    posts: dict[str, Post] = field(default_factory=dict)
    """By reference, the oldest first."""

    def accept(self, message: Message, call: Call) -> Receipt:
        """Take a message, into the thread that it names."""
        ref = f"C1/{len(self.posts) + 1}"
        head = self.posts.get(message.thread_ref)
        if head is not None and message.event is LifecycleEvent.RESOLVE:
            head.resolved = True
        self.posts[ref] = Post(ref=ref, call=call, event=message.event, thread=message.thread_ref)
        return Receipt(message_ref=ref)
