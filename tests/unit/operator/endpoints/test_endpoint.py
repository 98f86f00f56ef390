"""Attempts: bounded in time, and whatever a channel does becomes a value."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from notification_contract.kinds.choices import AttemptStatus
from notification_domain.error_text import UNEXPECTED
from notification_domain.flow_control.breaker import Limits
from notification_domain.model import Attempt
from notification_domain.planning.plan import Send
from notification_operator.endpoints.registry import Endpoints
from notification_runtime.delivery.channel import Channel, Permanent, Transient
from tests.unit.operator.endpoints.calls import MESSAGE, Stub, endpoints_of, make_attempt

TOUCHY = Limits(failure_threshold=3, open_seconds=0.2, probes=2)


def real_endpoints(channels: Mapping[str, Channel], *, timeout: float = 5, concurrency: int = 8) -> Endpoints:
    """Return endpoints on the real clocks."""
    return endpoints_of(channels, limits=TOUCHY, timeout=timeout, concurrency=concurrency)


async def attempt(channel: Channel | None, *, number: int = 1, seconds: float = 5.0) -> Attempt:
    channels = {} if channel is None else {"stub": channel}
    endpoints = real_endpoints(channels, timeout=seconds, concurrency=4)
    return await make_attempt(
        endpoints, Send(channel="stub", number=number, id=f"uid:stub:{number}"), MESSAGE
    )


async def test_returning_channel_is_a_success_with_its_time_and_number() -> None:
    before = datetime.now(UTC)
    result = await attempt(Stub(), number=3)
    assert (result.channel, result.number, result.status, result.error) == (
        "stub",
        3,
        AttemptStatus.SUCCESS,
        None,
    )
    assert before <= result.timestamp <= result.ended <= datetime.now(UTC)
    assert result.duration >= 0.01


async def test_transient_failure_keeps_the_pause_of_the_receiver() -> None:
    result = await attempt(Stub(Transient("503: busy", retry_after=7)))
    assert (result.status, result.permanent, result.retry_after) == (AttemptStatus.FAILED, False, 7)
    assert result.error == "503: busy"


@pytest.mark.parametrize("asked", [-1.0, float("nan"), float("inf")])
async def test_unusable_pause_is_not_recorded(asked: float) -> None:
    assert (await attempt(Stub(Transient("busy", retry_after=asked)))).retry_after is None


async def test_permanent_failure_is_marked_in_its_field_and_its_text() -> None:
    result = await attempt(Stub(Permanent("404: no such channel")))
    assert result.permanent
    assert result.error == "permanent failure: 404: no such channel"


async def test_unexpected_exception_is_permanent_and_named() -> None:
    result = await attempt(Stub(ZeroDivisionError("division by zero")))
    assert (result.permanent, result.error) == (True, "permanent failure: division by zero")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
async def test_exit_and_cancellation_raised_by_a_channel_are_its_failure(error: BaseException) -> None:
    result = await attempt(Stub(error))
    assert (result.permanent, result.error) == (True, f"permanent failure: {UNEXPECTED}")


async def test_wrapped_transient_failure_is_transient() -> None:
    error = RuntimeError("outer")
    error.__cause__ = Transient("the network is down", retry_after=3)
    error.__cause__.__cause__ = OSError("connection refused")
    result = await attempt(Stub(error))
    assert (result.permanent, result.retry_after) == (False, 3)
    assert result.error is not None
    assert "connection refused" in result.error


async def test_permanent_failure_caused_by_a_transient_one_is_permanent() -> None:
    error = Permanent("gave up")
    error.__cause__ = Transient("busy")
    assert (await attempt(Stub(error))).permanent


async def test_channel_that_times_out_is_cancelled_and_may_be_retried() -> None:
    stub = Stub(hangs=True)
    result = await attempt(stub, seconds=0.05)
    assert (result.status, result.permanent) == (AttemptStatus.FAILED, False)
    assert result.error is not None
    assert "timed out after 0.05 s" in result.error
    assert stub.at_once == 0


async def test_own_timeout_of_a_channel_is_its_failure() -> None:
    result = await attempt(Stub(Transient("slow")), seconds=5)
    assert result.error == "slow"


async def test_missing_channel_is_permanent_and_names_the_setting() -> None:
    result = await attempt(None)
    assert result.permanent
    assert result.error is not None
    assert "'stub'" in result.error
    assert "channels.plugins.stub" in result.error


async def test_concurrency_bounds_the_running_attempts_of_a_channel() -> None:
    stub = Stub()
    endpoints = real_endpoints({"stub": stub}, concurrency=2)
    sends = [Send(channel="stub", number=1, id=f"uid-{index}:stub:1") for index in range(6)]
    await asyncio.gather(*(make_attempt(endpoints, send, MESSAGE) for send in sends))
    assert stub.most_at_once == 2
    assert len(stub.calls) == 6


async def test_burst_in_one_namespace_delays_no_other_on_a_channel() -> None:
    stub = Stub()
    endpoints = real_endpoints({"stub": stub}, concurrency=1)
    burst = [("shop", f"shop-{number}") for number in range(5)]
    attempts = (
        make_attempt(endpoints, Send(channel="stub", number=1, id=id_), replace(MESSAGE, namespace=namespace))
        for namespace, id_ in (*burst, ("office", "office-1"))
    )
    await asyncio.gather(*attempts)
    assert stub.calls == ["shop-0", "shop-1", "office-1", "shop-2", "shop-3", "shop-4"]


async def test_cancelled_attempt_raises() -> None:
    task = asyncio.create_task(attempt(Stub(hangs=True)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
