"""Group status: conflicts, stale watches, failed writes, deletions, times and sizes."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.harness.cluster import Object
from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import (
    Counts,
    arrivals,
    attempts,
    counts,
    failed,
    follow,
    phases,
    planned,
    succeeded,
)

TEST = [{"slack": "#test"}]
RECOVERING: tuple[dict[str, int], ...] = ({"code": 503}, {})
TWO_ATTEMPTS = [failed("slack", 1), succeeded("slack", 2)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def delivered(operator: OperatorUnderTest, obj: Object) -> tuple[Object, list[int]]:
    """Deliver a notification; return its status, and the code of the write that shows it as Sending if it takes long."""
    with operator.cluster.watch(operator.namespace) as seen:
        status: Object = operator.deliver(obj, "Sent", within=20)["status"]
        shown = phases(seen(obj["metadata"]["name"]))
    return status, [200] * shown.count("Sending")


@pytest.mark.check("status-01")
def test_conflict_or_stale_watch_causes_no_second_delivery(proxied_operator: OperatorUnderTest) -> None:
    obj = notification(proxied_operator.namespace, recipients=TEST)
    write = {"verb": "update", "subresource": "status", "name": obj["metadata"]["name"]}
    proxied_operator.proxy.fail(**write, containing='"phase":"Sent"', code=409)

    status, shown = delivered(proxied_operator, obj)

    codes = [request["code"] for request in proxied_operator.proxy.requests(**write)]
    assert codes == [*shown, 409, 200]
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert arrivals(proxied_operator, obj) == {"console": 1}

    retried = slack_notification(proxied_operator.namespace, retryPolicy=fast(5))
    proxied_operator.slack.answer(retried, *RECOVERING)
    with proxied_operator.proxy.lag(2):
        status = proxied_operator.deliver(retried, "Sent", within=20)["status"]
        assert attempts(status) == TWO_ATTEMPTS
        steadily(lambda: proxied_operator.slack.hits(retried), lambda hits: len(hits) == 2, during=3)


@pytest.mark.check("status-02")
def test_status_timestamps_are_in_order(shipped_operator: OperatorUnderTest) -> None:
    obj = shipped_operator.deliver(
        notification(shipped_operator.namespace, recipients=TEST), "Sent", within=15
    )
    now = datetime.now(UTC)

    created, status = moment(obj["metadata"]["creationTimestamp"]), obj["status"]
    completed = moment(status["completionTime"])
    assert created <= moment(status["deliveryAttempts"][0]["timestamp"]) <= completed <= now
    assert moment(status["queuedAt"]) <= completed
    assert now - completed < timedelta(seconds=30)


@pytest.mark.check("status-03")
def test_failed_write_or_lost_response_loses_no_attempt_record(
    proxied_operator: OperatorUnderTest,
) -> None:
    obj = notification(proxied_operator.namespace, recipients=TEST)
    write = {"verb": "update", "subresource": "status", "name": obj["metadata"]["name"]}
    proxied_operator.proxy.fail(**write, code=500)

    status, shown = delivered(proxied_operator, obj)

    codes = [request["code"] for request in proxied_operator.proxy.requests(**write)]
    assert codes == [500, *shown, 200]
    assert status["completionTime"]
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert attempts(status) == [succeeded("console", 1)]
    assert arrivals(proxied_operator, obj) == {"console": 1}

    retried = slack_notification(proxied_operator.namespace, retryPolicy=fast(5))
    proxied_operator.slack.answer(retried, *RECOVERING)
    write["name"] = retried["metadata"]["name"]
    proxied_operator.proxy.fail(**write, code=500, after=True)
    status = proxied_operator.deliver(retried, "Sent", within=20)["status"]
    assert attempts(status) == TWO_ATTEMPTS
    assert len(proxied_operator.slack.hits(retried)) == 2


@pytest.mark.check("status-04")
def test_notification_deleted_during_delivery_causes_no_error(shipped_operator: OperatorUnderTest) -> None:
    obj = slack_notification(shipped_operator.namespace)
    name = obj["metadata"]["name"]
    shipped_operator.slack.answer(obj, {"held": True})
    shipped_operator.create(obj)
    shipped_operator.slack.hit(obj)

    shipped_operator.cluster.delete(shipped_operator.namespace, name)

    assert shipped_operator.cluster.get(shipped_operator.namespace, name) is None
    shipped_operator.slack.answer(obj)
    eventually(
        lambda: [hit["completed"] for hit in shipped_operator.slack.hits(obj)], lambda done: done == [True]
    )
    calls = shipped_operator.api_calls(obj)
    steadily(
        lambda: shipped_operator.api_calls(obj), lambda seen: len(seen) <= len(calls) + 1, during=3, every=0.5
    )
    assert name not in shipped_operator.errors()
    assert shipped_operator.cluster.get(shipped_operator.namespace, name) is None
    shipped_operator.deliver(notification(shipped_operator.namespace), "Sent", within=10)


@pytest.mark.check("status-05")
def test_receiver_error_text_is_stored_verbatim_for_every_attempt(
    shipped_operator: OperatorUnderTest,
) -> None:
    message = 'says "no"\n\tat \\\\server\\share: {"ok": false, "why": "nicht möglich, 不可能, невозможно"} \U0001f6a8'
    obj = slack_notification(
        shipped_operator.namespace, body='a "quoted" line\n\tand one more', retryPolicy=fast(5)
    )
    shipped_operator.slack.answer(obj, {"code": 500, "body": message})

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        status = shipped_operator.deliver(obj, "Failed", within=45)["status"]
        states = seen(obj["metadata"]["name"])

    attempts = status["deliveryAttempts"]
    assert [attempt["attempt"] for attempt in attempts] == [1, 2, 3, 4, 5]
    assert (status["reason"], status["failedDeliveries"]) == ("MaxRetriesExhausted", 1)
    for attempt in attempts:
        assert "500" in attempt["error"]
        assert message in attempt["error"]
    hits = shipped_operator.slack.hits(obj)
    assert follow(planned(states), hits, 1, 2, 4, 8), (planned(states), hits)


@pytest.mark.check("status-06")
def test_status_holds_many_attempts_and_the_last_ends_it_without_delay(
    shipped_operator: OperatorUnderTest,
) -> None:
    obj = slack_notification(shipped_operator.namespace, retryPolicy=fast(7))
    shipped_operator.slack.answer(obj, {"code": 503, "body": "service_unavailable"})

    status = shipped_operator.deliver(obj, "Failed", within=90)["status"]

    assert attempts(status) == [failed("slack", number) for number in range(1, 8)]
    assert counts(status) == Counts(delivered=0, failed=1, attempts=7)
    assert len(json.dumps(status)) < 1_000_000
