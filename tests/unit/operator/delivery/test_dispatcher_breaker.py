"""Tries and circuit breakers together: who is left alone, for how long, and what is said of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from notification_operator.delivery import dispatcher as dispatch
from notification_operator.delivery.breakers import Breakers
from notification_operator.delivery.channel import Channel, Message, Permanent, Transient
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.domain.breaker import Limits
from notification_operator.domain.model import Attempt
from notification_operator.domain.plan import Send
from notification_operator.telemetry.metrics import Metrics
from tests.unit.operator.delivery.test_dispatcher import MESSAGE, Stub
from tests.unit.operator.domain.builders import START

Destination = str | None | Callable[[Message], str | None]


class Going(Stub):
    """A stub that says where its messages go."""

    def __init__(self, error: BaseException | None = None, *, to: Destination, hangs: bool = False) -> None:
        super().__init__(error, hangs=hangs)
        self.destination = to


class Bench:
    """A dispatcher whose clock the test moves."""

    def __init__(self, **channels: Channel) -> None:
        self.now = START
        breakers = Breakers(Limits(failure_threshold=3, open_seconds=30, probes=2), clock=lambda: self.now)
        self.dispatcher = Dispatcher(
            channels, breakers=breakers, timeout=0.2, concurrency=8, clock=lambda: self.now
        )
        self.metrics = Metrics()
        self.dispatcher.publish(self.metrics.add_channel_gauge)

    async def attempt(self, channel: str = "slack", *, subject: str = "s") -> Attempt:
        message = replace(MESSAGE, content=replace(MESSAGE.content, subject=subject))
        return await self.dispatcher.attempt(Send(channel=channel, number=1, id=f"uid:{channel}:1"), message)

    def held(self, *channels: str, subject: str = "s") -> dict[str, datetime]:
        message = replace(MESSAGE, channels=channels, content=replace(MESSAGE.content, subject=subject))
        return dict(self.dispatcher.held(lambda: message))

    def figure(self, name: str, channel: str = "slack") -> float | None:
        return self.metrics.registry.get_sample_value(f"kubernaut_notification_{name}", {"channel": channel})


async def test_after_failures_in_a_row_a_channel_is_left_alone_and_says_why_and_until_when() -> None:
    stub = Stub(Transient("HTTP 503: busy"))
    bench = Bench(slack=stub)
    made = [await bench.attempt() for _ in range(5)]
    assert len(stub.calls) == 3
    assert [one.circuit_open for one in made] == [False, False, False, True, True]
    assert {one.permanent for one in made} == {False}
    assert made[-1].error == (
        "circuit breaker open: the latest tries on slack failed, the next begins at 2026-03-01T12:00:30.000000Z"
    )
    assert bench.held("slack", "file") == {"slack": START + timedelta(seconds=30)}


async def test_when_its_time_is_over_it_is_probed_and_closes_with_the_probes_successes() -> None:
    stub = Stub(Transient("busy"))
    bench = Bench(slack=stub)
    for _ in range(3):
        await bench.attempt()
    states = [bench.figure("channel_circuit_breaker_state")]
    bench.now += timedelta(seconds=30)
    assert bench.held("slack") == {}
    states.append(bench.figure("channel_circuit_breaker_state"))
    stub.error = None
    made = await asyncio.gather(*(bench.attempt() for _ in range(6)))
    assert all(one.succeeded for one in made)
    assert stub.most_at_once == 4, "two probes, and only then the other four"
    states.append(bench.figure("channel_circuit_breaker_state"))
    assert states == [2, 1, 0]


async def test_a_probe_that_takes_too_long_opens_it_again_for_all_that_waited() -> None:
    stub = Stub(Transient("busy"))
    bench = Bench(slack=stub)
    for _ in range(3):
        await bench.attempt()
    bench.now += timedelta(seconds=30)
    stub.hangs = True
    made = await asyncio.gather(*(bench.attempt() for _ in range(6)))
    assert sorted(one.circuit_open for one in made) == [False, False, True, True, True, True]
    assert len(stub.calls) == 5


async def test_a_probe_that_is_cancelled_gives_its_place_back() -> None:
    stub = Stub(Transient("busy"))
    bench = Bench(slack=stub)
    for _ in range(3):
        await bench.attempt()
    bench.now += timedelta(seconds=30)
    stub.hangs = True
    probes = [asyncio.create_task(bench.attempt()) for _ in range(2)]
    await asyncio.sleep(0.02)
    for probe in probes:
        probe.cancel()
    await asyncio.wait(probes)
    stub.hangs, stub.error = False, None
    assert (await bench.attempt()).succeeded


@pytest.mark.parametrize("error", [Permanent("HTTP 400: invalid_payload"), ZeroDivisionError()])
async def test_what_is_wrong_with_messages_does_not_hold_up_others(error: Exception) -> None:
    stub = Stub(error)
    bench = Bench(slack=stub)
    made = [await bench.attempt() for _ in range(6)]
    assert len(stub.calls) == 6
    assert {one.circuit_open for one in made} == {False}


async def test_other_channels_go_on() -> None:
    bench = Bench(slack=Stub(Transient("busy")), console=Stub())
    for _ in range(4):
        await bench.attempt()
    assert (await bench.attempt("console")).succeeded
    assert bench.held("console") == {}
    assert bench.figure("channel_circuit_breaker_state", "console") == 0


async def test_each_destination_of_a_channel_is_guarded_by_itself() -> None:
    stub = Going(Transient("busy"), to=lambda message: message.content.subject)
    bench = Bench(slack=stub)
    made = [await bench.attempt(subject="a") for _ in range(4)]
    assert [one.circuit_open for one in made] == [False, False, False, True]
    assert not (await bench.attempt(subject="b")).circuit_open
    assert (list(bench.held("slack", subject="a")), bench.held("slack", subject="b")) == (["slack"], {})


async def test_a_channel_with_no_destination_is_always_called() -> None:
    stub = Going(Transient("disk full"), to=None)
    bench = Bench(file=stub)
    assert not any([(await bench.attempt("file")).circuit_open for _ in range(6)])
    assert len(stub.calls) == 6


async def test_a_channel_that_cannot_tell_its_destination_is_guarded_as_a_whole() -> None:
    def broken(_message: Message) -> str:
        raise LookupError("no such recipient")

    stub = Going(Transient("busy"), to=broken)
    bench = Bench(slack=stub)
    made = [await bench.attempt() for _ in range(4)]
    assert [one.circuit_open for one in made] == [False, False, False, True]


async def test_the_score_is_the_share_of_the_latest_tries_that_succeeded() -> None:
    stub = Going(to=None)
    bench = Bench(slack=stub)
    assert bench.figure("channel_health_score") == 1
    for error in [Permanent("no"), None, None, None]:
        stub.error = error
        await bench.attempt()
    assert bench.figure("channel_health_score") == 0.75
    for _ in range(20):
        await bench.attempt()
    assert bench.figure("channel_health_score") == 1


async def test_a_channel_may_take_fewer_messages_at_once_than_the_operator_allows() -> None:
    stub = Stub()
    stub.concurrency = 2  # type: ignore[attr-defined]
    bench = Bench(slack=stub)
    await asyncio.gather(*(bench.attempt() for _ in range(6)))
    assert stub.most_at_once == 2


async def test_channels_are_closed_also_beside_one_that_fails_to_or_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = []

    class Closing(Stub):
        def __init__(self, name: str, *, error: Exception | None = None, seconds: float = 0.0) -> None:
            super().__init__()
            self.name, self.failure, self.seconds = name, error, seconds

        async def close(self) -> None:
            await asyncio.sleep(self.seconds)
            if self.failure:
                raise self.failure
            closed.append(self.name)

    monkeypatch.setattr(dispatch, "CLOSING_SECONDS", 0.05)
    bench = Bench(
        broken=Closing("broken", error=OSError("no")),
        hanging=Closing("hanging", seconds=3600),
        plain=Stub(),
        fine=Closing("fine"),
    )
    await bench.dispatcher.close()
    assert closed == ["fine"]
