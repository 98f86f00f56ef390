"""What follows from a change of receivers: breakers close, health begins again, and what waited is reconciled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_operator.delivery.channel import Permanent, ReceiverError, ReceiverProblem, Transient
from notification_operator.delivery.flow_control.breakers import Destination
from notification_operator.delivery.receivers import health_book, waiting
from notification_operator.delivery.receivers.waiting import WaitingForReceivers
from notification_operator.domain.flow_control.breaker import Circuit
from notification_operator.domain.receivers.catalog import ReceiverKey
from notification_operator.domain.receivers.health import UNTESTED
from tests.unit.operator.delivery.receivers.stage import BLOCKS, Key, Stage
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.entries import HOME, receiver

if TYPE_CHECKING:
    import pytest

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
    stage.waiting.add(HOOK, Key("uid-1"))
    stage.waiting.add(OTHER, Key("uid-2"))
    for entry in stage.catalog.receivers.values():
        stage.directory.readiness(entry)
    assert stage.health.health(HOOK).problem == "AuthenticationFailed"
    stage.rotate("hook", url="https://b.example.com")
    assert stage.breakers.state("webhook/shop/hook") is Circuit.CLOSED
    assert stage.enqueued == [Key("uid-1")]
    assert (stage.health.health(HOOK).problem, stage.health.health(HOOK).consecutive_failures) == ("", 0)
    stage.rotate("hook", url="https://c.example.com")
    assert stage.enqueued == [Key("uid-1")], "it is requested once"


async def test_change_of_nothing_leaves_the_breaker_open() -> None:
    stage = await refusing()
    stage.changes.apply(frozenset({HOOK}))
    assert stage.breakers.state("webhook/shop/hook") is Circuit.OPEN
    assert stage.health.health(HOOK).problem == "AuthenticationFailed"


async def test_breakers_of_other_receivers_and_channels_stay_open() -> None:
    stage = await refusing()
    for name in (f"webhook/{HOME}/hook", "webhook/shop/other", "hook", "shop/hook"):
        permit = stage.breakers.try_enter(Destination(name, ""))
        with permit:  # type: ignore[union-attr]  # a closed breaker permits
            permit.result = permit.result.REFUSAL  # type: ignore[union-attr]  # likewise
    stage.breakers.forget("shop/hook")
    assert stage.breakers.state("webhook/shop/hook") is Circuit.CLOSED
    open_ = {f"webhook/{HOME}/hook", "webhook/shop/other", "hook", "shop/hook"}
    assert {name for name in open_ if stage.breakers.state(name) is Circuit.OPEN} == open_


def test_waiting_notification_is_remembered_once_per_receiver() -> None:
    book: WaitingForReceivers[Key] = WaitingForReceivers()
    for receiver_key in (HOOK, HOOK, OTHER):
        book.add(receiver_key, Key("uid-1"))
    assert book.take(frozenset({HOOK})) == (Key("uid-1"),)
    assert book.take(frozenset({HOOK})) == ()
    assert book.take(frozenset({OTHER})) == (Key("uid-1"),)


def test_notification_that_waits_no_longer_is_not_requested() -> None:
    book: WaitingForReceivers[Key] = WaitingForReceivers()
    book.add(HOOK, Key("uid-1"))
    book.add(HOOK, Key("uid-2"))
    book.discard(HOOK, Key("uid-1"))
    book.discard(OTHER, Key("uid-2"))
    assert book.take(frozenset({HOOK})) == (Key("uid-2"),)


def test_number_of_remembered_notifications_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST", 2)
    book: WaitingForReceivers[Key] = WaitingForReceivers()
    for uid in ("a", "b", "a", "c"):
        book.add(HOOK, Key(uid))
    assert book.take(frozenset({HOOK})) == (Key("a"), Key("c"))


async def test_health_follows_the_calls() -> None:
    stage = Stage(receiver("hook"))
    assert stage.health.health(HOOK) is UNTESTED
    stage.creator.scripts["hook"] = [Transient("HTTP 503"), REVOKED, Permanent("HTTP 400"), None]
    problems, failures, errors = [], [], []
    for number in range(1, 5):
        stage.wait(60)
        await stage.attempt("webhook/hook", number=number)
        health = stage.health.health(HOOK)
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
    health = stage.health.health(HOOK)
    assert (health.circuit, health.circuit_until) == (Circuit.OPEN, at(30))
    stage.wait(30)
    assert stage.health.health(HOOK).circuit is Circuit.HALF_OPEN
    stage.rotate("hook", url="https://b.example.com")
    health = stage.health.health(HOOK)
    assert (health.circuit, health.circuit_until) == (Circuit.CLOSED, None)


async def test_breaker_of_a_call_is_up_to_date_when_its_result_is_noted() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [REVOKED]
    await stage.attempt("webhook/hook")
    assert stage.circuits == [Circuit.OPEN]


async def test_deleted_receiver_is_forgotten() -> None:
    stage = await refusing()
    for _ in range(2):
        stage.health.forget_earlier(HOOK, None)
    stage.health.restart(HOOK)
    assert stage.health.health(HOOK) is UNTESTED


async def test_receiver_with_the_name_of_a_deleted_one_begins_untested() -> None:
    stage = await refusing()
    before = stage.health.health(HOOK)
    stage.health.forget_earlier(HOOK, stage.catalog.receivers[HOOK].uid)
    assert stage.health.health(HOOK) == before
    stage.health.forget_earlier(HOOK, "another uid")
    assert stage.health.health(HOOK) is UNTESTED


async def test_health_of_the_latest_receivers_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_book, "MOST", 1)
    stage = Stage(receiver("hook"), receiver("other"))
    await stage.attempt("webhook/hook")
    await stage.attempt("webhook/other")
    assert stage.health.health(HOOK) is UNTESTED
    assert stage.health.health(OTHER).last_success is not None
