"""The labels of delivery metrics: a channel, and a receiver that exists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from notification_contract.kinds.choices import Phase
from notification_operator.observers.publisher import MetricsObserver, Transition
from notification_operator.telemetry.metrics import Metrics
from tests.unit.operator.domain.builders import circuit_open, failure, notification, success, with_status

PREFIX = "kubernaut_notification_delivery_"


def counted(*targets: str) -> dict[tuple[str, str], float]:
    """Return the attempts by channel and receiver after one failure on each target."""
    metrics = Metrics()
    before = notification("console")
    after = with_status(before, phase=Phase.SENDING, attempts=tuple(failure(target) for target in targets))
    MetricsObserver(metrics).on_transition(Transition(before=before, after=after))
    (family,) = [each for each in metrics.registry.collect() if each.name == f"{PREFIX}attempts"]
    samples = [each for each in family.samples if each.name.endswith("_total")]
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


def test_recipients_of_a_receiver_are_counted_together() -> None:
    assert counted("email/smtp#00000000", "email/smtp#11111111") == {("email", "shop/smtp"): 2}


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
    assert metrics.registry.get_sample_value(f"{PREFIX}duration_seconds_count", labels) == 2
