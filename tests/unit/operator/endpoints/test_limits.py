"""Which namespaces may use a channel, and what a destination's rate and pauses do to attempts."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from notification_domain.flow_control.breaker import Limits as BreakerLimits
from notification_domain.flow_control.rate import Rate
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.planning.plan import Send
from notification_domain.routing import resolve
from notification_operator.endpoints.endpoint import Permit
from notification_operator.endpoints.gate import Postponed
from notification_operator.endpoints.limits import Limits, channel_limits
from notification_operator.endpoints.registry import Endpoints
from notification_operator.endpoints.targets import Targets
from notification_runtime.delivery.channel import Message, RateLimited
from notification_runtime.settings import Settings
from tests.unit.operator.domain.builders import START, notification
from tests.unit.operator.endpoints.calls import MESSAGE, Stub, admit, always, endpoints_of, make_attempt

SEND = Send(channel="slack", number=1, id="uid:slack:1")


def endpoints_with(stub: Stub, limits: Limits) -> Endpoints:
    return endpoints_of(
        {"slack": stub},
        {"slack": limits},
        limits=BreakerLimits(),
        concurrency=1,
        clock=lambda: START,
        seconds=lambda: 0.0,
    )


@pytest.mark.parametrize(
    ("namespaces", "allowed"),
    [
        ((), True),
        (("shop",), True),
        (("sh*",), True),
        (("*",), True),
        (("shop-2", "s"), False),
        (("x*",), False),
    ],
)
def test_namespaces_of_a_channel_are_names_or_beginnings(namespaces: tuple[str, ...], allowed: bool) -> None:  # noqa: FBT001
    assert Limits(namespaces=namespaces).allows("shop") is allowed


def permitted(endpoints: Endpoints, message: Message) -> Permit:
    """Return the permit to send a message; there has to be one."""
    answer = admit(endpoints, SEND, message)
    assert isinstance(answer, Permit)
    return answer


async def test_namespace_that_may_not_use_a_channel_is_refused_at_once() -> None:
    stub = Stub()
    endpoints = endpoints_with(stub, Limits(namespaces=("payments", "team-*")))
    attempt = await make_attempt(endpoints, SEND, MESSAGE)
    assert (attempt.permanent, attempt.reason, stub.calls) == (True, "ChannelNotAllowed", [])
    assert attempt.error == (
        "permanent failure: ChannelNotAllowed: the namespace 'shop' may not use the channel 'slack', which is for "
        "payments, team-*; name another channel, or ask for 'shop' in the operator's setting channels.slack.namespaces"
    )


async def test_rate_is_asked_before_an_attempt_starts() -> None:
    endpoints = endpoints_with(Stub(), Limits(rate=Rate(per_second=1, burst=1)))
    permitted(endpoints, MESSAGE).start(always).close()
    second = replace(MESSAGE, uid="uid-2")
    assert admit(endpoints, SEND, second) == Hold(until=START + timedelta(seconds=1), reason=HoldReason.RATE)


async def test_channel_says_how_many_messages_a_notification_is() -> None:
    class Tripling(Stub):
        def messages_of(self, message: Message) -> int:
            del message
            return 3

    endpoints = endpoints_with(Tripling(), Limits(rate=Rate(per_second=1, burst=1)))
    permitted(endpoints, MESSAGE).start(always).close()
    hold = admit(endpoints, SEND, replace(MESSAGE, uid="uid-2"))
    assert isinstance(hold, Hold)
    assert hold.until == START + timedelta(seconds=3)


async def test_pause_holds_every_notification_of_the_destination() -> None:
    stub = Stub(RateLimited("HTTP 429", retry_after=120))
    endpoints = endpoints_with(stub, Limits())
    waiting = notification("slack")

    def pauses() -> Mapping[str, Hold]:
        return Targets(endpoints, waiting, resolve(waiting), waiting.content).pauses()

    assert pauses() == {}
    first = asyncio.create_task(make_attempt(endpoints, SEND, MESSAGE))
    second = asyncio.create_task(make_attempt(endpoints, SEND, replace(MESSAGE, uid="uid-2")))
    attempt = await first
    assert (attempt.permanent, attempt.retry_after) == (False, 120)
    with pytest.raises(Postponed):
        await second
    until = Hold(until=START + timedelta(seconds=120), reason=HoldReason.PAUSE)
    assert pauses() == {"slack": until}
    assert admit(endpoints, SEND, replace(MESSAGE, uid="uid-3")) == until
    assert len(stub.calls) == 1


async def test_answer_without_a_time_holds_nothing() -> None:
    endpoints = endpoints_with(Stub(RateLimited("HTTP 429")), Limits())
    await make_attempt(endpoints, SEND, MESSAGE)
    permitted(endpoints, MESSAGE)


async def test_destination_that_needs_no_breaker_has_no_rate() -> None:
    stub = Stub()
    stub.destination = None
    endpoints = endpoints_with(stub, Limits(rate=Rate(per_second=1, burst=1)))
    for number in range(3):
        message = replace(MESSAGE, uid=str(number))
        permitted(endpoints, message).start(always).close()


def test_settings_become_the_limits_of_channels() -> None:
    channels = {
        "console": {"namespaces": ["a"]},
        "slack": {"rate_per_second": 2, "burst": 5, "namespaces": ["team-*"]},
        "plugins": {
            "sms": {"factory": "acme:make", "rate_per_second": 1},
            "webhook": {"factory": "acme:make"},
        },
    }
    settings = Settings.model_validate({"channels": channels})
    assert channel_limits(settings.channels) == {
        "console": Limits(namespaces=("a",)),
        "file": Limits(),
        "log": Limits(),
        "slack": Limits(rate=Rate(per_second=2, burst=5), namespaces=("team-*",)),
        "sms": Limits(rate=Rate(per_second=1, burst=1)),
        "webhook": Limits(),
    }
    shipped = channel_limits(Settings().channels)["slack"]
    assert shipped == Limits(rate=Rate(per_second=1, burst=600))
