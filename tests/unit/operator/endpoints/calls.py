"""Endpoints with stubs for channels, and the calls that a reconciliation makes of them, one by one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from notification_domain.model import Content
from notification_domain.planning.hold import Hold
from notification_domain.redaction.redactor import Redactor
from notification_operator.endpoints.attempt import Recorder
from notification_operator.endpoints.endpoint import Delivery, Permit
from notification_operator.endpoints.gate import Postponed
from notification_operator.endpoints.limits import FlowControl
from notification_operator.endpoints.refusals import Refusal
from notification_operator.endpoints.registry import NO_CHANNEL_LIMITS, Endpoints
from notification_runtime.delivery.channel import Channel, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_domain.attempt import Attempt
    from notification_domain.flow_control.breaker import Limits as BreakerLimits
    from notification_domain.planning.plan import Send
    from notification_domain.receivers.catalog import Catalog
    from notification_domain.status import Reason
    from notification_operator.endpoints.builder import Builder
    from notification_operator.endpoints.limits import Limits

MESSAGE = Message(
    id="uid:stub:1",
    namespace="shop",
    name="order-1",
    uid="uid",
    created=datetime.now(UTC),
    channels=("stub",),
    content=Content(type="simple", priority="low", subject="s", body="b"),
)


class Stub(Channel):
    """A channel that raises an error, or hangs, and records its calls."""

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


def always() -> bool:
    """Permit each call."""
    return True


def endpoints_of(
    channels: Mapping[str, Channel],
    channel_limits: Mapping[str, Limits] = NO_CHANNEL_LIMITS,
    *,
    limits: BreakerLimits,
    timeout: float = 5,
    concurrency: int = 8,
    clock: Callable[[], datetime] = now,
    seconds: Callable[[], float] = monotonic,
    catalog: Callable[[], Catalog] | None = None,
    builder: Builder | None = None,
) -> Endpoints:
    """Return the endpoints of some channels, on the real clocks unless the test has others."""
    return Endpoints(
        channels,
        channel_limits,
        control=FlowControl(limits, concurrency=concurrency, clock=clock, seconds=seconds),
        recorder=Recorder(clock=clock, redactor=Redactor()),
        timeout=timeout,
        catalog=catalog,
        builder=builder,
    )


def admit(endpoints: Endpoints, send: Send, message: Message) -> Permit | Refusal | Hold | Reason:
    """Return whether an attempt may start now."""
    found = endpoints.find(send.channel, message)
    return found.admit(send) if isinstance(found, Delivery) else found


async def make_attempt(endpoints: Endpoints, send: Send, message: Message) -> Attempt:
    """Make an attempt, whatever the rate says; raise Postponed where a reconciliation would make none."""
    found = endpoints.find(send.channel, message)
    if isinstance(found, Hold):
        raise Postponed(found.reason)
    if isinstance(found, Refusal):
        return endpoints.recorder.refused(send, found)
    return await found.endpoint.send(found, send, always)
