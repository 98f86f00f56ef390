"""Group phase: the way from Pending to an end, and that the end is one."""

from typing import Any

import pytest

from tests.harness.eventually import steadily
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.readings import counts, phases, tries
from tests.stack.suite import Suite

REFUSED = {"code": 401, "body": "invalid_auth"}
EMAIL = [{"email": "test@example.com"}]
WITHOUT_SENDING_IF_QUICK = ("Pending", "Sent"), ("Pending", "Sending", "Sent")


@pytest.mark.check("phase-01")
def test_a_notification_goes_from_pending_to_sent_and_shows_sending_when_it_takes_its_time(
    served: Suite,
) -> None:
    quick, slow = notification(served.namespace), slack_notification(served.namespace)
    served.slack.answer(slow, {"delay": 1})

    with served.cluster.watch(served.namespace) as seen:
        statuses = [served.deliver(obj, "Sent", within=30)["status"] for obj in (quick, slow)]
        shown = [phases(seen(obj["metadata"]["name"])) for obj in (quick, slow)]

    assert tuple(shown[0]) in WITHOUT_SENDING_IF_QUICK
    assert shown[1] == ["Pending", "Sending", "Sent"]
    for status in statuses:
        assert (status["reason"], counts(status)) == ("AllDeliveriesSucceeded", (1, 0, 1))
        assert status["completionTime"]


@pytest.mark.check("phase-02")
def test_a_notification_that_is_refused_everywhere_ends_in_failed(served: Suite) -> None:
    obj = slack_notification(served.namespace, recipients=EMAIL, retryPolicy=fast(1))
    served.slack.answer(obj, REFUSED | {"delay": 1})

    with served.cluster.watch(served.namespace) as seen:
        status = served.deliver(obj, "Failed", within=30)["status"]
        shown = phases(seen(obj["metadata"]["name"]))

    assert shown == ["Pending", "Sending", "Failed"]
    assert (status["reason"], counts(status)) == ("AllDeliveriesFailed", (0, 1, 1))
    assert status["completionTime"]


@pytest.mark.check("phase-03")
def test_a_notification_that_is_served_in_part_ends_in_partially_sent(served: Suite) -> None:
    obj = notification(served.namespace, channels=["console", "slack"], recipients=EMAIL, retryPolicy=fast(1))
    served.slack.answer(obj, REFUSED)

    status = served.deliver(obj, "PartiallySent", within=30)["status"]

    assert (status["reason"], counts(status)) == ("PartialDeliverySuccess", (1, 1, 2))
    assert status["completionTime"]


@pytest.mark.check("phase-04")
def test_pending_and_then_sending_can_be_seen_as_long_as_the_receiver_takes(served: Suite) -> None:
    obj = slack_notification(served.namespace, recipients=EMAIL)
    name = obj["metadata"]["name"]
    served.slack.answer(obj, {"delay": 2})

    with served.cluster.watch(served.namespace) as seen:
        served.deliver(obj, "Sent", within=30)
        states, shown_for = seen(name), seen.lasted(name, "Sending")

    assert phases(states) == ["Pending", "Sending", "Sent"]
    assert shown_for >= 1.5
    unfinished = [state["status"] for state in states if state["status"]["phase"] != "Sent"]
    assert not any("completionTime" in status for status in unfinished)


@pytest.mark.check("phase-05")
def test_sent_never_changes_whatever_makes_the_operator_look_again(fragile: Suite) -> None:
    obj = notification(fragile.namespace)
    name = obj["metadata"]["name"]
    sent = fragile.deliver(obj, "Sent", within=30)

    remains(fragile, sent, during=5)
    fragile.cluster.patch(fragile.namespace, name, {"metadata": {"labels": {"seen": "yes"}}})
    remains(fragile, sent, during=2)
    fragile.operator.restart()
    fragile.deliver(notification(fragile.namespace), "Sent", within=45)

    remains(fragile, sent, during=2)
    assert len(fragile.sink.calls(fragile.namespace, name)) == 1


@pytest.mark.check("phase-06")
def test_failed_and_partially_sent_never_change_though_the_receiver_recovers(served: Suite) -> None:
    failed = slack_notification(served.namespace, recipients=EMAIL, retryPolicy=fast(1))
    partial = notification(
        served.namespace, channels=["console", "slack"], recipients=EMAIL, retryPolicy=fast(1)
    )
    ends = []
    for obj, phase in ((failed, "Failed"), (partial, "PartiallySent")):
        served.slack.answer(obj, REFUSED)
        ends.append(served.deliver(obj, phase, within=30))
        served.slack.answer(obj, {"code": 200})

    for end in ends:
        served.cluster.patch(
            served.namespace, end["metadata"]["name"], {"metadata": {"labels": {"seen": "yes"}}}
        )

    steadily(
        lambda: [served.stored(end)["status"] for end in ends],
        lambda seen: seen == [end["status"] for end in ends],
        during=5,
        every=0.5,
    )
    assert [len(served.slack.hits(end)) for end in ends] == [1, 1]
    assert len(served.console(ends[1])) == 1


@pytest.mark.check("phase-07")
def test_the_status_of_a_delivered_notification_tells_what_was_done(served: Suite) -> None:
    obj = notification(served.namespace)

    status = served.deliver(obj, "Sent", within=30)["status"]

    assert status["reason"]
    assert status["message"]
    assert tries(status) == [("console", 1, "success")]
    assert status["completionTime"]
    served_channels, unserved_channels, total = counts(status)
    assert total == served_channels + unserved_channels


def remains(suite: Suite, obj: dict[str, Any], *, during: float) -> None:
    """See that nothing in the status changes for a while."""
    steadily(
        lambda: suite.stored(obj)["status"],
        lambda status: status == obj["status"],
        during=during,
        every=0.5,
    )
