"""Group waiting: what waits for a receiver is visible, and the most urgent message is the first to go."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import PREFIX
from tests.harness.notifications import FLAT1, addressed, fast, policy

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod

URGENT_WITHIN = 15.0


def waiting(operator: OperatorUnderTest, receiver: StoredReceiver, reason: str = "") -> float:
    """Return how many messages wait for a receiver, for any reason or for one, by the metric."""
    labels = {"receiver": receiver.label} | ({"reason": reason} if reason else {})
    return operator.metric(f"{PREFIX}receiver_waiting", pod=None, **labels)


def oldest(operator: OperatorUnderTest, receiver: StoredReceiver) -> float:
    """Return the age of the oldest of them in seconds; 0 without any."""
    return operator.metric(f"{PREFIX}receiver_oldest_waiting_seconds", receiver=receiver.label)


def waits(operator: OperatorUnderTest, receiver: StoredReceiver, count: int, reason: str = "") -> None:
    """Wait until so many messages wait for a receiver."""
    eventually(lambda: waiting(operator, receiver, reason), lambda number: number == count, within=15)


def attempts_of(operator: OperatorUnderTest, obj: dict[str, Any]) -> list[Any]:
    attempts: list[Any] = operator.stored(obj)["status"].get("deliveryAttempts", [])
    return attempts


def reasons_of(operator: OperatorUnderTest, obj: dict[str, Any]) -> list[str]:
    """Return the reason of each target, as the status shows it."""
    return [each.get("reason", "") for each in operator.stored(obj)["status"].get("targets", [])]


@pytest.mark.check("waiting-01")
def test_metric_counts_what_waits_for_a_suspended_receiver(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", suspend=True).suspended()
    objects = [addressed(receivers_operator.namespace, receiver) for _ in range(3)]
    for obj in objects:
        receivers_operator.create(obj)
    waits(receivers_operator, receiver, 3, reason="Suspended")
    assert all(reasons_of(receivers_operator, obj) == ["Suspended"] for obj in objects)

    receiver.patch(suspend=False)

    for obj in objects:
        receivers_operator.status(obj, "Sent")
        assert reasons_of(receivers_operator, obj) == [""]
    waits(receivers_operator, receiver, 0)
    assert oldest(receivers_operator, receiver) == 0


@pytest.mark.check("waiting-02")
def test_metric_and_status_name_what_is_waited_for(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    failing, limited, pausing, unready = (
        receivers.add(),
        receivers.add(rateLimit={"count": 1, "period": "1h", "overflow": "Defer"}),
        receivers.add(),
        receivers.add(secret=False, onReceiverError="Hold"),
    )
    for receiver in (failing, limited, pausing):
        receiver.ready()
    unready.wait("ResolvedRefs", "False", "SecretNotFound")
    failing.account.answer({"code": 503})
    pausing.account.answer({"code": 429, "headers": {"Retry-After": "60"}})
    # The operator knows of the pause, and of the limit, as soon as it has recorded an attempt.
    for receiver in (limited, pausing):
        obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
        receivers_operator.create(obj)
        eventually(partial(attempts_of, receivers_operator, obj), bool)

    for receiver, reason in (
        (failing, "Backoff"),
        (limited, "RateLimited"),
        (pausing, "Paused"),
        (unready, "ReceiverNotReady"),
    ):
        is_shown(receivers_operator, receiver, reason)


def is_shown(operator: OperatorUnderTest, receiver: StoredReceiver, reason: str) -> None:
    """Create a message that has to wait, and wait until its status and the metric say for what."""
    obj = addressed(operator.namespace, receiver, retryPolicy=policy(2, 60, 1))
    operator.create(obj)
    eventually(lambda: reasons_of(operator, obj), lambda seen: seen == [reason])
    eventually(lambda: waiting(operator, receiver, reason), lambda number: number > 0, within=15)


@pytest.mark.check("waiting-03")
def test_age_of_the_oldest_is_that_of_what_still_waits(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", suspend=True).suspended()
    first = receivers_operator.create(addressed(receivers_operator.namespace, receiver))
    time.sleep(8)
    second = receivers_operator.create(addressed(receivers_operator.namespace, receiver))
    waits(receivers_operator, receiver, 2)

    def is_age_since(created: str) -> bool:
        begin = datetime.fromisoformat(created)
        before = (datetime.now(UTC) - begin).total_seconds()
        age = oldest(receivers_operator, receiver)
        return before - 3 < age < (datetime.now(UTC) - begin).total_seconds() + 3

    assert is_age_since(first["metadata"]["creationTimestamp"])
    receivers_operator.purge(first)
    waits(receivers_operator, receiver, 1)
    assert is_age_since(second["metadata"]["creationTimestamp"])


@pytest.mark.check("waiting-04")
def test_column_shows_how_many_messages_wait(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", suspend=True).suspended()
    objects = [addressed(receivers_operator.namespace, receiver) for _ in range(2)]
    for obj in objects:
        receivers_operator.create(obj)
    waits(receivers_operator, receiver, 2)

    # A change of the spec is written at once, and a number alone after a minute.
    receiver.patch(description="two wait")
    eventually(receiver.row, lambda row: row["Waiting"] == 2, within=15)

    receiver.patch(suspend=False)
    for obj in objects:
        receivers_operator.status(obj, "Sent")
    waits(receivers_operator, receiver, 0)
    receiver.patch(description="none waits")
    eventually(receiver.row, lambda row: row["Waiting"] == 0, within=15)


@pytest.mark.check("waiting-05")
def test_critical_message_passes_a_hundred_low_ones_at_a_rate_limit(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    limit = {"count": 1, "period": "2s", "overflow": "Defer"}
    receiver = receivers.add("webhook", rateLimit=limit).ready()
    lows = [addressed(receivers_operator.namespace, receiver, priority="low") for _ in range(100)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(receivers_operator.create, lows))
    receiver.account.hit(2)
    eventually(lambda: waiting(receivers_operator, receiver), lambda count: count > 80)

    urgent = addressed(receivers_operator.namespace, receiver, priority="critical")
    receivers_operator.deliver(urgent, "Sent", within=URGENT_WITHIN)

    assert waiting(receivers_operator, receiver) > 50


@pytest.mark.check("waiting-06")
def test_message_before_its_time_does_not_count_as_waiting(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", suspend=True).suspended()
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    receivers_operator.create(addressed(receivers_operator.namespace, receiver, notBefore=later))
    due = receivers_operator.create(addressed(receivers_operator.namespace, receiver))
    waits(receivers_operator, receiver, 1)

    receivers_operator.purge(due)

    waits(receivers_operator, receiver, 0)
    steadily(lambda: waiting(receivers_operator, receiver), lambda number: number == 0, during=3)


@pytest.mark.check("waiting-07")
def test_what_waits_is_counted_again_after_a_restart(stoppable_operator: OperatorUnderTest) -> None:
    with stoppable_operator.receivers() as receivers:
        suspended, working = receivers.add("webhook", suspend=True), receivers.add("webhook")
        suspended.suspended()
        working.ready()
        stoppable_operator.create(addressed(stoppable_operator.namespace, suspended))
        waits(stoppable_operator, suspended, 1, reason="Suspended")

        stoppable_operator.workload.kill()
        stoppable_operator.deliver(addressed(stoppable_operator.namespace, working), "Sent", within=60)

        waits(stoppable_operator, suspended, 1, reason="Suspended")


@pytest.mark.check("waiting-08")
def test_message_behind_an_open_breaker_is_counted_until_it_is_sent(
    breaker_operator: OperatorUnderTest,
) -> None:
    with breaker_operator.receivers() as receivers:
        receiver = receivers.add().ready()
        receiver.account.answer({"code": 503})
        objects = [addressed(breaker_operator.namespace, receiver, retryPolicy=fast(10)) for _ in range(5)]
        for obj in objects:
            breaker_operator.create(obj)
        eventually(lambda: waiting(breaker_operator, receiver, "CircuitOpen"), lambda number: number > 0)

        receiver.account.answer({})

        for obj in objects:
            breaker_operator.status(obj, "Sent", within=60)
        waits(breaker_operator, receiver, 0)
