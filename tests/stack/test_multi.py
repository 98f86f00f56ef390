"""Group multi: several channels of one notification, each on its own."""

import pytest

from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.readings import counts, follow, pauses, phases, tries
from tests.stack.suite import Suite

UNAVAILABLE = {"code": 503, "body": "service_unavailable"}


@pytest.mark.check("multi-01")
def test_the_console_alone_serves_a_notification(served: Suite) -> None:
    obj = notification(served.namespace, priority="low")

    status = served.deliver(obj, "Sent", within=10)["status"]

    assert counts(status) == (1, 0, 1)


@pytest.mark.check("multi-02")
def test_a_channel_that_is_down_is_tried_to_the_limit_while_the_other_one_is_served_once(
    served: Suite,
) -> None:
    obj = notification(
        served.namespace,
        channels=["slack", "console"],
        recipients=[{"slack": "#test"}, {"email": "test@example.com"}],
        retryPolicy=fast(3),
    )
    served.slack.answer(obj, UNAVAILABLE)

    with served.cluster.watch(served.namespace) as seen:
        stored = served.deliver(obj, "PartiallySent", within=20)
        shown = phases(seen(obj["metadata"]["name"]))

    status = stored["status"]
    assert "Retrying" in shown
    assert (status["reason"], counts(status)) == ("PartialDeliverySuccess", (1, 1, 4))
    assert sorted(tries(status)) == [
        ("console", 1, "success"),
        ("slack", 1, "failed"),
        ("slack", 2, "failed"),
        ("slack", 3, "failed"),
    ]
    hits = served.slack.hits(stored)
    assert len(hits) == 3
    assert follow(pauses(hits), 1, 2), pauses(hits)
    assert len(served.console(stored)) == 1


@pytest.mark.check("multi-03")
def test_the_only_channel_staying_down_ends_in_failed_without_ever_looking_like_a_partial_success(
    served: Suite,
) -> None:
    obj = slack_notification(served.namespace, retryPolicy=fast(3))
    served.slack.answer(obj, UNAVAILABLE)

    with served.cluster.watch(served.namespace) as seen:
        stored = served.deliver(obj, "Failed", within=30)
        shown = phases(seen(obj["metadata"]["name"]))

    status = stored["status"]
    assert shown == ["Pending", "Sending", "Failed"]
    assert (status["reason"], counts(status)) == ("MaxRetriesExhausted", (0, 1, 3))
    assert tries(status) == [("slack", number, "failed") for number in (1, 2, 3)]
    hits = served.slack.hits(stored)
    assert len(hits) == 3
    assert follow(pauses(hits), 1, 2), pauses(hits)
