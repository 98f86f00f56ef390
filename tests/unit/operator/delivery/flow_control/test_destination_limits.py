"""Which namespaces may use a channel, and what a destination's rate and pauses do to attempts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from notification_operator.config.settings import Settings
from notification_operator.delivery.channel import Message, Postponed, RateLimited
from notification_operator.delivery.content.redaction import RedactedContent
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.delivery.flow_control.breakers import Breakers
from notification_operator.delivery.flow_control.destinations import ChannelLimits, Permission
from notification_operator.delivery.registry import channel_limits
from notification_operator.delivery.senders import ChannelSenders
from notification_operator.domain.flow_control.breaker import Limits
from notification_operator.domain.flow_control.rate import Rate
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.domain.planning.plan import Send
from notification_operator.domain.redaction.redactor import Redactor
from notification_operator.domain.routing.route import resolve
from tests.unit.operator.delivery.test_dispatcher import MESSAGE, Stub
from tests.unit.operator.domain.builders import START, notification

SEND = Send(channel="slack", number=1, id="uid:slack:1")


def dispatcher_with(stub: Stub, limits: ChannelLimits, *, timeout: float = 5) -> Dispatcher:
    return Dispatcher(
        ChannelSenders({"slack": stub}, {"slack": limits}),
        breakers=Breakers(Limits(), clock=lambda: START),
        timeout=timeout,
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
    assert ChannelLimits(namespaces=namespaces).allows("shop") is allowed


def permitted(dispatcher: Dispatcher, message: Message) -> Permission:
    """Return the permission to send a message; there has to be one."""
    answer = dispatcher.ask(SEND, message)
    assert isinstance(answer, Permission)
    return answer


async def test_namespace_that_may_not_use_a_channel_is_refused_at_once() -> None:
    stub = Stub()
    dispatcher = dispatcher_with(stub, ChannelLimits(namespaces=("payments", "team-*")))
    permitted(dispatcher, MESSAGE)
    attempt = await dispatcher.attempt(SEND, MESSAGE)
    assert (attempt.permanent, attempt.reason, stub.calls) == (True, "ChannelNotAllowed", [])
    assert attempt.error == (
        "permanent failure: ChannelNotAllowed: the namespace 'shop' may not use the channel 'slack', which is for "
        "payments, team-*; name another channel, or ask for 'shop' in the operator's setting channels.slack.namespaces"
    )


async def test_rate_is_asked_before_an_attempt_starts() -> None:
    dispatcher = dispatcher_with(Stub(), ChannelLimits(rate=Rate(per_second=1, burst=1)))
    dispatcher.take(permitted(dispatcher, MESSAGE))
    second = replace(MESSAGE, uid="uid-2")
    assert dispatcher.ask(SEND, second) == Hold(until=START + timedelta(seconds=1), reason=HoldReason.RATE)


async def test_channel_says_how_many_messages_a_notification_is() -> None:
    class Tripling(Stub):
        def messages_of(self, message: Message) -> int:
            del message
            return 3

    dispatcher = dispatcher_with(Tripling(), ChannelLimits(rate=Rate(per_second=1, burst=1)))
    dispatcher.take(permitted(dispatcher, MESSAGE))
    hold = dispatcher.ask(SEND, replace(MESSAGE, uid="uid-2"))
    assert isinstance(hold, Hold)
    assert hold.until == START + timedelta(seconds=3)


async def test_pause_holds_every_notification_of_the_destination() -> None:
    stub = Stub(RateLimited("HTTP 429", retry_after=120))
    dispatcher = dispatcher_with(stub, ChannelLimits())
    waiting = notification("slack")
    redacted = RedactedContent(Redactor(), waiting.content)
    assert dispatcher.pauses(waiting, resolve(waiting), redacted) == {}
    first = asyncio.create_task(dispatcher.attempt(SEND, MESSAGE))
    second = asyncio.create_task(dispatcher.attempt(SEND, replace(MESSAGE, uid="uid-2")))
    attempt = await first
    assert (attempt.permanent, attempt.retry_after) == (False, 120)
    with pytest.raises(Postponed):
        await second
    until = Hold(until=START + timedelta(seconds=120), reason=HoldReason.PAUSE)
    assert dispatcher.pauses(waiting, resolve(waiting), redacted) == {"slack": until}
    assert dispatcher.ask(SEND, replace(MESSAGE, uid="uid-3")) == until
    assert len(stub.calls) == 1


async def test_answer_without_a_time_holds_nothing() -> None:
    dispatcher = dispatcher_with(Stub(RateLimited("HTTP 429")), ChannelLimits())
    await dispatcher.attempt(SEND, MESSAGE)
    permitted(dispatcher, MESSAGE)


async def test_destination_that_needs_no_breaker_has_no_rate() -> None:
    stub = Stub()
    stub.destination = None
    dispatcher = dispatcher_with(stub, ChannelLimits(rate=Rate(per_second=1, burst=1)))
    for number in range(3):
        message = replace(MESSAGE, uid=str(number))
        dispatcher.take(permitted(dispatcher, message))


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
        "console": ChannelLimits(namespaces=("a",)),
        "file": ChannelLimits(),
        "log": ChannelLimits(),
        "slack": ChannelLimits(rate=Rate(per_second=2, burst=5), namespaces=("team-*",)),
        "sms": ChannelLimits(rate=Rate(per_second=1, burst=1)),
        "webhook": ChannelLimits(),
    }
    shipped = channel_limits(Settings().channels)["slack"]
    assert shipped == ChannelLimits(rate=Rate(per_second=1, burst=600))
