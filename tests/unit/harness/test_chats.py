"""Chats that can change a message: a Resolve updates the first message of its incident, through the services of the sink."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import LifecycleEvent
from notification_runtime.delivery.channel import ReceiverError, Transient
from tests.harness.sink.services import discord, slack
from tests.unit.harness.test_services import CREDENTIAL, Counterpart, counterpart
from tests.unit.operator.channels.receivers import NOW, make, message

if TYPE_CHECKING:
    from notification_runtime.delivery.channel import Channel, Receipt

__all__ = ["counterpart"]
TRIGGER, ACKNOWLEDGE, RESOLVE = LifecycleEvent.TRIGGER, LifecycleEvent.ACKNOWLEDGE, LifecycleEvent.RESOLVE
TRIGGERED = "The disk of db-1 is full"
RESOLVED = "The disk of db-1 has room"
LASTED = timedelta(minutes=12, seconds=7)
LONG = "Диск узла 7 переполнен. " * 300
"""Fills a message of both services; the answer, which repeats it, has six bytes for a letter."""


class Chat:
    """One channel, and the incident that it is told of."""

    def __init__(self, channel: Channel, there: Counterpart) -> None:
        self._channel = channel
        self._there = there

    async def tell(self, event: LifecycleEvent, thread: str = "", **changes: Any) -> Receipt:
        subject = TRIGGERED if event is TRIGGER else RESOLVED
        began = NOW - LASTED if thread else None
        told = message(
            event=event,
            dedup_key="disk",
            subject=subject,
            created=NOW,
            thread_ref=thread,
            thread_began=began,
            **changes,
        )
        receipt = await self._channel.deliver(told)
        assert receipt is not None
        return receipt

    async def script(self, *answers: Any) -> None:
        await self._there.set(answer=list(answers))

    async def messages(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self._there.account.messages)

    async def kinds(self) -> list[str]:
        return [hit["kind"] for hit in await self._there.hits()]


def bot(there: Counterpart, **fields: Any) -> Chat:
    channel = make(
        "slack", {"botTokenSecretRef": CREDENTIAL}, there.access, channel="C0123", baseUrl=there.url, **fields
    )
    return Chat(channel, there)


def webhook(there: Counterpart, query: str = "", **fields: Any) -> Chat:
    url = f"{there.url}/api/webhooks/778899/{CREDENTIAL}{query}"
    return Chat(make("discord", {"urlSecretRef": url}, there.access, **fields), there)


async def test_slack_resolve_updates_the_first_message_and_replies(counterpart: Counterpart) -> None:
    chat = bot(counterpart)
    first = (await chat.tell(TRIGGER)).message_ref
    await chat.tell(ACKNOWLEDGE, first)
    (before, acknowledged) = await chat.messages()
    assert acknowledged["thread_ts"] == "1716969600.000100"

    receipt = await chat.tell(RESOLVE, first)

    after, _, reply = await chat.messages()
    assert (receipt.message_ref, receipt.note) == ("C0123/1716969600.000300", "")
    assert reply["thread_ts"] == "1716969600.000100"
    assert reply["text"] == f"✅ [RESOLVED] {RESOLVED}"
    (attachment,) = after.pop("attachments")
    # What the Trigger said is still there.
    assert after == before
    assert attachment["color"] == "#2E7D32"
    header, context = attachment["blocks"]
    assert header == reply["blocks"][0]
    assert context["elements"][0]["text"] == "resolved after 12 min | from shop/order-1, cluster staging"


@pytest.mark.parametrize("chat", [bot, webhook])
async def test_long_first_message_is_accepted_and_updated(counterpart: Counterpart, chat: Any) -> None:
    told = chat(counterpart)
    receipt = await told.tell(TRIGGER, body=LONG)
    (before, *_) = await told.messages()
    assert receipt.message_ref in {"C0123/1716969600.000100", "1122334455667788990"}
    assert (await told.tell(RESOLVE, receipt.message_ref, body=LONG)).note == ""
    assert (await told.messages())[0] != before


async def test_slack_repeated_resolve_updates_nothing_more(counterpart: Counterpart) -> None:
    chat = bot(counterpart)
    first = (await chat.tell(TRIGGER)).message_ref
    await chat.script({}, {"code": 503}, {})
    with pytest.raises(Transient):
        await chat.tell(RESOLVE, first)
    (once,) = await chat.messages()
    await chat.tell(RESOLVE, first)
    again, reply = await chat.messages()
    assert again == once
    assert reply["thread_ts"] == first.rpartition("/")[2]
    assert await chat.kinds() == ["slack", "slack-update", "slack", "slack-update", "slack"]


@pytest.mark.parametrize(
    "error",
    ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived"],
)
async def test_slack_resolve_replies_where_the_first_message_cannot_be_updated(
    counterpart: Counterpart, error: str
) -> None:
    chat = bot(counterpart)
    first = (await chat.tell(TRIGGER)).message_ref
    await chat.script(slack.refused(error), {})
    receipt = await chat.tell(RESOLVE, first)
    assert receipt.note == f"the first message of the incident is not updated: Slack answered {error}"
    unchanged, reply = await chat.messages()
    assert "attachments" not in unchanged
    assert reply["thread_ts"] == first.rpartition("/")[2]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"code": 503}, Transient),
        (slack.refused("ratelimited"), Transient),
        (slack.refused("invalid_auth"), ReceiverError),
    ],
)
async def test_slack_resolve_that_may_update_later_is_repeated(
    counterpart: Counterpart, answer: Any, kind: type[Exception]
) -> None:
    chat = bot(counterpart)
    first = (await chat.tell(TRIGGER)).message_ref
    await chat.script(answer)
    with pytest.raises(kind):
        await chat.tell(RESOLVE, first)
    assert await chat.kinds() == ["slack", "slack-update"]


@pytest.mark.parametrize(("choice", "replies"), [("Reply", True), ("None", False)])
async def test_slack_resolve_updates_nothing_if_the_receiver_says_so(
    counterpart: Counterpart, choice: str, *, replies: bool
) -> None:
    chat = bot(counterpart, onResolve=choice)
    first = (await chat.tell(TRIGGER)).message_ref
    await chat.tell(ACKNOWLEDGE, first)
    await chat.tell(RESOLVE, first)
    assert await chat.kinds() == ["slack"] * 3
    trigger, acknowledged, resolve = await chat.messages()
    assert "attachments" not in trigger
    assert "thread_ts" in acknowledged
    assert ("thread_ts" in resolve) is replies


@pytest.mark.parametrize("chat", [bot, webhook])
async def test_resolve_without_a_first_message_is_a_message(counterpart: Counterpart, chat: Any) -> None:
    told = chat(counterpart)
    await told.tell(RESOLVE)
    (alone,) = await told.messages()
    assert "thread_ts" not in alone
    assert len(await told.kinds()) == 1


async def test_discord_resolve_updates_the_first_message_and_is_another_one(counterpart: Counterpart) -> None:
    chat = webhook(counterpart)
    metadata = {"Status": "failing", "node": "db-1"}
    first = (await chat.tell(TRIGGER, metadata=metadata)).message_ref
    (before,) = await chat.messages()

    receipt = await chat.tell(RESOLVE, first)
    after, resolve = await chat.messages()
    assert (receipt.message_ref, receipt.note) == (resolve["id"], "")
    (was,), (embed,) = before["embeds"], after["embeds"]
    assert (embed["title"], embed["color"]) == ("✅ \\[RESOLVED\\] The disk of db\\-1 is full", 0x2E7D32)
    assert [embed[name] for name in ("description", "timestamp", "footer")] == [
        was[name] for name in ("description", "timestamp", "footer")
    ]
    status = {"name": "Status", "value": "resolved after 12 min", "inline": False}
    assert embed["fields"] == [*was["fields"], status]
    assert after["allowed_mentions"] == {"parse": []}

    # Another Resolve changes nothing more.
    await chat.tell(RESOLVE, first)
    assert (await chat.messages())[0] == after


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([discord.UNKNOWN, {}], "HTTP 404: Unknown Message"),
        ([{}, {"code": 400, "body": "no"}, {}], "HTTP 400: no"),
        ([{"code": 200, "body": "{}"}, {}], "it has no embed"),
        ([{"code": 403, "body": '{"code": 50005}'}, {}], "HTTP 403: Cannot edit a message authored by"),
    ],
)
async def test_discord_resolve_is_sent_where_the_first_message_cannot_be_updated(
    counterpart: Counterpart, answers: list[Any], problem: str
) -> None:
    chat = webhook(counterpart)
    first = (await chat.tell(TRIGGER)).message_ref
    (before,) = await chat.messages()
    await chat.script(*answers)
    receipt = await chat.tell(RESOLVE, first)
    assert receipt.note.startswith(f"the first message of the incident is not updated: {problem}")
    unchanged, _ = await chat.messages()
    assert unchanged == before


async def test_discord_update_follows_no_path_that_a_reference_names(counterpart: Counterpart) -> None:
    chat = webhook(counterpart)
    receipt = await chat.tell(RESOLVE, "../../1")
    assert receipt.note.endswith("it has no id of Discord")
    assert await chat.kinds() == ["discord"]


async def test_discord_webhook_that_is_gone_is_reported_as_that(counterpart: Counterpart) -> None:
    chat = webhook(counterpart)
    first = (await chat.tell(TRIGGER)).message_ref
    await chat.script({"code": 404, "body": '{"message": "Unknown Webhook", "code": 10015}'})
    with pytest.raises(ReceiverError, match="Unknown Webhook"):
        await chat.tell(RESOLVE, first)


async def test_discord_message_in_a_thread_of_its_channel_is_updated_there(counterpart: Counterpart) -> None:
    chat = webhook(counterpart, query="?thread_id=42&wait=false")
    first = (await chat.tell(TRIGGER)).message_ref
    await chat.tell(RESOLVE, first)
    paths = [hit["path"] for hit in await counterpart.hits()]
    assert [path.rpartition("?")[2] for path in paths] == [
        "thread_id=42&wait=true",
        "thread_id=42",
        "thread_id=42",
        "thread_id=42&wait=true",
    ]


async def test_discord_blank_metadata_is_left_out(counterpart: Counterpart) -> None:
    chat = webhook(counterpart)
    await chat.tell(TRIGGER, metadata={"owner": " \n", "": "shop", " ": "shop", "empty": "", "node": "db-1"})
    (message,) = await chat.messages()
    assert [field["name"] for field in message["embeds"][0]["fields"]] == ["node"]


async def test_discord_message_of_many_characters_is_updated(counterpart: Counterpart) -> None:
    chat = webhook(counterpart)
    first = (await chat.tell(TRIGGER, body="\N{PILE OF POO}" * 3000)).message_ref
    before = (await chat.messages())[0]["embeds"][0]
    # As JSON it takes twelve bytes for each of them.
    assert len(before["description"]) > 1700
    assert (await chat.tell(RESOLVE, first)).note == ""
    assert (await chat.messages())[0]["embeds"][0]["description"] == before["description"]
