"""Group observe: what can be read from the status, a watch and the metrics page."""

import itertools
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.harness.eventually import eventually
from tests.harness.notifications import fast, notification, policy, slack_notification
from tests.harness.readings import counts, phases, tries
from tests.stack.suite import Suite

PREFIX = "kubernaut_notification_"
PHASES = ("Pending", "Sending", "Retrying", "Sent", "PartiallySent", "Failed")


@pytest.mark.check("observe-01")
def test_a_success_is_counted_in_the_status_and_on_the_metrics_page(guarded: Suite) -> None:
    def delivered() -> float:
        return guarded.metric(f"{PREFIX}delivery_attempts_total", channel="console", status="success")

    before = delivered()

    status = guarded.deliver(notification(guarded.namespace), "Sent", within=30)["status"]

    assert counts(status) == (1, 0, 1)
    assert status["completionTime"]
    rises_by_one(delivered, before)
    page = guarded.operator.page(9090, "metrics")
    for phase in PHASES:
        assert f'{PREFIX}reconciler_active{{phase="{phase}"}}' in page


@pytest.mark.check("observe-02")
def test_each_try_can_be_followed_in_the_status(served: Suite) -> None:
    obj = slack_notification(served.namespace, retryPolicy=fast(5))
    unavailable = {"code": 503, "body": "service_unavailable"}
    served.slack.answer(obj, unavailable, unavailable, {"code": 200})

    with served.cluster.watch(served.namespace) as seen:
        status = served.deliver(obj, "Sent", within=30)["status"]
        states = seen(obj["metadata"]["name"])

    totals = [state["status"].get("totalAttempts", 0) for state in states]
    assert [total for total, _ in itertools.groupby(totals)] == [0, 1, 2, 3]
    assert tries(status) == [("slack", 1, "failed"), ("slack", 2, "failed"), ("slack", 3, "success")]
    times = [datetime.fromisoformat(entry["timestamp"]) for entry in status["deliveryAttempts"]]
    assert times == sorted(times)
    assert counts(status) == (1, 0, 3)
    partly_given = slack_notification(served.namespace, retryPolicy={"maxAttempts": 3})
    stored = served.deliver(partly_given, "Sent", within=30)
    assert stored["spec"]["retryPolicy"] == policy(3, 30, 2, 480)
    assert counts(stored["status"]) == (1, 0, 1)


@pytest.mark.check("observe-03")
def test_the_time_a_delivery_took_can_be_read_from_the_status_and_the_metrics_page(guarded: Suite) -> None:
    def measured() -> float:
        return guarded.metric(f"{PREFIX}delivery_duration_seconds_count", channel="console")

    before = measured()

    stored = guarded.deliver(notification(guarded.namespace, priority="high"), "Sent", within=30)

    created = datetime.fromisoformat(stored["metadata"]["creationTimestamp"])
    completed = datetime.fromisoformat(stored["status"]["completionTime"])
    assert 0 <= (completed - created).total_seconds() < 30
    rises_by_one(measured, before)


@pytest.mark.check("observe-04")
def test_the_status_tells_for_each_channel_whether_it_was_served_and_why_not(served: Suite) -> None:
    recipients = [{"email": "test@example.com"}, {"slack": "#test"}]
    accepted, refused = (
        notification(served.namespace, channels=["console", "slack"], recipients=recipients) for _ in range(2)
    )
    served.slack.answer(refused, {"code": 401, "body": "invalid_auth"})

    good = served.deliver(accepted, "Sent", within=30)["status"]
    mixed = served.deliver(refused, "PartiallySent", within=30)["status"]

    assert counts(good) == (2, 0, 2)
    assert sorted(tries(good)) == [("console", 1, "success"), ("slack", 1, "success")]
    assert counts(mixed) == (1, 1, 2)
    assert sorted(tries(mixed)) == [("console", 1, "success"), ("slack", 1, "failed")]
    errors = {entry["channel"]: entry.get("error", "") for entry in mixed["deliveryAttempts"]}
    assert errors["console"] == ""
    assert "401" in errors["slack"]
    assert "invalid_auth" in errors["slack"]


@pytest.mark.check("observe-05")
def test_a_watch_shows_the_phases_in_their_order_and_each_with_its_reason(served: Suite) -> None:
    quick = notification(served.namespace, priority="low")
    slow = slack_notification(served.namespace, priority="low")
    served.slack.answer(slow, {"delay": 1})

    with served.cluster.watch(served.namespace) as seen:
        for obj in (quick, slow):
            served.deliver(obj, "Sent", within=30)
        of_quick, of_slow = (seen(obj["metadata"]["name"]) for obj in (quick, slow))

    assert phases(of_quick) in (["Pending", "Sent"], ["Pending", "Sending", "Sent"])
    assert phases(of_slow) == ["Pending", "Sending", "Sent"]
    reasons = {"Pending": None, "Sending": "ProcessingDeliveries", "Sent": "AllDeliveriesSucceeded"}
    for state in of_quick + of_slow:
        assert state["status"].get("reason") == reasons[state["status"]["phase"]]


def rises_by_one(metric: Callable[[], float], before: float) -> None:
    """See a counter one higher than before; it follows the write of the status by a moment."""
    assert eventually(metric, lambda value: value > before, within=5) == before + 1
