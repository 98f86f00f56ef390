"""The sender of the stack tests repeats what senders repeat, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from tests.harness import gateway
from tests.harness.gateway import Gateway, Message, Reply
from tests.harness.sink_client import WebhookSink

if TYPE_CHECKING:
    import pytest

    from tests.harness.cluster import Cluster
    from tests.harness.receivers import Receivers
    from tests.unit.harness.conftest import RunningSink


async def test_messages_without_an_answer_and_with_503_are_repeated(
    sink: RunningSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The webhook of the sink is in the place of the gateway."""
    monkeypatch.setattr(gateway, "URL", sink.base)
    place = WebhookSink(sink.base, "sender")
    scripts: dict[str, list[dict[str, Any]]] = {
        "first": [{"code": 503}, {"drop": True}, {"code": 202, "body": "stored"}],
        "second": [{"code": 429, "body": "later"}],
        "third": [{"code": 401, "body": "who?"}],
    }
    for token, answers in scripts.items():
        await asyncio.to_thread(place.answer, token, *answers)
    sender = Gateway(cast("Cluster", None), cast("Receivers", None), sink=sink.base)
    messages = [Message(path="/webhook/sender", headers={}, body=token) for token in scripts]
    replies = await asyncio.to_thread(sender.insist, *messages)
    assert replies == [
        Reply(status=202, body="stored"),
        Reply(status=429, body="later"),
        Reply(status=401, body="who?"),
    ]
    hits = await asyncio.to_thread(place.hits)
    assert sorted(hit["body"] for hit in hits) == ["first", "first", "first", "second", "third"]
