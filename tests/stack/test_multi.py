"""Group multi: the channels of one notification are independent of each other."""

import pytest

from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import (
    Counts,
    attempts,
    counts,
    failed,
    follow,
    pauses,
    phases,
    planned,
    succeeded,
)

UNAVAILABLE = {"code": 503, "body": "service_unavailable"}


@pytest.mark.check("multi-01")
def test_console_only_notification_is_sent(shipped_operator: OperatorUnderTest) -> None:
    obj = notification(shipped_operator.namespace, priority="low")

    status = shipped_operator.deliver(obj, "Sent", within=10)["status"]

    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)


@pytest.mark.check("multi-02")
def test_failing_channel_is_retried_while_the_other_is_delivered_once(
    shipped_operator: OperatorUnderTest,
) -> None:
    obj = notification(
        shipped_operator.namespace,
        channels=["slack", "console"],
        recipients=[{"slack": "#test"}, {"email": "test@example.com"}],
        retryPolicy=fast(3),
    )
    shipped_operator.slack.answer(obj, UNAVAILABLE)

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        stored = shipped_operator.deliver(obj, "PartiallySent", within=20)
        states = seen(obj["metadata"]["name"])

    status = stored["status"]
    assert "Retrying" in phases(states)
    assert status["reason"] == "PartialDeliverySuccess"
    assert counts(status) == Counts(delivered=1, failed=1, attempts=4)
    assert sorted(attempts(status)) == [
        succeeded("console", 1),
        failed("slack", 1),
        failed("slack", 2),
        failed("slack", 3),
    ]
    hits = shipped_operator.slack.hits(stored)
    assert len(hits) == 3
    assert follow(planned(states), hits, 1, 2), (planned(states), pauses(hits))
    assert len(shipped_operator.console(stored)) == 1


@pytest.mark.check("multi-03")
def test_only_channel_down_ends_failed_and_is_never_partially_sent(
    shipped_operator: OperatorUnderTest,
) -> None:
    obj = slack_notification(shipped_operator.namespace, retryPolicy=fast(3))
    shipped_operator.slack.answer(obj, UNAVAILABLE)

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        stored = shipped_operator.deliver(obj, "Failed", within=30)
        states = seen(obj["metadata"]["name"])

    status = stored["status"]
    assert phases(states) == ["Pending", "Sending", "Failed"]
    assert status["reason"] == "MaxRetriesExhausted"
    assert counts(status) == Counts(delivered=0, failed=1, attempts=3)
    assert attempts(status) == [failed("slack", number) for number in (1, 2, 3)]
    hits = shipped_operator.slack.hits(stored)
    assert len(hits) == 3
    assert follow(planned(states), hits, 1, 2), (planned(states), pauses(hits))
