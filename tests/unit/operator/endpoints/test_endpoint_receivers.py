"""Attempts on targets of receivers: whose sender they use, and what receivers that refuse everything do to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from notification_contract.kinds.choices import CircuitState, LifecycleEvent
from notification_contract.kinds.target import address_digits
from notification_domain.flow_control.breaker import Limits
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.routing import resolve
from notification_operator.endpoints import registry
from notification_operator.endpoints.gate import Postponed
from notification_operator.endpoints.targets import Targets
from notification_runtime.delivery.channel import (
    Permanent,
    RateLimited,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from tests.unit.operator.domain.builders import at, notification
from tests.unit.operator.domain.receivers.entries import listed, receiver, resolver
from tests.unit.operator.endpoints.stage import BLOCKS, Scripted, Stage, until_idle

if TYPE_CHECKING:
    from notification_domain.attempt import Attempt

REVOKED = ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, "HTTP 401: token_revoked")
HOOK = receiver("hook", block=BLOCKS)
HOLDING = receiver("hook", block=BLOCKS, onReceiverError="Hold")
OPS, BOSS = "ops@example.com", "boss@example.com"
MAIL = receiver("smtp", "email", block={"to": [OPS, BOSS]})


def email(address: str) -> str:
    return listed("email", "smtp", address)


def named(address: str) -> str:
    return f"email/smtp#{address_digits(address)}"


def hook(stage: Stage) -> str:
    """Let the Secret of a webhook exist, and return its target."""
    stage.secrets.put("hook", url="https://a.example.com/hook")
    return "webhook/hook"


def refused(attempt: Attempt) -> tuple[bool, bool, str]:
    return attempt.permanent, attempt.circuit_open, attempt.reason


async def test_message_reaches_its_receiver_with_both_ids() -> None:
    stage = Stage(HOOK)
    stage.creator.scripts["hook"] = [Transient("busy"), Receipt(message_ref="42", note="a note")]
    first = await stage.attempt(hook(stage))
    second = await stage.attempt("webhook/hook", number=2)
    assert [first.succeeded, second.succeeded] == [False, True]
    assert (second.channel, second.number, second.message_ref, second.note) == (
        "webhook/hook",
        2,
        "42",
        "a note",
    )
    sent = stage.creator.messages
    assert [each.id for each in sent] == ["uid-1:webhook/hook:1", "uid-1:webhook/hook:2"]
    assert {each.delivery_id for each in sent} == {"uid-1/webhook/hook"}
    assert [each.attempt for each in sent] == [1, 2]


async def test_channel_of_the_settings_is_used_as_before() -> None:
    stage = Stage(HOOK)
    assert (await stage.attempt("console")).succeeded
    assert (len(stage.console.calls), stage.creator.created) == (1, [])


async def test_receiver_that_refuses_everything_opens_the_breaker_at_once() -> None:
    stage = Stage(HOOK)
    stage.creator.scripts["hook"] = [REVOKED]
    attempt = await stage.attempt(hook(stage))
    assert refused(attempt) == (True, False, "")
    assert attempt.error == "permanent failure: AuthenticationFailed: HTTP 401: token_revoked"
    assert stage.circuit() is CircuitState.OPEN
    other = await stage.attempt("webhook/hook", uid="uid-2")
    assert refused(other) == (False, True, "")
    assert len(stage.creator.messages) == 1


async def test_message_of_a_holding_receiver_uses_no_attempt() -> None:
    stage = Stage(HOLDING)
    stage.creator.scripts["hook"] = [REVOKED]
    attempt = await stage.attempt(hook(stage))
    assert refused(attempt) == (False, True, "ReceiverNotReady")
    assert attempt.error == "AuthenticationFailed: HTTP 401: token_revoked"
    assert stage.circuit() is CircuitState.OPEN


def open_until(stage: Stage) -> object:
    waiting = notification("webhook/hook")
    route = resolve(waiting, resolver=resolver(*stage.catalog.receivers.values()))
    targets = Targets(stage.endpoints, waiting, route, waiting.content)
    return targets.open_breakers().get("webhook/hook")


async def test_message_of_a_holding_receiver_waits_for_the_next_probe() -> None:
    stage = Stage(HOLDING, limits=Limits(open_seconds=30))
    stage.creator.scripts["hook"] = [REVOKED, REVOKED, None]
    await stage.attempt(hook(stage))
    assert open_until(stage) == at(30)
    stage.wait(32)
    assert open_until(stage) is None
    assert refused(await stage.attempt("webhook/hook", number=2)) == (False, True, "ReceiverNotReady")
    assert open_until(stage) == at(32 + 30)
    stage.wait(35)
    assert (await stage.attempt("webhook/hook", number=2)).succeeded


async def test_other_failures_of_a_holding_receiver_use_attempts() -> None:
    stage = Stage(HOLDING)
    stage.creator.scripts["hook"] = [Transient("busy"), Permanent("HTTP 400"), ZeroDivisionError()]
    attempts = [await stage.attempt(hook(stage), number=number) for number in (1, 2, 3)]
    assert [refused(each) for each in attempts] == [(False, False, ""), (True, False, ""), (True, False, "")]


async def test_error_that_a_transient_one_caused_is_still_that_of_the_receiver() -> None:
    error = ReceiverError(ReceiverProblem.TLS_UNAVAILABLE, "no STARTTLS")
    error.__cause__ = Transient("connection reset")
    stage = Stage(HOOK)
    stage.creator.scripts["hook"] = [error]
    assert (await stage.attempt(hook(stage))).permanent


async def waiting_for_a_slot(stage: Stage, target: str) -> tuple[Scripted, list[asyncio.Task[Attempt]]]:
    """Return the channel of four calls that hang, and the attempts: the fifth one waits for a slot."""
    stage.creator.hanging = True
    running = [stage.start(target, uid=f"uid-{number}") for number in range(5)]
    await until_idle()
    stage.creator.hanging = False
    assert len(stage.creator.last.sent) == 4, "as many as the destination takes"
    return stage.creator.last, running


@pytest.mark.parametrize("secret", ["keys", "hook"], ids=["same destination", "another destination"])
async def test_attempt_that_waited_for_a_slot_begins_again_with_the_new_secret(secret: str) -> None:
    stage = Stage(receiver("hook", block=BLOCKS | {"signingSecretRefs": [{"name": "keys"}]}))
    values = {"keys": {"signing-key": "old"}, "hook": {"url": "https://a.example.com/hook"}}
    for name, data in values.items():
        stage.secrets.put(name, **data)
    old, running = await waiting_for_a_slot(stage, "webhook/hook")
    stage.rotate(secret, **{key: value.replace("a.", "b.") for key, value in values[secret].items()})
    old.gate.set()
    *finished, postponed = await asyncio.gather(*running, return_exceptions=True)
    assert all(not isinstance(each, BaseException) and each.succeeded for each in finished)
    assert isinstance(postponed, Postponed)
    assert (await stage.attempt("webhook/hook", uid="uid-4")).succeeded
    assert stage.creator.last is not old
    assert [each.uid for each in stage.creator.last.sent] == ["uid-4"]


async def test_attempt_is_not_made_if_the_secret_goes_during_the_wait() -> None:
    stage = Stage(HOOK)
    old, running = await waiting_for_a_slot(stage, hook(stage))
    stage.rotate("hook", other="x")
    old.gate.set()
    *finished, postponed = await asyncio.gather(*running, return_exceptions=True)
    assert all(not isinstance(each, BaseException) and each.succeeded for each in finished)
    assert isinstance(postponed, Postponed)
    unmade = await stage.attempt("webhook/hook", uid="uid-4")
    assert refused(unmade) == (False, False, "ReceiverNotReady")


async def test_attempt_that_waits_for_probes_begins_again_on_the_new_endpoint() -> None:
    stage = Stage(HOOK, limits=Limits(open_seconds=30, probes=1))
    stage.creator.scripts["hook"] = [REVOKED, None]
    await stage.attempt(hook(stage))
    stage.wait(31)
    stage.creator.last.gate.clear()
    probe, waiting = (stage.start("webhook/hook", uid=f"uid-{number}") for number in (2, 3))
    await until_idle()
    stage.rotate("hook", url="https://b.example.com/hook")
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], Postponed)
    probe.cancel()


async def test_attempt_waits_for_the_probes_of_its_receiver() -> None:
    stage = Stage(HOOK, limits=Limits(open_seconds=30, probes=1))
    stage.creator.scripts["hook"] = [REVOKED, None]
    await stage.attempt(hook(stage))
    stage.wait(31)
    stage.creator.last.gate.clear()
    probe, waiting = (stage.start("webhook/hook", uid=f"uid-{number}") for number in (2, 3))
    await until_idle()
    assert len(stage.creator.messages) == 2
    stage.creator.last.gate.set()
    assert (await probe).succeeded
    assert (await waiting).succeeded


@pytest.mark.parametrize("entry", [HOOK, HOLDING], ids=["Fail", "Hold"])
async def test_refusal_of_a_call_with_an_old_secret_is_no_failure_for_good(entry: object) -> None:
    stage = Stage(entry)  # type: ignore[arg-type]  # a receiver
    stage.creator.hanging = True
    stage.creator.scripts["hook"] = [REVOKED]
    running = stage.start(hook(stage))
    await until_idle()
    old, stage.creator.hanging, stage.creator.scripts = stage.creator.last, False, {}
    stage.rotate("hook", url="https://b.example.com/hook")
    old.gate.set()
    attempt = await running
    assert refused(attempt) == (
        (False, True, "ReceiverNotReady") if entry is HOLDING else (False, False, "")
    ), "a receiver that holds uses up no attempt"
    assert attempt.error == (
        "the receiver changed during the attempt, which failed with: AuthenticationFailed: HTTP 401: token_revoked"
    )
    assert stage.circuit() is CircuitState.CLOSED
    health = stage.health(stage.key())
    assert (health.last_error, health.consecutive_failures) == (attempt.error, 0)
    assert (await stage.attempt("webhook/hook", number=2)).succeeded


async def test_channel_that_is_not_kept_is_no_change_of_its_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_CHANNELS", 1)
    stage = Stage(HOOK, receiver("other"))
    stage.creator.hanging = True
    stage.creator.scripts["hook"] = [REVOKED]
    running = stage.start(hook(stage))
    await until_idle()
    old, endpoint = stage.creator.last, stage.endpoint()
    stage.find("webhook/other")
    assert endpoint.channel is None
    assert stage.endpoint() is endpoint
    assert len(stage.creator.created) == 3
    old.gate.set()
    assert (await running).permanent


async def test_receivers_of_a_namespace_displace_no_breaker_or_pause_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "MAX_CHANNELS", 2)
    paused = receiver("paused", rateLimit={"count": 10, "period": "1s"})
    others = [receiver(f"other-{number}", namespace="evil") for number in range(5)]
    stage = Stage(receiver("down"), paused, *others, limits=Limits(failure_threshold=1))
    stage.creator.scripts = {"down": [Transient("busy")], "paused": [RateLimited("429", retry_after=60)]}
    await stage.attempt("webhook/down")
    await stage.attempt("webhook/paused")
    for other in others:
        message = stage.message(namespace="evil")
        assert (await stage.attempt(f"webhook/{other.key.name}", message=message)).succeeded
    assert stage.circuit("down") is CircuitState.OPEN
    assert stage.ask("webhook/paused", uid="uid-2") == Hold(until=at(60), reason=HoldReason.PAUSE)


async def test_receiver_that_is_suspended_during_a_call_fails_nothing_for_good() -> None:
    stage = Stage(HOOK)
    stage.creator.hanging = True
    stage.creator.scripts["hook"] = [REVOKED]
    running = stage.start(hook(stage))
    await until_idle()
    old = stage.creator.last
    stage.exist(receiver("hook", block=BLOCKS, suspend=True, generation=2))
    old.gate.set()
    assert not (await running).permanent


async def test_receiver_whose_far_end_is_gone_fails_calls_that_run() -> None:
    gone = ReceiverError(ReceiverProblem.GONE, "HTTP 410")
    stage = Stage(HOOK)
    stage.creator.hanging = True
    stage.creator.scripts["hook"] = [gone]
    running = stage.start(hook(stage))
    await until_idle()
    stage.endpoint().gone = True
    stage.creator.last.gate.set()
    attempt = await running
    assert attempt.error == "permanent failure: Gone: HTTP 410"


def hold_of(stage: Stage, target: str) -> HoldReason | None:
    answer = stage.ask(target)
    return answer.reason if isinstance(answer, Hold) else None


async def test_suspended_receiver_holds_its_messages_before_and_during_the_wait() -> None:
    suspended = receiver("hook", block=BLOCKS, suspend=True, generation=2)
    stage = Stage(HOOK)
    stage.creator.hanging = True
    running = [stage.start(hook(stage), uid=f"uid-{number}") for number in range(5)]
    await until_idle()
    old = stage.creator.last
    stage.exist(suspended)
    assert hold_of(stage, "webhook/hook") is HoldReason.SUSPENDED
    old.gate.set()
    assert isinstance((await asyncio.gather(*running, return_exceptions=True))[-1], Postponed)
    assert len(stage.creator.messages) == 4


async def test_receiver_without_its_secret_fails_attempts_or_holds_messages() -> None:
    for entry, reason in ((HOOK, None), (HOLDING, HoldReason.NOT_READY)):
        stage = Stage(entry)
        stage.secrets.put("hook", other="x")
        assert hold_of(stage, "webhook/hook") is reason
        if reason is None:
            attempt = await stage.attempt("webhook/hook")
            assert refused(attempt) == (False, False, "ReceiverNotReady")
            assert attempt.error == (
                "ReceiverNotReady: receiver shop/hook: webhook.urlSecretRef: Secret hook has no value under the key url; "
                "add it, or name another key"
            )
        else:
            with pytest.raises(Postponed):
                await stage.attempt("webhook/hook")


async def test_receiver_whose_secret_is_not_read_yet_holds_its_messages() -> None:
    stage = Stage(HOOK)
    assert hold_of(stage, "webhook/hook") is HoldReason.NOT_READY


@pytest.mark.parametrize(
    ("number", "overflow", "expected"),
    [(1, "Suppress", "RateLimited"), (2, "Suppress", HoldReason.RATE), (1, "Defer", HoldReason.RATE)],
)
def test_message_beyond_the_rate_is_suppressed_at_its_first_attempt_only(
    number: int, overflow: str, expected: str
) -> None:
    stage = Stage(receiver("hook", rateLimit={"count": 1, "period": "10s", "overflow": overflow}))
    assert stage.ask("webhook/hook", uid="uid-1") is None
    answer = stage.ask("webhook/hook", number=number, uid="uid-2")
    assert (answer.reason if isinstance(answer, Hold) else answer) == expected
    # What was suppressed keeps no place in the line.
    stage.wait(10)
    third = stage.ask("webhook/hook", uid="uid-3")
    assert (third is None) is (expected == "RateLimited")


async def test_attempts_that_the_breaker_rejects_use_up_nothing_of_the_rate() -> None:
    """They are started while it is closed, and wait for a slot while it opens."""
    target, count = "webhook/hook", 10
    stage = Stage(receiver("hook", rateLimit={"count": count, "period": "1h"}))
    stage.creator.scripts["hook"] = [Transient("busy")]
    starting = [stage.begin(target, uid=f"uid-{number}") for number in range(count)]
    attempts = await asyncio.gather(*starting)
    rejected = [each for each in attempts if each.circuit_open]
    assert len(rejected) + len(stage.creator.messages) == count
    stage.wait(31)
    answers = [stage.ask(target, uid=f"new-{number}") for number in range(count)]
    assert answers.count(None) == len(rejected) > 0


def test_suppressed_message_takes_no_turn_of_another_namespace() -> None:
    limit = {"count": 1, "period": "10s", "overflow": "Suppress"}
    stage = Stage(receiver("hook", rateLimit=limit, allowedNamespaces={"from": "All"}))
    target = "webhook/shop/hook"
    for number in range(6):
        stage.ask(target, number=2, uid=f"uid-{number}")
    assert stage.ask(target, uid="suppressed") == "RateLimited"
    quiet = stage.ask(target, number=2, uid="quiet", namespace="bank")
    assert isinstance(quiet, Hold)
    assert quiet.until == at(20)


def test_namespace_that_floods_a_receiver_silences_no_other() -> None:
    limit = {"count": 60, "period": "1m", "overflow": "Suppress"}
    stage = Stage(receiver("hook", rateLimit=limit, allowedNamespaces={"from": "All"}))
    sent = Counter[str]()

    def send(namespace: str) -> None:
        answer = stage.ask("webhook/shop/hook", uid=f"{namespace}-{stage.now}", namespace=namespace)
        sent[namespace] += answer is None

    for step in range(20 * 60 * 4):
        send("flood")
        if step >= 20 * 60 and step % 20 == 0:
            send("quiet")
        if step == 20 * 60:
            assert sent["quiet"] == 1, "its first message, although the rate is used up"
        if step % (20 * 50) == 0:
            send("rare")
        stage.wait(0.05)
    # A second has one message, of which each of the namespaces has its part.
    assert sent["quiet"] >= 60
    assert sent["rare"] >= 4
    assert 60 + 4 * 60 - 5 <= sent.total() <= 60 + 4 * 60 + 5


def test_resolve_beyond_the_rate_waits_although_others_are_suppressed() -> None:
    stage = Stage(receiver("hook", rateLimit={"count": 1, "period": "10s", "overflow": "Suppress"}))
    assert stage.ask("webhook/hook", uid="uid-1") is None
    answer = stage.ask("webhook/hook", uid="uid-2", event=LifecycleEvent.RESOLVE, dedup_key="disk")
    assert isinstance(answer, Hold)


def test_changed_rate_of_a_receiver_holds_from_then_on() -> None:
    slow = receiver("hook", rateLimit={"count": 1, "period": "1h"})
    stage = Stage(slow)
    assert stage.ask("webhook/hook", uid="uid-1") is None
    assert isinstance(stage.ask("webhook/hook", uid="uid-2"), Hold)
    stage.exist(receiver("hook", generation=2, rateLimit={"count": 10, "period": "1s"}))
    soon = stage.ask("webhook/hook", uid="uid-2")
    assert isinstance(soon, Hold)
    assert soon.until <= at(0.1)
    stage.wait(1)
    assert [stage.ask("webhook/hook", uid=f"uid-{number}") for number in range(2, 8)] == [None] * 6
    stage.exist(receiver("hook", generation=3))
    assert [stage.ask("webhook/hook", uid=f"uid-{number}") for number in range(50)] == [None] * 50


async def test_pause_of_one_receiver_holds_no_other() -> None:
    stage = Stage(receiver("hook"), receiver("other"))
    stage.creator.scripts["hook"] = [RateLimited("HTTP 429", retry_after=60)]
    await stage.attempt("webhook/hook")
    assert hold_of(stage, "webhook/hook") is HoldReason.PAUSE
    assert stage.ask("webhook/other") is None
    assert stage.circuit() is CircuitState.CLOSED


async def test_receiver_that_hangs_delays_no_other() -> None:
    stage = Stage(receiver("slow"), *(receiver(f"r{number}") for number in range(20)))
    stage.creator.hanging = True
    hanging = [stage.start("webhook/slow", uid=f"uid-{number}") for number in range(50)]
    await until_idle()
    stage.creator.hanging = False
    others = [stage.attempt(f"webhook/r{number}") for number in range(20)]
    async with asyncio.timeout(1):
        assert all(each.succeeded for each in await asyncio.gather(*others))
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_time_limit_is_that_of_the_receiver() -> None:
    stage = Stage(receiver("hook", timeout="10ms"), timeout=60)
    stage.creator.hanging = True
    attempt = await stage.attempt("webhook/hook")
    assert attempt.error == "timed out after 1.01 s"
    assert not attempt.permanent


async def test_each_recipient_gets_a_message_of_its_own() -> None:
    stage = Stage(MAIL)
    attempts = [await stage.attempt(email(address)) for address in (OPS, BOSS)]
    assert all(each.succeeded for each in attempts)
    assert [each.address for each in stage.creator.messages] == [OPS, BOSS]
    assert len({each.delivery_id for each in stage.creator.messages}) == 2


async def test_recipient_of_the_notification_is_used_if_the_receiver_accepts_it() -> None:
    stage = Stage(receiver("smtp", "email", block={"to": []}, recipients={"allow": ["*@example.com"]}))
    message = stage.message(recipients=({"email": BOSS}, {"email": "x@elsewhere.org"}))
    assert (await stage.attempt(named(BOSS), message=message)).succeeded
    foreign = await stage.attempt(named("x@elsewhere.org"), message=message)
    assert refused(foreign) == (True, False, "ReceiverNotAllowed")
    assert foreign.error is not None
    assert "elsewhere" not in foreign.error
    assert [each.address for each in stage.creator.messages] == [BOSS]


async def test_target_without_a_recipient_is_refused() -> None:
    stage = Stage(receiver("smtp", "email", block={"to": []}, recipients={"allow": ["*"]}))
    attempt = await stage.attempt("email/smtp")
    assert attempt.permanent
    assert attempt.error is not None
    assert "spec.recipients of this notification has no email" in attempt.error


@pytest.mark.parametrize(
    "text",
    [
        f"SMTP 550: <{OPS}>: no such user",
        f"SMTP 550: {OPS.upper()} is unknown",
        "550 ops%40example.com unknown",
    ],
)
async def test_error_shows_no_recipient(text: str) -> None:
    stage = Stage(MAIL)
    stage.creator.scripts["smtp"] = [Permanent(text)]
    attempt = await stage.attempt(email(OPS))
    assert attempt.error is not None
    assert "ops" not in attempt.error.lower()
    assert stage.health(stage.key("smtp")).last_error == attempt.error


async def test_error_shows_no_number() -> None:
    stage = Stage(receiver("sms", "sms", block={"to": ["+4915112345678"]}))
    stage.secrets.put("s", username="u", password="p")
    stage.creator.scripts["sms"] = [
        Permanent("HTTP 400: the number +4915112345678 (4915112345678) is not valid: %2B4915112345678")
    ]
    attempt = await stage.attempt(listed("sms", "sms", "+4915112345678"))
    assert attempt.error is not None
    assert "12345678" not in attempt.error


async def test_error_shows_no_secret() -> None:
    stage = Stage(HOOK)
    stage.creator.scripts["hook"] = [Transient("password=hunter2 and Authorization: Bearer abcdef0123456789")]
    attempt = await stage.attempt(hook(stage))
    assert attempt.error is not None
    assert "hunter2" not in attempt.error
    assert "abcdef" not in attempt.error


async def test_probe_is_left_to_notifications_that_have_attempts_left() -> None:
    """The limit of the receiver counts, not that of the policy alone."""
    stage = Stage(receiver("hook", retryPolicy={"maxAttempts": 1}), limits=Limits(open_seconds=30))
    stage.creator.scripts["hook"] = [REVOKED]
    await stage.attempt("webhook/hook")
    assert open_until(stage) == at(30)
