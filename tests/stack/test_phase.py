"""Group phase: the way from Pending to a final phase, which never changes."""

from datetime import datetime
from typing import Any

import pytest

from tests.harness.eventually import steadily
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, attempts, counts, phases, succeeded

REFUSED = {"code": 401, "body": "invalid_auth"}
EMAIL = [{"email": "test@example.com"}]
WITHOUT_SENDING_IF_QUICK = ("Pending", "Sent"), ("Pending", "Sending", "Sent")


@pytest.mark.check("phase-01")
def test_slow_notification_passes_from_pending_through_sending_to_sent(
    shipped_operator: OperatorUnderTest,
) -> None:
    quick, slow = notification(shipped_operator.namespace), slack_notification(shipped_operator.namespace)

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        statuses = [
            shipped_operator.deliver(quick, "Sent", within=30)["status"],
            shipped_operator.deliver_slowly(slow, "Sent")["status"],
        ]
        shown = [phases(seen(obj["metadata"]["name"])) for obj in (quick, slow)]

    assert tuple(shown[0]) in WITHOUT_SENDING_IF_QUICK
    assert shown[1] == ["Pending", "Sending", "Sent"]
    for status in statuses:
        assert status["reason"] == "AllDeliveriesSucceeded"
        assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
        assert status["completionTime"]


@pytest.mark.check("phase-02")
def test_notification_rejected_by_every_channel_ends_failed(shipped_operator: OperatorUnderTest) -> None:
    obj = slack_notification(shipped_operator.namespace, recipients=EMAIL, retryPolicy=fast(1))

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        status = shipped_operator.deliver_slowly(obj, "Failed", **REFUSED)["status"]
        shown = phases(seen(obj["metadata"]["name"]))

    assert shown == ["Pending", "Sending", "Failed"]
    assert status["reason"] == "AllDeliveriesFailed"
    assert counts(status) == Counts(delivered=0, failed=1, attempts=1)
    assert status["completionTime"]


@pytest.mark.check("phase-03")
def test_partly_delivered_notification_ends_partially_sent(shipped_operator: OperatorUnderTest) -> None:
    obj = notification(
        shipped_operator.namespace, channels=["console", "slack"], recipients=EMAIL, retryPolicy=fast(1)
    )
    shipped_operator.slack.answer(obj, REFUSED)

    status = shipped_operator.deliver(obj, "PartiallySent", within=30)["status"]

    assert status["reason"] == "PartialDeliverySuccess"
    assert counts(status) == Counts(delivered=1, failed=1, attempts=2)
    assert status["completionTime"]


@pytest.mark.check("phase-04")
def test_sending_is_visible_while_the_receiver_is_busy(shipped_operator: OperatorUnderTest) -> None:
    obj = slack_notification(shipped_operator.namespace, recipients=EMAIL)

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        shipped_operator.deliver_slowly(obj, "Sent")
        states = seen(obj["metadata"]["name"])

    assert phases(states) == ["Pending", "Sending", "Sent"]
    (hit,) = shipped_operator.slack.hits(obj)
    sending, sent = (call for call in shipped_operator.audited(obj) if call["verb"] == "update")
    assert datetime.fromisoformat(sending["stageTimestamp"]).timestamp() < hit["ended"]
    assert hit["ended"] < datetime.fromisoformat(sent["requestReceivedTimestamp"]).timestamp()
    unfinished = [state["status"] for state in states if state["status"]["phase"] != "Sent"]
    assert not any("completionTime" in status for status in unfinished)


@pytest.mark.check("phase-05")
def test_sent_is_final_across_restarts_and_label_changes(stoppable_operator: OperatorUnderTest) -> None:
    obj = notification(stoppable_operator.namespace)
    name = obj["metadata"]["name"]
    sent = stoppable_operator.deliver(obj, "Sent", within=30)

    check_unchanged(stoppable_operator, sent, during=5)
    stoppable_operator.cluster.patch(
        stoppable_operator.namespace, name, {"metadata": {"labels": {"seen": "yes"}}}
    )
    check_unchanged(stoppable_operator, sent, during=2)
    stoppable_operator.workload.restart()
    stoppable_operator.deliver(notification(stoppable_operator.namespace), "Sent", within=45)

    check_unchanged(stoppable_operator, sent, during=2)
    assert len(stoppable_operator.sink.calls(stoppable_operator.namespace, name)) == 1


@pytest.mark.check("phase-06")
def test_failed_and_partially_sent_are_final_after_receiver_recovery(
    shipped_operator: OperatorUnderTest,
) -> None:
    failed = slack_notification(shipped_operator.namespace, recipients=EMAIL, retryPolicy=fast(1))
    partial = notification(
        shipped_operator.namespace, channels=["console", "slack"], recipients=EMAIL, retryPolicy=fast(1)
    )
    ends = []
    for obj, phase in ((failed, "Failed"), (partial, "PartiallySent")):
        shipped_operator.slack.answer(obj, REFUSED)
        ends.append(shipped_operator.deliver(obj, phase, within=30))
        shipped_operator.slack.answer(obj, {"code": 200})

    for end in ends:
        shipped_operator.cluster.patch(
            shipped_operator.namespace, end["metadata"]["name"], {"metadata": {"labels": {"seen": "yes"}}}
        )

    steadily(
        lambda: [shipped_operator.stored(end)["status"] for end in ends],
        lambda seen: seen == [end["status"] for end in ends],
        during=5,
        every=0.5,
    )
    assert [len(shipped_operator.slack.hits(end)) for end in ends] == [1, 1]
    assert len(shipped_operator.console(ends[1])) == 1


@pytest.mark.check("phase-07")
def test_status_of_a_delivered_notification_summarizes_the_attempts(
    shipped_operator: OperatorUnderTest,
) -> None:
    obj = notification(shipped_operator.namespace)

    status = shipped_operator.deliver(obj, "Sent", within=30)["status"]

    assert status["reason"]
    assert status["message"]
    assert attempts(status) == [succeeded("console", 1)]
    assert status["completionTime"]
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)


def check_unchanged(operator: OperatorUnderTest, obj: dict[str, Any], *, during: float) -> None:
    """Check that the status does not change for a while."""
    steadily(
        lambda: operator.stored(obj)["status"],
        lambda status: status == obj["status"],
        during=during,
        every=0.5,
    )
