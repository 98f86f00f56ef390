"""Group edge: large messages, bursts, and how soon things are done."""

import time
from datetime import datetime
from typing import Any

import pytest

from tests.harness.cluster import Refused
from tests.harness.crowd import Crowd
from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import PREFIX, remembered
from tests.harness.notifications import notification, slack_notification
from tests.harness.readings import body
from tests.stack.suite import Suite

REQUEST_LIMIT = 3 * 1024 * 1024
"""Bytes that the API server reads of a request at most."""


@pytest.mark.check("edge-01")
def test_a_body_of_a_thousand_characters_is_delivered_within_ten_seconds(served: Suite) -> None:
    obj = notification(served.namespace, body="x" * 1_000)
    start = time.monotonic()

    served.deliver(obj, "Sent", within=30)

    assert time.monotonic() - start < 10


@pytest.mark.check("edge-02")
def test_a_body_as_large_as_the_api_server_takes_is_delivered_whole(served: Suite) -> None:
    line = "A line of sixty-one characters, its end included, of a body.\n"
    printed, posted = notification(served.namespace, body=line * 200), slack_notification(served.namespace)
    posted["spec"]["body"] = "0123456789abcdef" * (256 * 1024 // 16)
    refused = notification(served.namespace, body="x" * REQUEST_LIMIT)

    (message,) = served.console(served.deliver(printed, "Sent", within=45))
    hits = served.slack.hits(served.deliver(posted, "Sent", within=45))
    with pytest.raises(Refused) as refusal:
        served.cluster.create(refused)

    assert len(printed["spec"]["body"]) == 12_200
    assert message == f"[medium] [simple] {printed['spec']['subject']}\n{printed['spec']['body']}\n"
    assert body(*hits) == posted["spec"]["body"]
    assert refusal.value.code == 413
    assert served.cluster.get(served.namespace, refused["metadata"]["name"]) is None


@pytest.mark.check("edge-03")
def test_twenty_large_notifications_are_all_delivered_within_two_minutes(served: Suite) -> None:
    crowd = Crowd(served.cluster, served.namespace)
    start = time.monotonic()

    crowd.create(20, body="x" * 6_000)
    crowd.all_in("Sent", within=90)

    assert time.monotonic() - start < 120
    crowd.purge()


@pytest.mark.check("edge-04")
def test_a_quick_receiver_makes_a_quick_delivery(served: Suite) -> None:
    obj = slack_notification(served.namespace, priority="high")
    start = time.monotonic()

    served.deliver(obj, "Sent", within=15)

    assert time.monotonic() - start < 10


@pytest.mark.check("edge-05")
def test_small_urgent_notifications_are_not_held_up_by_large_ones_before_them(served: Suite) -> None:
    crowd = Crowd(served.cluster, served.namespace)

    crowd.create(10, priority="low", body="x" * 5_100)
    crowd.create(10, priority="medium", body="x" * 1_050)
    crowd.create(10, priority="high", body="short")
    delivered = crowd.all_in("Sent", within=90)

    assert [obj["status"]["totalAttempts"] for obj in delivered] == [1] * 30
    assert max(latency(obj) for obj in delivered if obj["spec"]["priority"] == "high") < 10
    crowd.purge()


@pytest.mark.check("edge-06")
def test_after_a_burst_of_forty_nothing_is_left_to_do_or_to_remember(guarded: Suite) -> None:
    crowd = Crowd(guarded.cluster, guarded.namespace)

    crowd.create(40)
    crowd.all_in("Sent", within=90)

    assert len(crowd.printed(guarded)) == 40
    crowd.purge(within=10)
    eventually(lambda: remembered(guarded), lambda figures: not figures, within=10)
    passes = f"{PREFIX}reconciler_duration_seconds_count"
    before = guarded.metric(passes)
    steadily(lambda: guarded.metric(passes), lambda now: now == before, during=5)
    assert remembered(guarded) == {}


def latency(obj: dict[str, Any]) -> float:
    """Return the seconds from the creation of a notification to its end."""
    created = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
    completed = datetime.fromisoformat(obj["status"]["completionTime"])
    return (completed - created).total_seconds()
