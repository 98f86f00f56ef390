"""The directory: which receivers are ready, who sends to them, and what takes the place of a sender."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from notification_contract.kinds.target import address_digits
from notification_operator.delivery.channel import InvalidOptionsError, Permanent, Transient
from notification_operator.delivery.http.egress_policy import AddressNotAllowedError
from notification_operator.delivery.receivers.holds import HOLD_SECONDS, NEW_SECONDS, next_look
from notification_operator.delivery.senders import (
    ChannelSenders,
    NoReceivers,
    Sender,
    TargetSenders,
    Unavailable,
)
from notification_operator.domain.planning.hold import HoldReason
from notification_operator.domain.receivers.catalog import ReceiverKey
from notification_operator.domain.receivers.readiness import ReadyReason
from notification_operator.domain.receivers.references import ReferenceReason
from tests.unit.operator.delivery.receivers.stage import BLOCKS, Stage
from tests.unit.operator.domain.builders import START, at
from tests.unit.operator.domain.receivers.entries import HOME, catalog, receiver

ALL = {"from": "All"}
SELECTING = {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}}
HOOK = receiver("hook", block=BLOCKS)


def sender_of(stage: Stage, target: str = "webhook/hook") -> Sender:
    sender = stage.find(target)
    assert isinstance(sender, Sender)
    return sender


def unavailable(stage: Stage, target: str = "webhook/hook", *, namespace: str = "shop") -> Unavailable:
    answer = stage.find(target, stage.message(namespace=namespace))
    assert isinstance(answer, Unavailable)
    return answer


def texts(answer: Unavailable) -> tuple[type, str, str | None]:
    return type(answer.error), str(answer.error), answer.reason


def test_sender_has_the_limits_of_the_spec() -> None:
    stage = Stage(
        receiver(
            "hook",
            timeout="3s",
            onReceiverError="Hold",
            rateLimit={"count": 6, "period": "1m", "overflow": "Suppress"},
        )
    )
    sender = sender_of(stage)
    assert (sender.name, sender.receiver, sender.timeout) == ("webhook/shop/hook", ("shop", "hook"), 4)
    assert sender.limits.rate is not None
    assert (sender.limits.rate.per_second, sender.limits.rate.burst) == (0.1, 6)
    assert (sender.holds_errors, sender.suppresses, sender.address) == (True, True, "")


def test_sender_is_made_once_until_something_changes() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    first = sender_of(stage)
    assert sender_of(stage) is first
    assert stage.directory.sender(HOOK) is first
    stage.rotate("hook", url="https://b.example.com")
    second = sender_of(stage)
    assert second.channel is not first.channel
    assert second.revision != first.revision
    stage.exist(receiver("hook", block=BLOCKS, generation=2))
    assert len({first.revision, second.revision, sender_of(stage).revision}) == 3


def test_receiver_of_the_same_name_is_another_one() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    first = sender_of(stage)
    stage.exist()
    stage.exist(replace(HOOK, uid="another"))
    assert sender_of(stage).revision != first.revision


def test_change_that_is_none_changes_nothing_for_its_receiver() -> None:
    stage = Stage(HOOK, receiver("other"))
    stage.secrets.put("hook", url="https://a.example.com")
    keys = frozenset(stage.catalog.receivers)
    assert stage.directory.refresh(keys) == keys, "nothing was known of them"
    assert stage.creator.created == [], "they are created when somebody asks"
    for entry in stage.catalog.receivers.values():
        stage.directory.readiness(entry)
    assert stage.directory.refresh(keys) == frozenset()
    stage.secrets.put("hook", url="https://b.example.com")
    assert stage.directory.refresh(keys) == {HOOK.key}
    stage.catalog = type(stage.catalog)()
    assert stage.directory.refresh(keys) == keys


def test_another_receiver_of_the_name_is_a_change_if_all_else_is_equal() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    stage.directory.readiness(HOOK)
    assert stage.directory.refresh(frozenset({HOOK.key})) == frozenset()
    stage.catalog = catalog(replace(HOOK, uid="another"))
    assert stage.directory.refresh(frozenset({HOOK.key})) == {HOOK.key}


def test_message_waits_while_the_labels_of_namespaces_are_being_read() -> None:
    selecting = receiver("hook", allowedNamespaces=SELECTING)
    stage = Stage(selecting)
    stage.catalog = replace(catalog(selecting), labels_known=False)
    waiting = unavailable(stage, "webhook/shop/hook", namespace="bank")
    assert waiting.hold is not None
    assert START < waiting.hold.until <= START + timedelta(seconds=NEW_SECONDS)
    assert isinstance(stage.find("webhook/hook"), Sender), "its own namespace needs no labels"
    stage.catalog = catalog(selecting)
    assert unavailable(stage, "webhook/shop/hook", namespace="bank").hold is None


def test_only_the_senders_used_most_recently_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notification_operator.delivery.receivers.directory.KEPT", 2)
    stage = Stage(*(receiver(name) for name in "abc"))
    for name in ("a", "b", "a", "c", "a", "b"):
        sender_of(stage, f"webhook/{name}")
    assert [each.receiver.key.name for each in stage.creator.created] == ["a", "b", "c", "b"]


def test_missing_receiver_may_appear_until_the_attempts_are_used() -> None:
    answer = unavailable(Stage(), "receiver/hook")
    assert texts(answer) == (
        Transient,
        "ReceiverNotReady: receiver shop/hook: it does not exist; create NotificationReceiver hook in namespace shop",
        "ReceiverNotReady",
    )
    assert answer.hold is None
    assert unavailable(Stage(), "webhook/bank/hook").hold is None


def test_receiver_without_a_valid_spec_says_why_in_its_own_namespace_only() -> None:
    stage = Stage()
    problems = ("rateLimit.period: a duration is at most 30d", "timeout: String should match pattern")
    stage.catalog = replace(catalog(), problems={ReceiverKey("shop", "hook"): problems})
    assert texts(unavailable(stage, "receiver/hook")) == (
        Transient,
        (
            "ReceiverNotReady: receiver shop/hook: its spec is not valid: rateLimit.period: a duration is at most 30d; "
            "timeout: String should match pattern"
        ),
        "ReceiverNotReady",
    )
    foreign = unavailable(stage, "receiver/shop/hook", namespace="bank")
    assert str(foreign.error).endswith(
        "it does not exist; create NotificationReceiver hook in namespace shop"
    )


def test_receiver_that_does_not_allow_the_namespace_refuses_for_good() -> None:
    stage = Stage(receiver("hook"), receiver("open", allowedNamespaces=ALL))
    assert texts(unavailable(stage, "webhook/shop/hook", namespace="bank")) == (
        Permanent,
        (
            "ReceiverNotAllowed: receiver shop/hook is not for notifications of namespace bank; name another receiver, or "
            "ask its owner to extend spec.allowedNamespaces"
        ),
        "ReceiverNotAllowed",
    )
    assert isinstance(stage.find("webhook/shop/open", stage.message(namespace="bank")), Sender)


def test_namespace_whose_labels_are_not_known_is_not_refused_for_good() -> None:
    stage = Stage()
    stage.labels = {"office": {}}
    stage.exist(receiver("hook", allowedNamespaces=SELECTING))
    new = unavailable(stage, "webhook/shop/hook", namespace="new")
    assert texts(new)[0] is Transient
    assert "the labels of namespace new are not known" in str(new.error)
    assert texts(unavailable(stage, "webhook/shop/hook", namespace="office"))[0] is Permanent


def test_receiver_that_exists_now_gets_nothing_under_its_placeholder() -> None:
    """Its message has another delivery id, and would be sent twice."""
    answer = unavailable(Stage(receiver("hook")), "receiver/hook")
    assert answer.hold is not None
    assert START < answer.hold.until <= START + timedelta(seconds=NEW_SECONDS)
    assert answer.hold.reason is HoldReason.NOT_READY


@pytest.mark.parametrize("target", ["slack/hook", "email/hook#1f3a9c20", "nonsense/hook"])
def test_receiver_of_another_type_refuses_for_good(target: str) -> None:
    kind = target.partition("/")[0]
    answer = unavailable(Stage(receiver("hook")), target)
    assert texts(answer) == (
        Permanent,
        (
            "ReceiverNotReady: receiver shop/hook has the type webhook, and this notification was for one of type "
            f"{kind}; create another NotificationRequest"
        ),
        "ReceiverNotReady",
    )


def test_suspended_receiver_holds_whatever_else_is_wrong() -> None:
    answer = unavailable(Stage(receiver("hook", block=BLOCKS, suspend=True)))
    assert answer.hold is not None
    assert answer.hold.reason is HoldReason.SUSPENDED
    assert str(answer.error).endswith("it is suspended; set spec.suspend to false")


@pytest.mark.parametrize("rule", ["Fail", "Hold"])
def test_receiver_that_is_not_ready_fails_or_holds_as_it_demands(rule: str) -> None:
    stage = Stage(receiver("hook", block=BLOCKS, onReceiverError=rule))
    stage.secrets.put("hook", x="y")
    answer = unavailable(stage)
    assert (answer.hold is not None) is (rule == "Hold")
    assert texts(answer)[0::2] == (Transient, "ReceiverNotReady")


@pytest.mark.parametrize("rule", ["Fail", "Hold"])
def test_receiver_whose_far_end_is_gone_waits_for_a_change(rule: str) -> None:
    stage = Stage(receiver("hook", block=BLOCKS, onReceiverError=rule))
    stage.secrets.put("hook", url="https://a.example.com")
    stage.directory.close(HOOK.key, sender_of(stage).revision)
    answer = unavailable(stage)
    assert (answer.hold is not None) is (rule == "Hold")
    assert isinstance(answer.error, Transient if rule == "Hold" else Permanent)
    stage.rotate("hook", url="https://b.example.com")
    assert isinstance(stage.find("webhook/hook"), Sender)


def test_receiver_that_was_deleted_is_not_gone_when_it_exists_again() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    stage.directory.close(HOOK.key, sender_of(stage).revision)
    stage.exist()
    stage.exist(HOOK)
    assert isinstance(stage.find("webhook/hook"), Sender)


def test_held_notification_is_looked_at_at_a_time_that_does_not_move() -> None:
    times = {next_look(at(seconds), "uid-1") for seconds in range(0, 3 * HOLD_SECONDS, 7)}
    assert len(times) == 4
    assert all(next_look(each, "uid-1") - each == timedelta(seconds=HOLD_SECONDS) for each in times)
    for seconds in (0, 0.000001, 899.999999, 1234.5):
        assert at(seconds) < next_look(at(seconds), "uid-1") <= at(seconds + HOLD_SECONDS)


def test_held_notifications_are_not_looked_at_together() -> None:
    times = [next_look(START, f"uid-{number}") for number in range(1000)]
    assert len(set(times)) > 500


def test_readiness_says_what_was_read() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    ready = stage.directory.readiness(HOOK)
    assert (ready.references, ready.references_message) == (ReferenceReason.FOUND, "Read Secret hook")
    assert (ready.secret_version, ready.reason, ready.sendable) == ("hook=1", ReadyReason.ACCEPTED, True)


@pytest.mark.parametrize("error", [InvalidOptionsError("bad key"), AddressNotAllowedError("bad address")])
def test_receiver_that_can_never_work_is_invalid(error: Exception) -> None:
    stage = Stage(receiver("hook"))
    stage.creator.failure = error
    ready = stage.directory.readiness(stage.catalog.receivers[stage.key()])
    assert (ready.reason, ready.message, ready.sendable) == (ReadyReason.INVALID, str(error), False)
    assert str(error) in str(unavailable(stage).error)


def test_fault_of_one_receiver_fails_no_other_and_shows_no_secret() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.failure = LookupError("hunter2")
    ready = stage.directory.readiness(stage.catalog.receivers[stage.key()])
    assert (ready.reason, ready.sendable) == (ReadyReason.INVALID, False)
    assert ready.message == "the receiver cannot be used: LookupError; see the log of the operator"


def test_template_that_is_not_valid_is_reported_and_the_receiver_is_used() -> None:
    stage = Stage(receiver("hook", template={"inline": {"body": "what is wrong with it"}}))
    ready = stage.directory.readiness(stage.catalog.receivers[stage.key()])
    assert (ready.reason, ready.message) == (ReadyReason.TEMPLATE_INVALID, "what is wrong with it")
    assert ready.sendable
    assert isinstance(stage.find("webhook/hook"), Sender)


def test_missing_config_map_is_reported_and_the_receiver_is_used() -> None:
    stage = Stage(receiver("hook", template={"configMapRef": {"name": "texts"}}))
    entry = stage.catalog.receivers[stage.key()]
    ready = stage.directory.readiness(entry)
    assert (ready.reason, ready.sendable) == (ReadyReason.TEMPLATE_INVALID, True)
    assert ready.message == (
        "template.configMapRef: ConfigMap texts in namespace shop cannot be read; create it"
    )
    stage.config_maps.put("texts", subject="s", other="x")
    stage.changes.apply(frozenset({entry.key}))
    assert stage.directory.readiness(entry).reason is ReadyReason.ACCEPTED


def test_receiver_of_a_shared_channel_uses_that_of_the_settings() -> None:
    stage = Stage(receiver("local", "console"), receiver("disk", "file"))
    sender = sender_of(stage, "console/local")
    assert (sender.channel, sender.name) == (stage.console, "console/shop/local")
    assert stage.creator.created == []
    assert "the operator has no channel file; enable channels.file in its settings" in str(
        unavailable(stage, "file/disk").error
    )


def test_shared_channel_is_only_for_its_namespaces() -> None:
    stage = Stage(
        receiver("local", "console"), receiver("local", "console", namespace=HOME, allowedNamespaces=ALL)
    )
    limited = stage.channels.senders["console"]
    stage.channels.senders["console"] = replace(limited, limits=replace(limited.limits, namespaces=(HOME,)))
    assert "namespace shop may not use the channel console" in str(unavailable(stage, "console/local").error)
    assert isinstance(stage.find(f"console/{HOME}/local"), Sender), "whoever may use the receiver may use it"


def test_target_of_a_recipient_has_its_address() -> None:
    stage = Stage(receiver("smtp", "email", block={"to": ["ops@example.com"]}))
    digits = address_digits("ops@example.com")
    assert sender_of(stage, f"email/smtp#{digits}").address == "ops@example.com"
    gone = unavailable(stage, "email/smtp#00000000")
    assert texts(gone)[0::2] == (Permanent, "ReceiverNotAllowed")
    assert "removed from the receiver" in str(gone.error)


def test_targets_lead_to_channels_and_to_receivers() -> None:
    stage = Stage(receiver("hook"))
    senders = TargetSenders(stage.channels, stage.directory)
    message = stage.message()
    assert senders.find("console", message) is stage.channels.senders["console"]
    assert isinstance(senders.find("webhook/hook", message), Sender)
    # No keys, but what a forged status may hold.
    for target in ("slack/", "slack#1f3a9c20", "a/b/c/d"):
        answer = senders.find(target, message)
        assert isinstance(answer, Unavailable)
        assert "is not configured in this operator" in str(answer.error)


def test_channel_that_only_receivers_provide_names_the_way_to_one() -> None:
    answer = ChannelSenders({}).find("email", Stage().message())
    assert isinstance(answer, Unavailable)
    assert texts(answer) == (
        Permanent,
        (
            "NoDefaultReceiver: the channel 'email' is not configured in this operator, and no NotificationReceiver of "
            "type email is the default; name a receiver in spec.receiverRefs, or annotate one with "
            'kubernaut.ai/is-default-receiver: "true"'
        ),
        "NoDefaultReceiver",
    )


def test_operator_without_receivers_says_so() -> None:
    answer = NoReceivers().find("webhook/hook", Stage().message())
    assert texts(answer)[0::2] == (Transient, "ReceiverNotReady")
    assert "receivers are disabled; set receivers.enabled of the operator" in str(answer.error)
