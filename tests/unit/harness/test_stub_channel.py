"""The stub channel with the real sink: every scripted action reaches the operator's dispatcher."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from notification_domain.model import Content
from notification_runtime.delivery.channel import Message, Permanent, Transient
from tests.harness.sink_client import StubScripts
from tests.harness.stub.stub_channel import StubChannel
from tests.unit.harness.conftest import RunningSink

MESSAGE = Message(
    id="uid:file:1",
    namespace="ns",
    name="n",
    uid="uid",
    created=datetime(2026, 1, 1, tzinfo=UTC),
    channels=("file",),
    content=Content(type="simple", priority="low", subject="a subject", body="a body"),
)


@pytest.fixture
async def channel(sink: RunningSink) -> AsyncIterator[StubChannel]:
    new = StubChannel(channel="file", sink=sink.base)
    yield new
    await new.close()


async def script(sink: RunningSink, *actions: dict[str, Any]) -> None:
    await asyncio.to_thread(StubScripts(sink.base).script, "ns", "n", "file", *actions)


async def failure(sink: RunningSink, channel: StubChannel, action: dict[str, Any]) -> BaseException:
    await script(sink, action)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - which one is the subject of the test
        await channel.deliver(MESSAGE)
    return caught.value


async def test_calls_follow_the_script_and_its_last_action_repeats(
    sink: RunningSink, channel: StubChannel
) -> None:
    assert await channel.deliver(MESSAGE) is None
    await script(
        sink,
        {"do": "transient", "text": "full", "retry_after": 3},
        {"do": "permanent", "text": "gone"},
        {"do": "succeed", "value": {"id": 7}},
    )
    with pytest.raises(Transient, match="full") as caught:
        await channel.deliver(MESSAGE)
    assert caught.value.retry_after == 3
    with pytest.raises(Permanent, match="gone"):
        await channel.deliver(MESSAGE)
    assert [await channel.deliver(MESSAGE) for _ in range(2)] == [{"id": 7}] * 2
    scripts = StubScripts(sink.base)
    calls = await asyncio.to_thread(scripts.called, "ns", "n")
    assert len(calls) == 5
    known = {"id": "uid:file:1", "uid": "uid", "channel": "file", "subject": "a subject", "body": "a body"}
    assert known.items() <= calls[0].items()
    assert await asyncio.to_thread(scripts.calls, "ns", "n", "console") == []
    assert await asyncio.to_thread(scripts.calls, "ns", "other") == []


@pytest.mark.parametrize(
    "name", ["ZeroDivisionError", "KeyError", "SystemExit", "CancelledError", "Permanent"]
)
async def test_exception_is_raised_by_name_with_its_text(
    sink: RunningSink, channel: StubChannel, name: str
) -> None:
    error = await failure(sink, channel, {"do": "raise", "exception": name, "text": "why"})
    assert (type(error).__name__, error.args) == (name, ("why",))


async def test_exception_can_have_no_text_or_an_unprintable_one(
    sink: RunningSink, channel: StubChannel
) -> None:
    assert str(await failure(sink, channel, {"do": "raise", "exception": "RuntimeError"})) == ""
    mute = await failure(sink, channel, {"do": "raise", "exception": "Mute"})
    with pytest.raises(RuntimeError, match="no text"):
        str(mute)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ({"text": "NUL \x00, BEL \x07, C1 \x85, lone \ud800"}, "NUL \x00, BEL \x07, C1 \x85, lone \ud800"),
        ({"text_base64": base64.b64encode("é ".encode() + b"\xff\xfe").decode()}, "é \udcff\udcfe"),
        ({"text": "disk ", "size": 12}, "disk disk di"),
        ({"text": "x", "size": 1_000_000}, "x" * 1_000_000),
    ],
)
async def test_unstorable_texts_arrive_unchanged(
    sink: RunningSink, channel: StubChannel, action: dict[str, Any], text: str
) -> None:
    error = await failure(sink, channel, {"do": "transient", **action})
    assert str(error) == text


@pytest.mark.parametrize("link", ["cause", "context"])
async def test_exception_chain_has_three_links_with_the_transient_one_anywhere(
    sink: RunningSink, channel: StubChannel, link: str
) -> None:
    root = {"exception": "Transient", "text": "root", "retry_after": 2}
    middle = {"exception": "OSError", "text": "middle", link: root}
    error = await failure(
        sink, channel, {"do": "raise", "exception": "RuntimeError", "text": "outer", link: middle}
    )
    second = getattr(error, f"__{link}__")
    third = getattr(second, f"__{link}__")
    assert [str(part) for part in (error, second, third)] == ["outer", "middle", "root"]
    assert isinstance(third, Transient)
    assert third.retry_after == 2
    assert error.__suppress_context__ is (link == "cause")


async def test_action_can_be_delayed_or_never_end(sink: RunningSink, channel: StubChannel) -> None:
    await script(sink, {"do": "succeed", "delay": 0.2}, {"do": "never"})
    start = asyncio.get_running_loop().time()
    await channel.deliver(MESSAGE)
    assert asyncio.get_running_loop().time() - start >= 0.2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await channel.deliver(MESSAGE)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ({"do": "explode"}, "'succeed', 'transient'"),
        ({"do": "raise", "exception": "NoSuchError"}, "'NoSuchError' is no built-in exception"),
        ({"do": "raise", "exception": "print"}, "'print' is no built-in exception"),
        ({"do": "raise", "exception": "UnicodeDecodeError"}, "cannot be made from a text alone"),
        ({"do": "succeed", "dealy": 3}, "dealy"),
    ],
)
async def test_invalid_channel_script_is_rejected(
    sink: RunningSink, action: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AssertionError, match="answered 400") as caught:
        await script(sink, action)
    assert reason in str(caught.value)
