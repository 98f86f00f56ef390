"""One try: bounded in time, and whatever a channel does becomes a value."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from notification_operator.delivery.breakers import Breakers
from notification_operator.delivery.channel import Channel, Message, Permanent, Transient
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.domain.breaker import Limits
from notification_operator.domain.model import Attempt, AttemptStatus, Content
from notification_operator.domain.plan import Send

MESSAGE = Message(
    id="uid:stub:1",
    namespace="shop",
    name="order-1",
    uid="uid",
    created=datetime.now(UTC),
    channels=("stub",),
    content=Content(type="simple", priority="low", subject="s", body="b"),
)


TOUCHY = Limits(failure_threshold=3, open_seconds=0.2, probes=2)


class Stub:
    """A channel that raises what it is told, or waits for ever, and counts its calls."""

    def __init__(self, error: BaseException | None = None, *, hangs: bool = False) -> None:
        self.error = error
        self.hangs = hangs
        self.calls: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def deliver(self, message: Message) -> None:
        self.calls.append(message.id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(3600 if self.hangs else 0.01)
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error


def now() -> datetime:
    return datetime.now(UTC)


def bench(
    channels: Mapping[str, Channel], *, timeout: float = 5, concurrency: int = 8, limits: Limits = TOUCHY
) -> Dispatcher:
    breakers = Breakers(limits, clock=now)
    return Dispatcher(channels, breakers=breakers, timeout=timeout, concurrency=concurrency, clock=now)


async def attempt(channel: Channel | None, *, number: int = 1, seconds: float = 5.0) -> Attempt:
    channels = {} if channel is None else {"stub": channel}
    dispatcher = bench(channels, timeout=seconds, concurrency=4)
    return await dispatcher.attempt(Send(channel="stub", number=number, id=f"uid:stub:{number}"), MESSAGE)


async def test_a_channel_that_returns_is_a_success_with_its_time_and_number() -> None:
    before = datetime.now(UTC)
    made = await attempt(Stub(), number=3)
    assert (made.channel, made.number, made.status, made.error) == ("stub", 3, AttemptStatus.SUCCESS, None)
    assert before <= made.timestamp <= made.ended <= datetime.now(UTC)
    assert made.duration >= 0.01


async def test_a_transient_failure_may_be_tried_again_and_keeps_the_receiver_s_pause() -> None:
    made = await attempt(Stub(Transient("503: busy", retry_after=7)))
    assert (made.status, made.permanent, made.retry_after) == (AttemptStatus.FAILED, False, 7)
    assert made.error == "503: busy"


@pytest.mark.parametrize("asked", [-1.0, float("nan"), float("inf")])
async def test_a_pause_that_is_none_is_not_recorded(asked: float) -> None:
    assert (await attempt(Stub(Transient("busy", retry_after=asked)))).retry_after is None


async def test_a_permanent_failure_is_marked_in_its_field_and_in_its_text() -> None:
    made = await attempt(Stub(Permanent("404: no such channel")))
    assert made.permanent
    assert made.error == "permanent failure: 404: no such channel"


async def test_an_exception_that_no_channel_should_raise_is_permanent_and_names_itself() -> None:
    made = await attempt(Stub(ZeroDivisionError()))
    assert made.permanent
    assert made.error is not None
    assert "ZeroDivisionError" in made.error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
async def test_what_would_end_a_program_is_the_failure_of_its_channel_alone(error: BaseException) -> None:
    made = await attempt(Stub(error))
    assert made.permanent
    assert made.error is not None
    assert type(error).__name__ in made.error


async def test_a_transient_mark_counts_through_wrapping() -> None:
    error = RuntimeError("outer")
    error.__cause__ = Transient("the network is down", retry_after=3)
    error.__cause__.__cause__ = OSError("connection refused")
    made = await attempt(Stub(error))
    assert (made.permanent, made.retry_after) == (False, 3)
    assert made.error is not None
    assert "connection refused" in made.error


async def test_a_permanent_failure_caused_by_a_transient_one_is_permanent() -> None:
    error = Permanent("gave up")
    error.__cause__ = Transient("busy")
    assert (await attempt(Stub(error))).permanent


async def test_a_channel_that_does_not_answer_in_time_is_cut_off_and_may_be_tried_again() -> None:
    stub = Stub(hangs=True)
    made = await attempt(stub, seconds=0.05)
    assert (made.status, made.permanent) == (AttemptStatus.FAILED, False)
    assert made.error is not None
    assert "timed out after 0.05 s" in made.error
    assert stub.at_once == 0


async def test_a_channel_s_own_time_out_is_its_own_failure() -> None:
    made = await attempt(Stub(Transient("slow")), seconds=5)
    assert made.error == "slow"


async def test_a_channel_that_is_not_set_up_fails_for_good_and_names_the_setting() -> None:
    made = await attempt(None)
    assert made.permanent
    assert made.error is not None
    assert "'stub'" in made.error
    assert "channels.plugins.stub" in made.error


async def test_no_more_tries_run_at_once_on_a_channel_than_it_may_have() -> None:
    stub = Stub()
    dispatcher = bench({"stub": stub}, concurrency=2)
    sends = [Send(channel="stub", number=1, id=f"uid-{index}:stub:1") for index in range(6)]
    await asyncio.gather(*(dispatcher.attempt(send, MESSAGE) for send in sends))
    assert stub.most_at_once == 2
    assert len(stub.calls) == 6


async def test_many_tries_of_one_namespace_on_a_channel_keep_those_of_another_one_waiting_for_one() -> None:
    stub = Stub()
    dispatcher = bench({"stub": stub}, concurrency=1)
    burst = [replace(MESSAGE, id=f"shop-{number}") for number in range(5)]
    quiet = replace(MESSAGE, id="office-1", namespace="office")
    tries = (
        dispatcher.attempt(Send(channel="stub", number=1, id=message.id), message)
        for message in (*burst, quiet)
    )
    await asyncio.gather(*tries)
    assert stub.calls == ["shop-0", "shop-1", "office-1", "shop-2", "shop-3", "shop-4"]


async def test_cancelling_a_try_makes_no_value_of_it() -> None:
    task = asyncio.create_task(attempt(Stub(hangs=True)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
