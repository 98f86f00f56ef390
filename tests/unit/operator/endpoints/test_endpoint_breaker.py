"""Attempts and circuit breakers: which calls are rejected, for how long, and how that is reported."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from notification_domain.flow_control.breaker import Limits
from notification_domain.model import Attempt
from notification_domain.planning.plan import Send
from notification_domain.routing import resolve
from notification_operator.endpoints import gate, registry
from notification_operator.endpoints.targets import Targets
from notification_runtime.delivery.channel import Channel, Message, Permanent, RateLimited, Transient
from notification_runtime.telemetry.metrics import Metrics
from tests.unit.operator.domain.builders import START, notification
from tests.unit.operator.endpoints.calls import MESSAGE, Stub, endpoints_of, make_attempt


class Local(Stub):
    """A stub that needs no destination."""

    destination = None


class Addressed(Stub):
    """A stub with a destination for each message."""

    def __init__(self, error: BaseException | None = None, *, to: Callable[[Message], str]) -> None:
        super().__init__(error)
        self._to = to

    def destination_of(self, message: Message) -> str | None:
        return self._to(message)


class EndpointsFixture:
    """Endpoints whose clock the test moves."""

    def __init__(self, *, timeout: float = 0.2, **channels: Channel) -> None:
        self.channels = channels
        self.now = START
        self.notifications = 0
        self.endpoints = endpoints_of(
            channels,
            limits=Limits(failure_threshold=3, open_seconds=30, probes=2),
            timeout=timeout,
            clock=lambda: self.now,
            seconds=lambda: (self.now - START) / timedelta(seconds=1),
        )
        self.metrics = Metrics()
        self.endpoints.publish(self.metrics.add_channel_gauge)

    async def attempt(
        self,
        channel: str = "slack",
        *,
        subject: str = "s",
        uid: str = "",
        namespace: str = MESSAGE.namespace,
    ) -> Attempt:
        self.notifications += 1
        content = replace(MESSAGE.content, subject=subject)
        uid = uid or f"uid-{self.notifications}"
        message = replace(MESSAGE, uid=uid, namespace=namespace, content=content)
        return await make_attempt(
            self.endpoints, Send(channel=channel, number=1, id=f"uid:{channel}:1"), message
        )

    def open_breakers(self, *channels: str, subject: str = "s") -> dict[str, datetime]:
        waiting = notification(*channels)
        waiting = replace(waiting, content=replace(waiting.content, subject=subject))
        return dict(Targets(self.endpoints, waiting, resolve(waiting), waiting.content).open_breakers())

    def gauge(self, name: str, channel: str = "slack") -> float | None:
        return self.metrics.registry.get_sample_value(f"kubernaut_notification_{name}", {"channel": channel})


async def test_consecutive_failures_open_the_breaker_and_reject_attempts() -> None:
    stub = Stub(Transient("HTTP 503: busy"))
    fixture = EndpointsFixture(slack=stub)
    results = [await fixture.attempt() for _ in range(5)]
    assert len(stub.calls) == 3
    assert [one.circuit_open for one in results] == [False, False, False, True, True]
    assert {one.permanent for one in results} == {False}
    assert results[-1].error == "circuit breaker open for channel slack"
    assert fixture.open_breakers("slack", "file") == {"slack": START + timedelta(seconds=30)}


async def test_open_breaker_is_probed_and_closes_when_the_probes_succeed() -> None:
    stub = Stub(Transient("busy"))
    fixture = EndpointsFixture(slack=stub)
    for _ in range(3):
        await fixture.attempt()
    states = [fixture.gauge("channel_circuit_breaker_state")]
    fixture.now += timedelta(seconds=30)
    assert fixture.open_breakers("slack") == {}
    states.append(fixture.gauge("channel_circuit_breaker_state"))
    stub.error = None
    results = await asyncio.gather(*(fixture.attempt() for _ in range(6)))
    assert all(one.succeeded for one in results)
    assert stub.most_at_once == 2, "two probes, then two more, then as many as have succeeded"
    states.append(fixture.gauge("channel_circuit_breaker_state"))
    assert states == [2, 1, 0]


class Recovering(Stub):
    """A stub that records how many calls were running, and how many had succeeded, at the start of each call."""

    def __init__(self) -> None:
        super().__init__(Transient("busy"))
        self.begun: list[tuple[int, int]] = []
        self.succeeded = 0

    async def deliver(self, message: Message) -> None:
        self.begun.append((self.at_once + 1, self.succeeded))
        await super().deliver(message)
        self.succeeded += 1


async def test_recovered_destination_gets_one_more_call_at_once_per_success() -> None:
    stub = Recovering()
    fixture = EndpointsFixture(slack=stub)
    for _ in range(3):
        await fixture.attempt()
    fixture.now += timedelta(seconds=30)
    stub.error = None
    await asyncio.gather(*(fixture.attempt() for _ in range(40)))
    begun = stub.begun[3:]
    assert len(begun) == 40
    assert all(running <= max(2, succeeded) for running, succeeded in begun)
    assert max(running for running, _ in begun) == 8, "as many as the channel takes"


@pytest.fixture
def slow_destinations() -> EndpointsFixture:
    """Give a channel of two destinations, by subject; the calls to the first one hang."""

    class Hanging(Addressed):
        concurrency = 10

        async def deliver(self, message: Message) -> None:
            self.hangs = message.content.subject == "hangs" and self.hanging
            await super().deliver(message)

        hanging = True

    return EndpointsFixture(timeout=5, webhook=Hanging(to=lambda message: message.content.subject))


async def test_hanging_calls_do_not_delay_another_destination(slow_destinations: EndpointsFixture) -> None:
    hanging = [asyncio.create_task(slow_destinations.attempt("webhook", subject="hangs")) for _ in range(10)]
    await asyncio.sleep(0.01)
    start = asyncio.get_running_loop().time()
    assert (await slow_destinations.attempt("webhook", subject="fine")).succeeded
    assert asyncio.get_running_loop().time() - start < 0.5
    for task in hanging:
        task.cancel()


async def test_hanging_calls_do_not_delay_the_next_one_after_recovery(
    slow_destinations: EndpointsFixture,
) -> None:
    hanging = [asyncio.create_task(slow_destinations.attempt("webhook", subject="hangs")) for _ in range(10)]
    await asyncio.sleep(0.01)
    slow_destinations.channels["webhook"].hanging = False  # type: ignore[attr-defined]
    start = asyncio.get_running_loop().time()
    assert (await slow_destinations.attempt("webhook", subject="hangs")).succeeded
    assert asyncio.get_running_loop().time() - start < 2
    for task in hanging:
        task.cancel()


async def test_waiting_for_probes_takes_no_slot_of_the_channel() -> None:
    stub = Addressed(Transient("busy"), to=lambda message: message.content.subject)
    fixture = EndpointsFixture(timeout=60, slack=stub)
    for _ in range(3):
        await fixture.attempt(subject="down")
    fixture.now += timedelta(seconds=30)
    stub.hangs = True
    waiting = [asyncio.create_task(fixture.attempt(subject="down")) for _ in range(64)]
    await asyncio.sleep(0.05)
    stub.hangs, stub.error = False, None
    assert (await asyncio.wait_for(fixture.attempt(subject="fine"), 0.5)).succeeded
    assert len(stub.calls) == 3 + 2 + 1
    for task in waiting:
        task.cancel()


async def test_message_that_always_fails_opens_no_breaker() -> None:
    fixture = EndpointsFixture(slack=Stub(Transient("HTTP 500")))
    assert not any([(await fixture.attempt(uid="poisonous")).circuit_open for _ in range(9)])
    assert fixture.gauge("channel_circuit_breaker_state") == 0


def caused_by(error: Exception) -> Exception:
    outer = RuntimeError("not sent")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize("error", [RateLimited("HTTP 429"), caused_by(RateLimited("HTTP 429"))])
async def test_too_many_messages_open_no_breaker(error: Exception) -> None:
    fixture = EndpointsFixture(slack=Stub(error))
    assert not any([(await fixture.attempt()).circuit_open for _ in range(9)])


async def test_probe_that_times_out_rejects_all_waiting_attempts() -> None:
    stub = Stub(Transient("busy"))
    fixture = EndpointsFixture(slack=stub)
    for _ in range(3):
        await fixture.attempt()
    fixture.now += timedelta(seconds=30)
    stub.hangs = True
    results = await asyncio.gather(*(fixture.attempt() for _ in range(6)))
    assert sorted(one.circuit_open for one in results) == [False, False, True, True, True, True]
    assert len(stub.calls) == 5


async def test_cancelled_probe_releases_its_permit() -> None:
    stub = Stub(Transient("busy"))
    fixture = EndpointsFixture(slack=stub)
    for _ in range(3):
        await fixture.attempt()
    fixture.now += timedelta(seconds=30)
    stub.hangs = True
    probes = [asyncio.create_task(fixture.attempt()) for _ in range(2)]
    await asyncio.sleep(0.02)
    for probe in probes:
        probe.cancel()
    await asyncio.wait(probes)
    stub.hangs, stub.error = False, None
    assert (await fixture.attempt()).succeeded


@pytest.mark.parametrize("error", [Permanent("HTTP 400: invalid_payload"), ZeroDivisionError()])
async def test_permanent_failures_do_not_open_the_breaker(error: Exception) -> None:
    stub = Stub(error)
    fixture = EndpointsFixture(slack=stub)
    results = [await fixture.attempt() for _ in range(6)]
    assert len(stub.calls) == 6
    assert {one.circuit_open for one in results} == {False}


async def test_open_breaker_affects_no_other_channel() -> None:
    fixture = EndpointsFixture(slack=Stub(Transient("busy")), console=Stub())
    for _ in range(4):
        await fixture.attempt()
    assert (await fixture.attempt("console")).succeeded
    assert fixture.open_breakers("console") == {}
    assert fixture.gauge("channel_circuit_breaker_state", "console") == 0


async def test_each_destination_of_a_channel_has_its_own_breaker() -> None:
    stub = Addressed(Transient("busy"), to=lambda message: message.content.subject)
    fixture = EndpointsFixture(slack=stub)
    results = [await fixture.attempt(subject="a") for _ in range(4)]
    assert [one.circuit_open for one in results] == [False, False, False, True]
    assert not (await fixture.attempt(subject="b")).circuit_open
    assert (
        list(fixture.open_breakers("slack", subject="a")),
        fixture.open_breakers("slack", subject="b"),
    ) == (["slack"], {})


async def test_channel_has_the_worst_state_of_its_destinations() -> None:
    stub = Addressed(Transient("busy"), to=lambda message: message.content.subject)
    fixture = EndpointsFixture(slack=stub)
    for subject in ("a", "a", "a", "b"):
        await fixture.attempt(subject=subject)
    assert fixture.gauge("channel_circuit_breaker_state") == 2
    fixture.now += timedelta(seconds=30)
    assert fixture.gauge("channel_circuit_breaker_state") == 1


async def test_remembered_destinations_are_the_ones_used_most_recently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate, "MAX_DESTINATIONS", 2)
    stub = Addressed(Transient("busy"), to=lambda message: message.content.subject)
    fixture = EndpointsFixture(slack=stub)
    for subject in ("a", "a", "a", "b", "a", "c"):
        await fixture.attempt(subject=subject)
    assert fixture.open_breakers("slack", subject="a")
    assert fixture.endpoints.find("slack", MESSAGE).endpoint.statistics().destinations == 2  # type: ignore[union-attr]
    for subject in ("b", "c"):
        await fixture.attempt(subject=subject)
    assert fixture.open_breakers("slack", subject="a") == {}
    assert fixture.endpoints.control.all_closed, "what is forgotten holds nothing back"


async def test_destinations_of_a_namespace_displace_no_breaker_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate, "MAX_DESTINATIONS", 3)
    stub = Addressed(Transient("busy"), to=lambda message: message.content.subject)
    fixture = EndpointsFixture(slack=stub)
    for _ in range(3):
        await fixture.attempt(subject="a", namespace="bank")
    for number in range(6):
        await fixture.attempt(subject=str(number))
    assert fixture.open_breakers("slack", subject="a")
    assert fixture.endpoints.find("slack", MESSAGE).endpoint.statistics().destinations == 3  # type: ignore[union-attr]


async def test_destination_with_a_running_call_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_DESTINATIONS", 1)
    stub = Addressed(to=lambda message: message.content.subject)
    stub.hangs, stub.concurrency = True, 1
    fixture = EndpointsFixture(timeout=60, slack=stub)
    running = asyncio.create_task(fixture.attempt(subject="a"))
    await asyncio.sleep(0.01)
    stub.hangs = False
    assert (await fixture.attempt(subject="b")).succeeded
    waiting = asyncio.create_task(fixture.attempt(subject="a"))
    await asyncio.sleep(0.01)
    assert not waiting.done(), "it waits for the slot of the call that runs"
    for task in (running, waiting):
        task.cancel()


async def test_channel_without_a_destination_has_no_breaker() -> None:
    stub = Local(Transient("disk full"))
    fixture = EndpointsFixture(file=stub)
    assert not any([(await fixture.attempt("file")).circuit_open for _ in range(6)])
    assert len(stub.calls) == 6


async def test_channel_that_fails_to_name_its_destination_has_one_breaker() -> None:
    def broken(_message: Message) -> str:
        raise LookupError("no such recipient")

    stub = Addressed(Transient("busy"), to=broken)
    fixture = EndpointsFixture(slack=stub)
    results = [await fixture.attempt() for _ in range(4)]
    assert [one.circuit_open for one in results] == [False, False, False, True]


async def test_health_score_is_the_share_of_successful_attempts() -> None:
    stub = Local()
    fixture = EndpointsFixture(slack=stub)
    assert fixture.gauge("channel_health_score") == 1
    for error in [Permanent("no"), None, None, None]:
        stub.error = error
        await fixture.attempt()
    assert fixture.gauge("channel_health_score") == 0.75
    for _ in range(20):
        await fixture.attempt()
    assert fixture.gauge("channel_health_score") == 1


async def test_channel_concurrency_below_the_setting_counts() -> None:
    stub = Stub()
    stub.concurrency = 2
    fixture = EndpointsFixture(slack=stub)
    await asyncio.gather(*(fixture.attempt() for _ in range(6)))
    assert stub.most_at_once == 2


async def test_failing_or_hanging_channel_does_not_prevent_closing_others(
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

    monkeypatch.setattr(registry, "CLOSING_SECONDS", 0.05)
    fixture = EndpointsFixture(
        broken=Closing("broken", error=OSError("no")),
        hanging=Closing("hanging", seconds=3600),
        plain=Stub(),
        fine=Closing("fine"),
    )
    await fixture.endpoints.close()
    assert closed == ["fine"]
