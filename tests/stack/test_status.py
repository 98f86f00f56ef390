"""Group status: conflicts, late watches, failed writes, deletions, times and sizes."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.readings import counts, tries
from tests.harness.whereabouts import arrivals
from tests.stack.suite import Suite

TEST = [{"slack": "#test"}]
RECOVERING: tuple[dict[str, int], ...] = ({"code": 503}, {})
TWO_TRIES = [("slack", 1, "failed"), ("slack", 2, "success")]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.check("status-01")
def test_neither_a_conflict_nor_a_late_watch_leads_to_a_second_delivery(troubled: Suite) -> None:
    obj = notification(troubled.namespace, recipients=TEST)
    write = {"verb": "update", "subresource": "status", "name": obj["metadata"]["name"]}
    troubled.proxy.fail(**write, containing='"phase":"Sent"', code=409)

    status = troubled.deliver(obj, "Sent", within=20)["status"]

    assert [request["code"] for request in troubled.proxy.requests(**write)] == [409, 200]
    assert counts(status) == (1, 0, 1)
    assert arrivals(troubled, obj) == {"console": 1}

    retried = slack_notification(troubled.namespace, retryPolicy=fast(5))
    troubled.slack.answer(retried, *RECOVERING)
    with troubled.proxy.lag(2):
        status = troubled.deliver(retried, "Sent", within=20)["status"]
        assert tries(status) == TWO_TRIES
        steadily(lambda: troubled.slack.hits(retried), lambda hits: len(hits) == 2, during=3)


@pytest.mark.check("status-02")
def test_the_times_of_a_notification_are_in_order(served: Suite) -> None:
    obj = served.deliver(notification(served.namespace, recipients=TEST), "Sent", within=15)
    now = datetime.now(UTC)

    created, status = moment(obj["metadata"]["creationTimestamp"]), obj["status"]
    completed = moment(status["completionTime"])
    assert created <= moment(status["deliveryAttempts"][0]["timestamp"]) <= completed <= now
    assert moment(status["queuedAt"]) <= completed
    assert now - completed < timedelta(seconds=30)


@pytest.mark.check("status-03")
def test_a_write_that_failed_or_whose_answer_was_lost_costs_neither_a_delivery_nor_a_record(
    troubled: Suite,
) -> None:
    obj = notification(troubled.namespace, recipients=TEST)
    write = {"verb": "update", "subresource": "status", "name": obj["metadata"]["name"]}
    troubled.proxy.fail(**write, code=500)

    status = troubled.deliver(obj, "Sent", within=20)["status"]

    assert [request["code"] for request in troubled.proxy.requests(**write)] == [500, 200]
    assert status["completionTime"]
    assert (counts(status), tries(status)) == ((1, 0, 1), [("console", 1, "success")])
    assert arrivals(troubled, obj) == {"console": 1}

    retried = slack_notification(troubled.namespace, retryPolicy=fast(5))
    troubled.slack.answer(retried, *RECOVERING)
    write["name"] = retried["metadata"]["name"]
    troubled.proxy.fail(**write, code=500, after=True)
    status = troubled.deliver(retried, "Sent", within=20)["status"]
    assert tries(status) == TWO_TRIES
    assert len(troubled.slack.hits(retried)) == 2


@pytest.mark.check("status-04")
def test_a_notification_deleted_during_its_delivery_is_gone_and_troubles_nobody(served: Suite) -> None:
    obj = slack_notification(served.namespace)
    name = obj["metadata"]["name"]
    served.slack.answer(obj, {"delay": 2})
    served.create(obj)
    served.slack.hit(obj)

    served.cluster.delete(served.namespace, name)

    assert served.cluster.get(served.namespace, name) is None
    eventually(lambda: [hit["completed"] for hit in served.slack.hits(obj)], lambda done: done == [True])
    calls = served.api_calls(obj)
    steadily(lambda: served.api_calls(obj), lambda seen: len(seen) <= len(calls) + 1, during=3, every=0.5)
    assert name not in served.errors()
    assert served.cluster.get(served.namespace, name) is None
    served.deliver(notification(served.namespace), "Sent", within=10)


@pytest.mark.check("status-05")
def test_the_text_of_a_receivers_error_is_stored_as_it_came_and_every_try_is_recorded(served: Suite) -> None:
    told = 'says "no"\n\tat \\\\server\\share: {"ok": false, "why": "nicht möglich, 不可能, невозможно"} \U0001f6a8'
    obj = slack_notification(served.namespace, body='a "quoted" line\n\tand one more', retryPolicy=fast(5))
    served.slack.answer(obj, {"code": 500, "body": told})

    status = served.deliver(obj, "Failed", within=45)["status"]

    attempts = status["deliveryAttempts"]
    assert [attempt["attempt"] for attempt in attempts] == [1, 2, 3, 4, 5]
    assert (status["reason"], status["failedDeliveries"]) == ("MaxRetriesExhausted", 1)
    for attempt in attempts:
        assert "500" in attempt["error"]
        assert told in attempt["error"]
    span = moment(attempts[-1]["timestamp"]) - moment(attempts[0]["timestamp"])
    assert timedelta(seconds=13) <= span <= timedelta(seconds=20)


@pytest.mark.check("status-06")
def test_a_status_holds_many_tries_and_the_last_one_ends_it_without_a_further_pause(served: Suite) -> None:
    obj = slack_notification(served.namespace, retryPolicy=fast(7))
    served.slack.answer(obj, {"code": 503, "body": "service_unavailable"})

    status = served.deliver(obj, "Failed", within=90)["status"]

    assert tries(status) == [("slack", number, "failed") for number in range(1, 8)]
    assert counts(status) == (0, 1, 7)
    assert len(json.dumps(status)) < 1_000_000
