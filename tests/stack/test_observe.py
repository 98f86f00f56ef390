"""Group observe: what the status, a watch and the metrics page show."""

import itertools
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.harness.eventually import eventually
from tests.harness.footprint import remembered
from tests.harness.notifications import fast, notification, policy, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, attempts, counts, failed, phases, succeeded

PREFIX = "kubernaut_notification_"
PHASES = ("Pending", "Sending", "Retrying", "Sent", "PartiallySent", "Failed")


@pytest.mark.check("observe-01")
def test_success_is_counted_in_status_and_metrics(breaker_operator: OperatorUnderTest) -> None:
    def delivered() -> float:
        return breaker_operator.metric(
            f"{PREFIX}delivery_attempts_total", channel="console", status="success"
        )

    before = idle(breaker_operator, delivered)

    status = breaker_operator.deliver(notification(breaker_operator.namespace), "Sent", within=30)["status"]

    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert status["completionTime"]
    wait_for_increment(delivered, before)
    page = breaker_operator.workload.page(9090, "metrics")
    for phase in PHASES:
        assert f'{PREFIX}reconciler_active{{phase="{phase}"}}' in page


@pytest.mark.check("observe-02")
def test_status_records_every_attempt(shipped_operator: OperatorUnderTest) -> None:
    obj = slack_notification(shipped_operator.namespace, retryPolicy=fast(5))
    unavailable = {"code": 503, "body": "service_unavailable"}
    shipped_operator.slack.answer(obj, unavailable, unavailable, {"code": 200})

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        status = shipped_operator.deliver(obj, "Sent", within=30)["status"]
        states = seen(obj["metadata"]["name"])

    totals = [state["status"].get("totalAttempts", 0) for state in states]
    assert [total for total, _ in itertools.groupby(totals)] == [0, 1, 2, 3]
    assert attempts(status) == [failed("slack", 1), failed("slack", 2), succeeded("slack", 3)]
    times = [datetime.fromisoformat(entry["timestamp"]) for entry in status["deliveryAttempts"]]
    assert times == sorted(times)
    assert counts(status) == Counts(delivered=1, failed=0, attempts=3)
    partly_given = slack_notification(shipped_operator.namespace, retryPolicy={"maxAttempts": 3})
    stored = shipped_operator.deliver(partly_given, "Sent", within=30)
    assert stored["spec"]["retryPolicy"] == policy(3, 30, 2, 480)
    assert counts(stored["status"]) == Counts(delivered=1, failed=0, attempts=1)


@pytest.mark.check("observe-03")
def test_delivery_duration_is_in_status_and_metrics(breaker_operator: OperatorUnderTest) -> None:
    def measured() -> float:
        return breaker_operator.metric(f"{PREFIX}delivery_duration_seconds_count", channel="console")

    before = idle(breaker_operator, measured)

    stored = breaker_operator.deliver(
        notification(breaker_operator.namespace, priority="high"), "Sent", within=30
    )

    created = datetime.fromisoformat(stored["metadata"]["creationTimestamp"])
    completed = datetime.fromisoformat(stored["status"]["completionTime"])
    assert 0 <= (completed - created).total_seconds() < 30
    wait_for_increment(measured, before)


@pytest.mark.check("observe-04")
def test_status_records_result_and_error_per_channel(shipped_operator: OperatorUnderTest) -> None:
    recipients = [{"email": "test@example.com"}, {"slack": "#test"}]
    accepted, refused = (
        notification(shipped_operator.namespace, channels=["console", "slack"], recipients=recipients)
        for _ in range(2)
    )
    shipped_operator.slack.answer(refused, {"code": 401, "body": "invalid_auth"})

    good = shipped_operator.deliver(accepted, "Sent", within=30)["status"]
    mixed = shipped_operator.deliver(refused, "PartiallySent", within=30)["status"]

    assert counts(good) == Counts(delivered=2, failed=0, attempts=2)
    assert sorted(attempts(good)) == [succeeded("console", 1), succeeded("slack", 1)]
    assert counts(mixed) == Counts(delivered=1, failed=1, attempts=2)
    assert sorted(attempts(mixed)) == [succeeded("console", 1), failed("slack", 1)]
    errors = {entry["channel"]: entry.get("error", "") for entry in mixed["deliveryAttempts"]}
    assert errors["console"] == ""
    assert "401" in errors["slack"]
    assert "invalid_auth" in errors["slack"]


@pytest.mark.check("observe-05")
def test_watch_shows_phases_in_order_with_their_reasons(shipped_operator: OperatorUnderTest) -> None:
    quick = notification(shipped_operator.namespace, priority="low")
    slow = slack_notification(shipped_operator.namespace, priority="low")

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        shipped_operator.deliver(quick, "Sent", within=30)
        shipped_operator.deliver_slowly(slow, "Sent")
        of_quick, of_slow = (seen(obj["metadata"]["name"]) for obj in (quick, slow))

    assert phases(of_quick) in (["Pending", "Sent"], ["Pending", "Sending", "Sent"])
    assert phases(of_slow) == ["Pending", "Sending", "Sent"]
    reasons = {"Pending": None, "Sending": "ProcessingDeliveries", "Sent": "AllDeliveriesSucceeded"}
    for state in of_quick + of_slow:
        assert state["status"].get("reason") == reasons[state["status"]["phase"]]


def idle(operator: OperatorUnderTest, metric: Callable[[], float]) -> float:
    """Return a counter once the deliveries of earlier tests are counted: the operator has nothing left to do."""
    eventually(lambda: remembered(operator), lambda kept: not kept, within=10)
    return metric()


def wait_for_increment(metric: Callable[[], float], before: float) -> None:
    """Wait for a counter to be one higher than before; it follows the status write with a delay."""
    assert eventually(metric, lambda value: value > before, within=5) == before + 1
