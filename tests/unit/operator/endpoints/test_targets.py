"""The targets of one notification: each is looked up once, and what a waiting one is asked later follows changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from notification_contract.kinds.choices import CircuitState
from notification_domain.flow_control.breaker import Limits
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.routing import resolve
from notification_operator.endpoints.endpoint import Permit
from notification_operator.endpoints.gate import ASK_SECONDS, Postponed
from notification_operator.endpoints.targets import Targets
from notification_runtime.delivery.channel import (
    RateLimited,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from tests.unit.operator.domain.builders import at, circuit_open, notification
from tests.unit.operator.domain.receivers.entries import receiver, resolver
from tests.unit.operator.endpoints.calls import always
from tests.unit.operator.endpoints.stage import BLOCKS, Stage, until_idle

if TYPE_CHECKING:
    import pytest

    from notification_domain.model import Notification
    from notification_operator.endpoints.endpoint import Delivery
    from notification_operator.endpoints.refusals import Refusal
    from notification_runtime.delivery.channel import Message

HOOK = "webhook/hook"
REVOKED = ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, "HTTP 401")


def targets_of(stage: Stage, waiting: Notification | None = None) -> Targets:
    waiting = waiting or notification(HOOK, "console")
    route = resolve(waiting, resolver=resolver(*stage.catalog.receivers.values()))
    return Targets(stage.endpoints, waiting, route, waiting.content)


def rejected(*channels: str) -> Notification:
    """Return a notification whose latest attempt records an open breaker."""
    return notification(*channels, attempts=(circuit_open(channels[0]),))


async def test_target_is_looked_up_once_for_its_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(receiver("hook"), receiver("other"))
    stage.creator.scripts["other"] = [REVOKED]
    await stage.attempt("webhook/other")
    looked_up: list[str] = []
    find = stage.endpoints.find

    def counting(target: str, message: Message, *, routed: bool) -> Delivery | Hold | Refusal:
        looked_up.append(target)
        return find(target, message, routed=routed)

    monkeypatch.setattr(stage.endpoints, "find", counting)
    targets = targets_of(stage)
    assert targets.open_breakers() == {}, "another receiver has an open one"
    send = stage.send(HOOK)
    permit = targets.admit(send)
    assert isinstance(permit, Permit)
    assert (await permit.start(always)).succeeded
    assert sorted(looked_up) == ["console", HOOK]


def test_nothing_is_looked_up_while_all_breakers_are_closed() -> None:
    stage = Stage(receiver("hook"))
    targets = targets_of(stage)
    assert (targets.open_breakers(), targets.pauses()) == ({}, {})
    assert stage.creator.created == []


async def test_refusal_is_an_attempt_that_sends_nothing() -> None:
    stage = Stage()
    targets, send = targets_of(stage, notification("receiver/hook")), stage.send("receiver/hook")
    permit = targets.admit(send)
    assert isinstance(permit, Permit)
    attempt = await permit.start(always)
    assert (attempt.succeeded, attempt.reason, attempt.number) == (False, "ReceiverNotReady", 1)


async def test_pause_delays_a_waiting_target_until_its_end_or_a_change() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [RateLimited("HTTP 429", retry_after=60)]
    await stage.attempt(HOOK)
    targets = targets_of(stage)
    assert targets.pauses()[HOOK] == Hold(until=at(60), reason=HoldReason.PAUSE)
    delay = targets.delay(HOOK, (), held=True)
    assert delay.until() == at(ASK_SECONDS), "it asks meanwhile"
    stage.wait(ASK_SECONDS)
    assert delay.until() == at(60)
    stage.exist(receiver("hook", timeout="3s", generation=2))
    assert delay.until() is None, "a reconciliation asks the new endpoint"


def test_placeholder_of_an_existing_receiver_waits_for_a_reconciliation() -> None:
    stage = Stage(receiver("hook"))
    waiting = notification("receiver/hook")
    targets = Targets(stage.endpoints, waiting, resolve(waiting, resolver=resolver()), waiting.content)
    delay = targets.delay("receiver/hook", (), held=True)
    until = delay.until()
    assert until is not None
    stage.wait(60)
    assert delay.until() == until, "nobody but a reconciliation finds its targets again"


async def test_open_breaker_delays_a_rejected_target_until_a_probe_or_a_change() -> None:
    stage = Stage(receiver("hook", block=BLOCKS), limits=Limits(open_seconds=30))
    stage.secrets.put("hook", url="https://a.example.com")
    stage.creator.scripts["hook"] = [REVOKED]
    await stage.attempt(HOOK)
    delay = targets_of(stage).delay(HOOK, rejected(HOOK).attempts, held=False)
    assert delay.until() == at(30)
    stage.rotate("hook", url="https://b.example.com")
    assert delay.until() is None


async def test_rejected_target_is_told_of_by_its_attempt_and_not_held() -> None:
    stage = Stage(receiver("hook", rateLimit={"count": 1, "period": "1h"}))
    stage.creator.scripts["hook"] = [REVOKED]
    await stage.attempt(HOOK)
    targets = targets_of(stage)
    permit = targets.admit(stage.send(HOOK))
    assert isinstance(permit, Permit)
    assert (await permit.start(always)).circuit_open
    assert targets.delay(HOOK, (), held=False).until() is None
    stage.wait(30)
    stage.creator.scripts = {}
    assert stage.ask(HOOK) is None, "what was rejected has used up nothing of the rate"


async def test_open_breaker_requests_no_target_that_waits_for_the_rate() -> None:
    stage = Stage(receiver("hook", rateLimit={"count": 1, "period": "60s"}))
    stage.creator.scripts["hook"] = [REVOKED]
    assert stage.ask(HOOK, uid="first") is None
    delay = targets_of(stage).delay(HOOK, (), held=True)
    assert delay.until() == at(ASK_SECONDS)
    await stage.attempt(HOOK, uid="other")
    stage.wait(20)
    assert stage.circuit() is CircuitState.OPEN
    assert delay.until() == at(20 + ASK_SECONDS)


def test_held_target_is_looked_up_each_time() -> None:
    stage = Stage(receiver("hook", suspend=True))
    delay = targets_of(stage).delay(HOOK, (), held=True)
    until = delay.until()
    assert until is not None
    stage.exist(receiver("hook", generation=2))
    assert delay.until() is None


async def test_channel_within_the_process_is_never_blocked() -> None:
    stage = Stage()
    stage.console.error = Transient("disk full")
    await stage.attempt("console")
    assert targets_of(stage, notification("console")).delay("console", (), held=True).until() is None


async def test_attempt_that_a_change_postpones_gives_back_its_share_of_the_rate() -> None:
    limit = {"count": 5, "period": "1h"}
    stage = Stage(receiver("hook", rateLimit=limit))
    stage.creator.hanging = True
    running = []
    for number in range(5):
        targets, send = targets_of(stage), stage.send(HOOK, uid=f"uid-{number}")
        permit = targets.admit(send)
        assert isinstance(permit, Permit)
        running.append(asyncio.create_task(permit.start(always)))
    assert isinstance(targets_of(stage).admit(stage.send(HOOK)), Hold)
    await until_idle()
    old, stage.creator.hanging = stage.creator.last, False
    stage.exist(receiver("hook", rateLimit=limit, timeout="3s", generation=2))
    old.gate.set()
    *_, postponed = await asyncio.gather(*running, return_exceptions=True)
    assert isinstance(postponed, Postponed)
    assert isinstance(targets_of(stage).admit(stage.send(HOOK)), Permit)
    assert [len(each.sent) for each in stage.creator.created] == [4, 0]
