"""The messages of an incident at a chat: one of them begins a thread, whichever process sends it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from notification_operator.controller import incident_table, incidents
from notification_runtime.delivery.channel import Message, Permanent, Receipt, Transient
from tests.unit.operator.controller.incident_fixture import Incident
from tests.unit.operator.controller.reconciler_fixture import Stub


class Chat(Stub):
    """Names each message, and notes the thread that it belongs to."""

    keeps_threads = True

    def __init__(self, *errors: Exception | None, seconds: float = 0.0) -> None:
        super().__init__(*errors, seconds=seconds)
        self.posts: list[tuple[str, str]] = []
        """The event of each accepted message, and the message that it refers to."""
        self.began: list[timedelta | None] = []
        """How long before it the notification of that message was created."""

    async def deliver(self, message: Message) -> Receipt:  # type: ignore[override]  # a stub returns none
        await super().deliver(message)
        self.posts.append((str(message.event), message.thread_ref))
        began = message.thread_began
        self.began.append(None if began is None else message.created - began)
        return Receipt(message_ref=f"{message.name}/{len(self.posts)}")


def restarted(incident: Incident, *channels: Stub) -> Incident:
    """Return another process with the same objects."""
    return Incident(*channels, store=incident.store)


async def test_message_joins_the_thread_that_was_begun_before_a_restart() -> None:
    before, after = Chat(), Chat()
    incident = Incident(before, event="Trigger")
    await incident.reconcile()

    incident = restarted(incident, after)
    # Created after the start of this process, a Trigger needs the listing for its thread alone.
    for number, event in enumerate(("Trigger", "Acknowledge", "Resolve")):
        await incident.reconcile(incident.tell(f"later-{number}", event, age=-2 - number))

    assert before.posts == [("Trigger", "")]
    assert after.posts == [(event, "order-1/1") for event in ("Trigger", "Acknowledge", "Resolve")]
    assert incident.listings == {"shop/disk": 1}
    assert all(began is not None and began >= timedelta(seconds=1) for began in after.began)


async def test_trigger_after_a_resolve_begins_another_thread() -> None:
    chat = Chat()
    incident = Incident(chat, event="Trigger")
    await incident.reconcile()
    for number, event in enumerate(("Resolve", "Resolve", "Trigger", "Resolve")):
        await incident.reconcile(incident.tell(f"later-{number}", event, age=-2 - number))
    assert chat.posts == [
        ("Trigger", ""),
        ("Resolve", "order-1/1"),
        ("Resolve", "order-1/1"),
        ("Trigger", ""),
        ("Resolve", "later-2/4"),
    ]


@pytest.mark.parametrize("error", [None, Permanent("never"), Transient("busy")])
async def test_messages_at_the_same_time_are_one_thread(error: Exception | None) -> None:
    chat = Chat(error, seconds=0.2)
    incident = Incident(chat, event="Trigger", retryPolicy={"maxAttempts": 1})
    second = incident.tell("second", "Trigger", age=-2)
    await incident.reconcile()
    await incident.reconcile(second)
    (waits,) = incident.of("second")["targets"]
    assert (waits["state"], waits["reason"]) == ("Waiting", "WaitingForIncident")
    assert "another message of its incident is being sent" in incident.of("second")["message"]
    assert len(chat.calls) == 1

    await incident.until_requeued()
    assert second in incident.operator.queue.keys
    await incident.reconcile()
    await incident.reconcile(second)
    await asyncio.sleep(0.3)

    thread = "order-1/1" if error is None else ""
    assert chat.posts[-1] == ("Trigger", thread)
    assert len(chat.calls) == 2


async def test_message_joins_a_thread_whose_begin_is_not_recorded_yet() -> None:
    chat = Chat(seconds=0.2)
    incident = Incident(chat, event="Trigger")
    await incident.reconcile()
    await incident.until_requeued()
    await incident.reconcile(incident.tell("second", "Trigger", age=-2))
    await asyncio.sleep(0.3)
    assert incident.of("order-1")["totalAttempts"] == 0
    assert chat.posts == [("Trigger", ""), ("Trigger", "order-1/1")]


async def test_message_waits_for_the_listing_only_where_there_are_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incidents, "RETRY_AFTER", timedelta())
    chat, console = Chat(), Stub()
    incident = Incident(chat, console, event="Trigger")
    incident.failing = True
    begins = incident.tell("begins", "Trigger", age=-2)
    await incident.reconcile(begins)
    assert incident.states("begins") == {"slack": "Waiting", "console": "Delivered"}
    assert "the other messages of its incident cannot be listed" in incident.of("begins")["message"]
    incident.failing = False
    await incident.reconcile(begins)
    assert incident.states("begins") == {"slack": "Delivered", "console": "Delivered"}


async def test_message_at_a_channel_without_threads_needs_no_listing() -> None:
    class Mail(Chat):
        keeps_threads = False

    mail = Mail()
    incident = Incident(mail, event="Trigger")
    for number in range(2):
        await incident.reconcile(incident.tell(f"later-{number}", "Trigger", age=-2 - number))
    assert incident.listings == {}
    assert mail.posts == [("Trigger", ""), ("Trigger", "later-0/1")]


async def test_thread_stays_however_many_messages_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_table, "MOST_EVENTS", 4)
    chat = Chat()
    incident = Incident(chat, event="Trigger")
    await incident.reconcile()
    for number in range(8):
        await incident.reconcile(incident.tell(f"later-{number}", "Trigger", age=-2 - number))
    assert chat.posts[1:] == [("Trigger", "order-1/1")] * 8
