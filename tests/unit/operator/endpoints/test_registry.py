"""The registry: which endpoint a target has, whether its receiver is ready, and what takes the place of a message."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from notification_domain.flow_control.breaker import Limits as BreakerLimits
from notification_domain.flow_control.rate import Rate
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.receivers.catalog import ReceiverKey
from notification_operator.endpoints import registry
from notification_operator.endpoints.endpoint import Delivery
from notification_operator.endpoints.limits import Limits
from notification_operator.endpoints.refusals import NEW_SECONDS, Refusal
from notification_runtime.delivery.channel import Permanent, Transient
from tests.unit.operator.domain.builders import START
from tests.unit.operator.domain.receivers.entries import catalog, listed, receiver
from tests.unit.operator.endpoints.calls import endpoints_of
from tests.unit.operator.endpoints.stage import BLOCKS, Stage

if TYPE_CHECKING:
    from notification_domain.receivers.catalog import Catalog

ALL = {"from": "All"}
SELECTING = {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}}
HOOK = receiver("hook", block=BLOCKS)


def texts(answer: Refusal) -> tuple[type, str, str | None]:
    return type(answer.error), str(answer.error), answer.reason


def test_endpoint_has_the_limits_of_the_spec() -> None:
    stage = Stage(
        receiver(
            "hook",
            timeout="3s",
            onReceiverError="Hold",
            rateLimit={"count": 6, "period": "1m", "overflow": "Suppress"},
        )
    )
    delivery = stage.delivery()
    assert (delivery.endpoint.name, delivery.message.address) == ("webhook/shop/hook", "")
    assert delivery.endpoint.limits == Limits(
        rate=Rate(per_second=0.1, burst=6), timeout=4, holds_errors=True, suppresses=True
    )


def test_endpoint_stays_until_something_changes() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    first = stage.endpoint()
    assert stage.endpoint() is first
    assert stage.endpoints.endpoint(HOOK) is first
    stage.rotate("hook", url="https://b.example.com")
    second = stage.endpoint()
    assert second.channel is not first.channel
    stage.exist(receiver("hook", block=BLOCKS, generation=2))
    third = stage.endpoint()
    assert [each.retired for each in (first, second, third)] == [True, True, False]


def test_endpoint_follows_the_catalog_before_it_is_told_of_a_change() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    first = stage.endpoint()
    stage.catalog = catalog(receiver("hook", block=BLOCKS, timeout="3s", generation=2))
    assert stage.endpoint().limits.timeout == 4
    assert first.retired


def test_receiver_of_the_same_name_is_another_one() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    first = stage.endpoint()
    stage.exist()
    assert first.retired
    stage.exist(replace(HOOK, uid="another"))
    assert stage.endpoint() is not first


def replaced(stage: Stage, *names: str) -> list[str]:
    """Return the receivers that are different after a change of those with a name, by what it wakes."""
    stage.woken.clear()
    for name in names:
        stage.wait_for(ReceiverKey("shop", name), name)
    stage.replace(*(ReceiverKey("shop", name) for name in names))
    return stage.woken


def test_change_that_is_none_changes_nothing_for_its_receiver() -> None:
    stage = Stage(HOOK, receiver("other"))
    stage.secrets.put("hook", url="https://a.example.com")
    assert replaced(stage, "hook", "other") == ["hook", "other"], "nothing was known of them"
    assert stage.creator.created == [], "they are created when somebody asks"
    for entry in stage.catalog.receivers.values():
        stage.readiness(entry)
    assert replaced(stage, "hook", "other") == []
    stage.secrets.put("hook", url="https://b.example.com")
    assert replaced(stage, "hook", "other") == ["hook"]
    stage.catalog = type(stage.catalog)()
    assert replaced(stage, "hook", "other") == ["hook", "other"]


def test_new_template_is_used_although_nothing_else_is_different() -> None:
    stage = Stage(receiver("hook", template={"configMapRef": {"name": "texts"}}))
    stage.config_maps.put("texts", subject="s")
    before = stage.delivery()
    stage.config_maps.put("texts", subject="t")
    stage.replace(stage.key())
    after = stage.delivery()
    assert after.endpoint is before.endpoint
    assert not after.endpoint.retired
    assert after.channel is not before.channel


def test_another_receiver_of_the_name_is_a_change_if_all_else_is_equal() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    stage.readiness(HOOK)
    assert replaced(stage, "hook") == []
    stage.catalog = catalog(replace(HOOK, uid="another"))
    assert replaced(stage, "hook") == ["hook"]


def test_message_waits_while_the_labels_of_namespaces_are_being_read() -> None:
    selecting = receiver("hook", allowedNamespaces=SELECTING)
    stage = Stage(selecting)
    stage.catalog = replace(catalog(selecting), labels_known=False)
    waiting = stage.hold("webhook/shop/hook", namespace="bank")
    assert START < waiting.until <= START + timedelta(seconds=NEW_SECONDS)
    assert isinstance(stage.find("webhook/hook"), Delivery), "its own namespace needs no labels"
    stage.catalog = catalog(selecting)
    stage.refusal("webhook/shop/hook", namespace="bank")


def test_only_the_channels_used_most_recently_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_CHANNELS", 2)
    stage = Stage(*(receiver(name) for name in "abc"))
    for name in ("a", "b", "a", "c", "a", "b"):
        stage.delivery(f"webhook/{name}")
    assert [each.receiver.key.name for each in stage.creator.created] == ["a", "b", "c", "b"]


def test_rate_of_a_receiver_holds_although_its_channel_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_CHANNELS", 1)
    stage = Stage(receiver("hook", rateLimit={"count": 1, "period": "10s"}), receiver("other"))
    assert stage.ask("webhook/hook", uid="uid-1") is None
    assert stage.ask("webhook/other") is None
    assert isinstance(stage.ask("webhook/hook", uid="uid-2"), Hold)
    stage.wait(10)
    assert stage.ask("webhook/other") is None
    assert stage.ask("webhook/hook", uid="uid-2") is None


def test_missing_receiver_may_appear_until_the_attempts_are_used() -> None:
    answer = Stage().refusal("receiver/hook")
    assert texts(answer) == (
        Transient,
        "ReceiverNotReady: receiver shop/hook: it does not exist; create NotificationReceiver hook in namespace shop",
        "ReceiverNotReady",
    )


def test_receiver_without_a_valid_spec_says_why_in_its_own_namespace_only() -> None:
    stage = Stage()
    problems = ("rateLimit.period: a duration is at most 30d", "timeout: String should match pattern")
    stage.catalog = replace(catalog(), problems={ReceiverKey("shop", "hook"): problems})
    assert texts(stage.refusal("receiver/hook")) == (
        Transient,
        (
            "ReceiverNotReady: receiver shop/hook: its spec is not valid: rateLimit.period: a duration is at most 30d; "
            "timeout: String should match pattern"
        ),
        "ReceiverNotReady",
    )


FOREIGN_REFUSAL = (
    Transient,
    (
        "ReceiverNotAllowed: receiver shop/hook does not exist, or is not for notifications of namespace bank; correct its "
        "name, or ask its owner to extend spec.allowedNamespaces"
    ),
    "ReceiverNotAllowed",
)
CLOSED = receiver("hook")
UNUSABLE = {
    "missing": catalog(),
    "not valid": replace(catalog(), problems={CLOSED.key: ("timeout: String should match pattern",)}),
    "closed": catalog(CLOSED),
    "suspended": catalog(receiver("hook", suspend=True)),
    "of another type": catalog(receiver("hook", "email")),
    "selects others": catalog(
        receiver("hook", allowedNamespaces=SELECTING), labels={"bank": {"tier": "dev"}}
    ),
    "selects a new namespace": catalog(receiver("hook", allowedNamespaces=SELECTING), labels={"office": {}}),
}
"""What may be true of a receiver that another namespace cannot use."""


@pytest.mark.parametrize("known", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("target", ["receiver/shop/hook", "webhook/shop/hook"])
def test_other_namespaces_cannot_tell_whether_a_receiver_exists(known: Catalog, target: str) -> None:
    stage = Stage()
    stage.catalog = known
    assert texts(stage.refusal(target, namespace="bank")) == FOREIGN_REFUSAL


@pytest.mark.parametrize("known", UNUSABLE.values(), ids=UNUSABLE)
def test_other_namespaces_wait_alike_while_labels_are_being_read(known: Catalog) -> None:
    stage = Stage()
    stage.catalog = replace(known, labels={}, labels_known=False)
    waiting = stage.hold("receiver/shop/hook", namespace="bank")
    assert (waiting.reason, waiting.brief) == (HoldReason.NOT_READY, True)
    assert START < waiting.until <= START + timedelta(seconds=NEW_SECONDS)


def test_receiver_that_allows_the_namespace_gets_its_messages() -> None:
    stage = Stage(receiver("open", allowedNamespaces=ALL))
    assert isinstance(stage.find("webhook/shop/open", stage.message(namespace="bank")), Delivery)


def test_receiver_that_exists_now_gets_nothing_under_its_placeholder() -> None:
    """Its message has another delivery id, and would be sent twice."""
    answer = Stage(receiver("hook")).hold("receiver/hook")
    assert START < answer.until <= START + timedelta(seconds=NEW_SECONDS)
    assert answer.reason is HoldReason.NOT_READY


@pytest.mark.parametrize("target", ["slack/hook", "email/hook#1f3a9c20", "nonsense/hook"])
def test_receiver_of_another_type_refuses_for_good(target: str) -> None:
    kind = target.partition("/")[0]
    answer = Stage(receiver("hook")).refusal(target)
    assert texts(answer) == (
        Permanent,
        (
            "ReceiverNotReady: receiver shop/hook has the type webhook, and this notification was for one of type "
            f"{kind}; create another NotificationRequest"
        ),
        "ReceiverNotReady",
    )


def test_suspended_receiver_holds_whatever_else_is_wrong() -> None:
    hold = Stage(receiver("hook", block=BLOCKS, suspend=True)).hold()
    assert (hold.reason, hold.brief) == (HoldReason.SUSPENDED, False)


@pytest.mark.parametrize("rule", ["Fail", "Hold"])
def test_receiver_that_is_not_ready_fails_or_holds_as_it_demands(rule: str) -> None:
    stage = Stage(receiver("hook", block=BLOCKS, onReceiverError=rule))
    unread = stage.hold()
    assert (unread.reason, unread.brief) == (HoldReason.NOT_READY, True), "its Secret is being read"
    stage.rotate("hook", x="y")
    if rule == "Hold":
        assert (stage.hold().reason, stage.hold().brief) == (HoldReason.NOT_READY, False)
    else:
        assert texts(stage.refusal())[0::2] == (Transient, "ReceiverNotReady")


@pytest.mark.parametrize("rule", ["Fail", "Hold"])
def test_receiver_whose_far_end_is_gone_waits_for_a_change(rule: str) -> None:
    stage = Stage(receiver("hook", block=BLOCKS, onReceiverError=rule))
    stage.secrets.put("hook", url="https://a.example.com")
    stage.endpoint().gone = True
    if rule == "Hold":
        assert stage.hold().reason is HoldReason.NOT_READY
    else:
        assert texts(stage.refusal())[0::2] == (Permanent, "ReceiverNotReady")
    stage.rotate("hook", url="https://b.example.com")
    assert isinstance(stage.find("webhook/hook"), Delivery)


def test_receiver_that_was_deleted_is_not_gone_when_it_exists_again() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    stage.endpoint().gone = True
    stage.exist()
    stage.exist(HOOK)
    assert isinstance(stage.find("webhook/hook"), Delivery)


def test_target_of_a_recipient_has_its_address() -> None:
    stage = Stage(receiver("smtp", "email", block={"to": ["ops@example.com"]}))
    target = listed("email", "smtp", "ops@example.com")
    assert stage.delivery(target).message.address == "ops@example.com"
    gone = stage.refusal("email/smtp#00000000")
    assert texts(gone)[0::2] == (Permanent, "ReceiverNotAllowed")
    assert "removed from the receiver" in str(gone.error)


def test_targets_lead_to_channels_and_to_receivers() -> None:
    stage = Stage(receiver("hook"))
    assert stage.delivery("console").channel is stage.console
    assert stage.delivery("webhook/hook").channel is stage.creator.last
    # No keys, but what a forged status may hold.
    for target in ("slack/", "slack#1f3a9c20", "a/b/c/d"):
        assert "is not configured in this operator" in str(stage.refusal(target).error)


def test_channel_that_only_receivers_provide_names_the_way_to_one() -> None:
    assert texts(Stage().refusal("email")) == (
        Permanent,
        (
            "NoDefaultReceiver: the channel 'email' is not configured in this operator, and no NotificationReceiver of "
            "type email is the default; name a receiver in spec.receiverRefs, or annotate one with "
            'kubernaut.ai/is-default-receiver: "true"'
        ),
        "NoDefaultReceiver",
    )


def test_operator_without_receivers_says_so() -> None:
    answer = endpoints_of({}, limits=BreakerLimits()).find("webhook/hook", Stage().message())
    assert isinstance(answer, Refusal)
    assert texts(answer)[0::2] == (Transient, "ReceiverNotReady")
    assert "receivers are disabled; set receivers.enabled of the operator" in str(answer.error)


def test_receiver_that_gets_no_message_takes_at_most_256_bytes() -> None:
    """The spec comes on top: a thousand receivers take 2 KB each in all (DD-CATALOG-001)."""
    stage = Stage(*(receiver(f"hook-{number}") for number in range(500)))
    tracemalloc.start()
    for entry in stage.catalog.receivers.values():
        stage.readiness(entry)
    stage.creator.created.clear()
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / 500 <= 256
