"""Group edge: large messages, bursts, and latency."""

import time

import pytest

from tests.harness.cluster import Refused
from tests.harness.crowd import Crowd
from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import PREFIX, remembered
from tests.harness.notifications import notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import body, latency

REQUEST_LIMIT = 3 * 1024 * 1024
"""The largest request that the API server reads, in bytes."""


@pytest.mark.check("edge-01")
def test_body_of_1000_characters_is_delivered_within_ten_seconds(shipped_operator: OperatorUnderTest) -> None:
    obj = notification(shipped_operator.namespace, body="x" * 1_000)

    assert latency(shipped_operator.deliver(obj, "Sent", within=30)) < 10


@pytest.mark.check("edge-02")
def test_largest_storable_body_is_delivered_whole(shipped_operator: OperatorUnderTest) -> None:
    line = "A line of sixty-one characters, its end included, of a body.\n"
    printed, posted = (
        notification(shipped_operator.namespace, body=line * 200),
        slack_notification(shipped_operator.namespace),
    )
    posted["spec"]["body"] = "0123456789abcdef" * (256 * 1024 // 16)
    refused = notification(shipped_operator.namespace, body="x" * REQUEST_LIMIT)

    (message,) = shipped_operator.console(shipped_operator.deliver(printed, "Sent", within=45))
    hits = shipped_operator.slack.hits(shipped_operator.deliver(posted, "Sent", within=45))
    with pytest.raises(Refused) as refusal:
        shipped_operator.cluster.create(refused)

    assert len(printed["spec"]["body"]) == 12_200
    assert message == f"[medium] [simple] {printed['spec']['subject']}\n{printed['spec']['body']}\n"
    assert body(*hits) == posted["spec"]["body"]
    assert refusal.value.code == 413
    assert shipped_operator.cluster.get(shipped_operator.namespace, refused["metadata"]["name"]) is None


@pytest.mark.check("edge-03")
def test_twenty_large_notifications_are_delivered_within_two_minutes(
    shipped_operator: OperatorUnderTest,
) -> None:
    crowd = Crowd(shipped_operator.cluster, shipped_operator.namespace)
    start = time.monotonic()

    crowd.create(20, body="x" * 6_000)
    crowd.all_in("Sent", within=90)

    assert time.monotonic() - start < 120
    crowd.purge()


@pytest.mark.check("edge-04")
def test_quick_receiver_leads_to_a_quick_delivery(shipped_operator: OperatorUnderTest) -> None:
    obj = slack_notification(shipped_operator.namespace, priority="high")

    assert latency(shipped_operator.deliver(obj, "Sent", within=15)) < 10


@pytest.mark.check("edge-05")
def test_small_urgent_notifications_are_not_delayed_by_large_ones(
    shipped_operator: OperatorUnderTest,
) -> None:
    crowd = Crowd(shipped_operator.cluster, shipped_operator.namespace)

    crowd.create(10, priority="low", body="x" * 5_100)
    crowd.create(10, priority="medium", body="x" * 1_050)
    crowd.create(10, priority="high", body="short")
    delivered = crowd.all_in("Sent", within=90)

    assert [obj["status"]["totalAttempts"] for obj in delivered] == [1] * 30
    assert max(latency(obj) for obj in delivered if obj["spec"]["priority"] == "high") < 10
    crowd.purge()


@pytest.mark.check("edge-06")
def test_burst_of_forty_leaves_no_work_and_no_state(breaker_operator: OperatorUnderTest) -> None:
    crowd = Crowd(breaker_operator.cluster, breaker_operator.namespace)

    crowd.create(40)
    crowd.all_in("Sent", within=90)

    assert len(crowd.printed(breaker_operator)) == 40
    crowd.purge(within=10)
    eventually(lambda: remembered(breaker_operator), lambda kept: not kept, within=10)
    reconciliations = f"{PREFIX}reconciler_duration_seconds_count"
    before = breaker_operator.metric(reconciliations)
    steadily(lambda: breaker_operator.metric(reconciliations), lambda now: now == before, during=5)
    assert remembered(breaker_operator) == {}
