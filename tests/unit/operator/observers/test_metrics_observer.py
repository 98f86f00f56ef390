"""The labels of delivery metrics: a channel, and a receiver that exists."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from notification_contract.kinds.choices import Phase, TargetReason, TargetState
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.status import Reason, TargetStatus
from notification_operator.observers.publisher import MetricsObserver, Transition
from notification_runtime.telemetry.metrics import Metrics
from tests.unit.operator.domain.builders import circuit_open, failure, notification, success, with_status

PREFIX = "kubernaut_notification_delivery_"


def counted(*targets: str) -> dict[tuple[str, str], float]:
    """Return the attempts by channel and receiver after one failure on each target."""
    metrics = Metrics()
    before = notification("console")
    after = with_status(before, phase=Phase.SENDING, attempts=tuple(failure(target) for target in targets))
    MetricsObserver(metrics).on_transition(Transition(before=before, after=after))
    (family,) = [each for each in metrics.registry.collect() if each.name == f"{PREFIX}attempts"]
    samples = [each for each in family.samples if each.name.endswith("_total") and each.value]
    assert {each.labels["status"] for each in samples} == {"failure"}
    return {(each.labels["channel"], each.labels["receiver"]): each.value for each in samples}


@pytest.mark.parametrize(
    ("target", "channel", "receiver"),
    [
        ("slack", "slack", ""),
        ("slack/team", "slack", "shop/team"),
        ("slack/platform/team", "slack", "platform/team"),
        ("email/smtp#1f3a9c20", "email", "shop/smtp"),
        # Anybody can name any number of receivers that do not exist.
        ("receiver/whatever", "receiver", ""),
        ("receiver/platform/whatever", "receiver", ""),
    ],
)
def test_attempt_is_counted_for_its_channel_and_receiver(target: str, channel: str, receiver: str) -> None:
    assert counted(target) == {(channel, receiver): 1}


def test_attempt_that_the_operator_refuses_itself_is_not_counted() -> None:
    metrics = Metrics()
    target = "receiver/misspelled"
    refused = [replace(failure(target, number), reason="ReceiverNotReady") for number in (1, 2)]
    before = with_status(notification(target), attempts=tuple(refused[:1]))
    after = with_status(before, attempts=tuple(refused))
    empty = generate_latest(metrics.registry).count(b'channel="receiver"')
    MetricsObserver(metrics).on_transition(Transition(before=before, after=after))
    assert generate_latest(metrics.registry).count(b'channel="receiver"') == empty == 0


def test_recipients_of_a_receiver_are_counted_together() -> None:
    assert counted("email/smtp#00000000", "email/smtp#11111111") == {("email", "shop/smtp"): 2}


def test_first_attempt_of_a_receiver_starts_the_count_of_the_other_result() -> None:
    metrics = Metrics()
    observer, receiver = MetricsObserver(metrics), ReceiverKey("shop", "team")
    deliver_to(observer, receiver)
    labels = {"channel": "slack", "receiver": "shop/team"}
    counts = {
        status: metrics.registry.get_sample_value(f"{PREFIX}attempts_total", labels | {"status": status})
        for status in ("success", "failure")
    }
    assert counts == {"success": 1, "failure": 0}
    observer.forget(receiver)
    assert b'receiver="shop/team"' not in generate_latest(metrics.registry)


def test_retry_is_counted_by_its_result() -> None:
    metrics = Metrics()
    before = with_status(
        notification("slack/team"), attempts=(failure("slack/team"), circuit_open("slack/team", 2))
    )
    attempts = (
        *before.attempts,
        failure("slack/team", 3),
        success("slack/team", 4),
        circuit_open("slack/team", 5),
    )
    after = with_status(before, attempts=attempts)
    MetricsObserver(metrics).on_transition(Transition(before=before, after=replace(after)))
    labels = {"channel": "slack", "receiver": "shop/team"}
    for reason, count in (("failed_again", 1), ("recovered", 1)):
        value = metrics.registry.get_sample_value(f"{PREFIX}retries_total", labels | {"reason": reason})
        assert value == count
    assert metrics.registry.get_sample_value(f"{PREFIX}duration_seconds_count", {"channel": "slack"}) == 2


def lines(metrics: Metrics) -> int:
    return generate_latest(metrics.registry).count(b"\n")


def deliver_to(observer: MetricsObserver, receiver: ReceiverKey) -> None:
    target = f"slack/{receiver.namespace}/{receiver.name}"
    before = with_status(notification(target), attempts=(failure(target),))
    after = with_status(before, attempts=(*before.attempts, success(target, 2)))
    observer.on_transition(Transition(before=before, after=after))


def test_series_of_receivers_end_with_them() -> None:
    metrics, existing = Metrics(), set[ReceiverKey]()
    observer = MetricsObserver(metrics, exists=existing.__contains__)
    deliver_to(observer, ReceiverKey("shop", "late"))
    before = lines(metrics)
    for number in range(2_000):
        receiver = ReceiverKey("shop", f"r{number}")
        existing.add(receiver)
        deliver_to(observer, receiver)
        existing.remove(receiver)
        observer.forget(receiver)
    # An attempt may be recorded after its receiver was deleted.
    deliver_to(observer, ReceiverKey("shop", "r0"))
    assert lines(metrics) == before


def test_receivers_past_the_first_thousand_share_their_series() -> None:
    metrics = Metrics()
    observer = MetricsObserver(metrics)
    receivers = [ReceiverKey("shop", f"r{number}") for number in range(2_500)]
    for receiver in receivers:
        deliver_to(observer, receiver)
    value = metrics.registry.get_sample_value
    labels = {"channel": "slack", "status": "success"}
    assert value(f"{PREFIX}attempts_total", labels | {"receiver": "shop/r999"}) == 1
    assert value(f"{PREFIX}attempts_total", labels | {"receiver": "other"}) == 1_500
    assert lines(metrics) < 7_000
    observer.forget(receivers[0])
    deliver_to(observer, receivers[-1])
    assert value(f"{PREFIX}attempts_total", labels | {"receiver": "shop/r2499"}) == 1


def ended(phase: Phase, *targets: TargetStatus) -> Transition:
    before = notification("slack/team")
    return Transition(before=before, after=with_status(before, phase=phase, targets=targets))


@pytest.mark.parametrize(
    ("name", "team"),
    [
        (
            "fallback_rescues_total",
            TargetStatus(
                name="slack/team", state=TargetState.REFUSED, reason=TargetReason.DELIVERED_BY_FALLBACK
            ),
        ),
        (
            "rate_limited_total",
            TargetStatus(
                name="slack/team", state=TargetState.SUPPRESSED, suppressed_by=Reason.RATE_LIMITED.value
            ),
        ),
    ],
)
def test_missed_message_is_counted_once_by_its_receiver(name: str, team: TargetStatus) -> None:
    metrics = Metrics()
    observer = MetricsObserver(metrics)
    mail = TargetStatus(name="email/mail", state=TargetState.DELIVERED)
    for phase in (Phase.RETRYING, Phase.SENT, Phase.PARTIALLY_SENT):
        observer.on_transition(ended(phase, team, mail))
    observer.on_transition(ended(Phase.SENT, mail))
    counted = [
        (sample.labels, sample.value)
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"kubernaut_notification_{name}"
    ]
    assert counted == [({"receiver": "shop/team"}, 2)]
    observer.forget(ReceiverKey("shop", "team"))
    assert f"{name}{{".encode() not in generate_latest(metrics.registry)


def test_namespaces_past_the_first_thousand_share_a_series() -> None:
    metrics = Metrics()
    observer = MetricsObserver(metrics)
    for number in range(1_500):
        transition = ended(Phase.SENT)
        status = replace(transition.after.status, reason=Reason.ONLY_LOGGED)
        after = replace(transition.after, namespace=f"n{number}", status=status)
        observer.on_transition(replace(transition, after=after))
    value, name = metrics.registry.get_sample_value, "kubernaut_notification_only_logged_total"
    assert value(name, {"notification_namespace": "n999"}) == 1
    assert value(name, {"notification_namespace": "other"}) == 500
