"""A change of a receiver replaces its endpoint: breakers close, health begins again, and what waited is woken.

DD-ENDPOINT-001 has the reasons.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import TYPE_CHECKING

from notification_contract.kinds.choices import CircuitState
from notification_domain.key import Key
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.health import UNTESTED
from notification_operator.endpoints import registry
from notification_operator.endpoints.endpoint import Endpoint
from notification_runtime.delivery.channel import (
    Permanent,
    RateLimited,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.entries import HOME, receiver
from tests.unit.operator.endpoints.stage import BLOCKS, Stage, until_idle

if TYPE_CHECKING:
    import pytest

    from notification_domain.receivers.catalog import Receiver


REVOKED = ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, "HTTP 401")
HOOK, OTHER = ReceiverKey("shop", "hook"), ReceiverKey("shop", "other")


async def refusing() -> Stage:
    """Return a stage whose receiver `hook` has refused a message, with an open breaker."""
    stage = Stage(receiver("hook", block=BLOCKS), receiver("other"), receiver("hook", namespace=HOME))
    stage.creator.scripts["hook"] = [REVOKED]
    stage.secrets.put("hook", url="https://a.example.com")
    await stage.attempt("webhook/hook")
    return stage


async def test_change_of_a_secret_closes_the_breaker_and_requests_what_waits() -> None:
    stage = await refusing()
    stage.wait_for(HOOK, "uid-1")
    stage.wait_for(OTHER, "uid-2")
    for entry in stage.catalog.receivers.values():
        stage.readiness(entry)
    assert stage.health(HOOK).problem == "AuthenticationFailed"
    stage.rotate("hook", url="https://b.example.com")
    assert stage.circuit() is CircuitState.CLOSED
    assert stage.woken == ["uid-1"]
    assert (stage.health(HOOK).problem, stage.health(HOOK).consecutive_failures) == ("", 0)
    stage.rotate("hook", url="https://c.example.com")
    assert stage.woken == ["uid-1"], "it is requested once"


async def test_change_of_nothing_leaves_the_breaker_open() -> None:
    stage = await refusing()
    stage.replace(HOOK)
    assert stage.circuit() is CircuitState.OPEN
    assert stage.health(HOOK).problem == "AuthenticationFailed"


async def test_breakers_of_other_receivers_and_channels_stay_open() -> None:
    stage = await refusing()
    stage.console.destination = ""  # so that it has a breaker
    stage.console.error = REVOKED
    stage.creator.scripts["other"] = [REVOKED]
    await stage.attempt("console")
    await stage.attempt("webhook/other")
    await stage.attempt(f"webhook/{HOME}/hook", message=stage.message(namespace=HOME))
    stage.rotate("hook", url="https://b.example.com")
    states = (stage.circuit(), stage.circuit("other"), stage.circuit("hook", HOME))
    assert states == (CircuitState.CLOSED, CircuitState.OPEN, CircuitState.OPEN)
    assert stage.endpoint("console").statistics().circuit is CircuitState.OPEN


def test_waiting_notification_is_remembered_once_per_receiver() -> None:
    stage = Stage()
    for receiver_key in (HOOK, HOOK, OTHER):
        stage.wait_for(receiver_key, "uid-1")
    for changed, woken in ((HOOK, ["uid-1"]), (HOOK, ["uid-1"]), (OTHER, ["uid-1", "uid-1"])):
        stage.replace(changed)
        assert stage.woken == woken


def test_notification_that_waits_no_longer_is_not_requested() -> None:
    stage = Stage()
    stage.wait_for(HOOK, "uid-1")
    stage.wait_for(HOOK, "uid-2")
    stage.endpoints.wait_no_longer(HOOK, Key("shop", "uid-1", "uid-1"))
    stage.endpoints.wait_no_longer(OTHER, Key("shop", "uid-2", "uid-2"))
    stage.replace(HOOK)
    assert stage.woken == ["uid-2"]


def test_number_of_remembered_notifications_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_WAITING", 2)
    stage = Stage()
    for uid in ("a", "b", "a", "c"):
        stage.wait_for(HOOK, uid)
    stage.replace(HOOK)
    assert stage.woken == ["a", "c"]


def test_waiting_notifications_of_a_namespace_displace_none_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "MAX_WAITING", 4)
    stage = Stage()
    stage.wait_for(HOOK, "ours")
    for number in range(10):
        stage.endpoints.wait(ReceiverKey("evil", "missing"), Key("evil", "n", f"theirs-{number}"))
    stage.replace(HOOK)
    assert stage.woken == ["ours"]
    stage.replace(ReceiverKey("evil", "missing"))
    assert stage.woken == ["ours", "theirs-7", "theirs-8", "theirs-9"]


async def test_health_follows_the_calls() -> None:
    stage = Stage(receiver("hook"))
    assert stage.health(HOOK) is UNTESTED
    stage.creator.scripts["hook"] = [Transient("HTTP 503"), REVOKED, Permanent("HTTP 400"), None]
    problems, failures, errors = [], [], []
    for number in range(1, 5):
        stage.wait(60)
        await stage.attempt("webhook/hook", number=number)
        health = stage.health(HOOK)
        problems.append(health.problem)
        failures.append(health.consecutive_failures)
        errors.append(health.last_error)
        assert health.last_attempt is not None
        assert health.last_attempt >= at(60 * number)
    assert problems == ["", "AuthenticationFailed", "", ""]
    assert failures == [1, 2, 3, 0]
    assert errors == [
        "HTTP 503",
        "permanent failure: AuthenticationFailed: HTTP 401",
        "permanent failure: HTTP 400",
        "",
    ]
    assert health.last_success == health.last_attempt


async def test_health_shows_the_breaker_as_it_is_now() -> None:
    stage = await refusing()
    health = stage.health(HOOK)
    assert (health.circuit, health.circuit_until) == (CircuitState.OPEN, at(30))
    stage.wait(30)
    assert stage.health(HOOK).circuit is CircuitState.HALF_OPEN
    stage.rotate("hook", url="https://b.example.com")
    health = stage.health(HOOK)
    assert (health.circuit, health.circuit_until) == (CircuitState.CLOSED, None)


async def test_breaker_of_a_call_is_up_to_date_when_its_result_is_noted() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [REVOKED]
    await stage.attempt("webhook/hook")
    assert stage.circuits == [CircuitState.OPEN]


async def test_deleted_receiver_is_forgotten() -> None:
    stage = await refusing()
    stage.exist(receiver("other"))
    assert stage.health(HOOK) is UNTESTED
    stage.exist(receiver("hook", block=BLOCKS))
    assert stage.health(HOOK) is UNTESTED


async def test_receiver_with_the_name_of_a_deleted_one_begins_untested() -> None:
    stage = await refusing()
    before = stage.health(HOOK)
    stage.replace(HOOK)
    assert stage.health(HOOK) == before
    stage.exist(replace(stage.catalog.receivers[HOOK], uid="another uid"))
    assert stage.health(HOOK) is UNTESTED


async def test_pause_and_rate_of_a_destination_outlive_a_change_of_the_spec() -> None:
    def paced(generation: int) -> Receiver:
        limit = {"count": 1, "period": "1m"}
        return receiver("hook", rateLimit=limit, timeout=f"{generation}s", generation=generation)

    stage = Stage(paced(1))
    stage.creator.scripts["hook"] = [RateLimited("HTTP 429", retry_after=60)]
    await stage.attempt("webhook/hook")
    stage.exist(paced(2))
    held = stage.ask("webhook/hook")
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.PAUSE
    stage.wait(120)
    stage.creator.scripts = {}
    assert stage.ask("webhook/hook") is None
    stage.exist(paced(3))
    held = stage.ask("webhook/hook", uid="uid-2")
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.RATE


async def test_calls_of_the_endpoint_before_count_for_the_slots_of_the_new_one() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.hanging = True
    running = [stage.start("webhook/hook", uid=f"uid-{number}") for number in range(4)]
    await until_idle()
    old, stage.creator.hanging = stage.creator.last, False
    stage.exist(receiver("hook", timeout="3s", generation=2))
    waiting = stage.start("webhook/hook", uid="uid-4")
    await until_idle()
    assert not waiting.done()
    old.gate.set()
    await asyncio.gather(*running)
    assert (await waiting).succeeded


async def test_retired_endpoint_is_not_kept() -> None:
    stage = await refusing()
    stage.rotate("hook", url="https://b.example.com")
    await stage.attempt("webhook/hook")
    stage.rotate("hook", url="https://c.example.com")
    gc.collect()
    endpoints = [each for each in gc.get_objects() if isinstance(each, Endpoint)]
    of_hook = [each for each in endpoints if each.receiver is stage.catalog.receivers[HOOK]]
    assert [each.retired for each in of_hook] == [False]
