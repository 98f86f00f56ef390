"""Group deliver: the effect of a Slack endpoint's responses."""

from typing import Any

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import fast, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, attempts, counts, failed, kinds, pauses, succeeded

DEFAULT = None
"""The default retry policy: its first delay is 30 s, longer than any of these tests."""


def refused(code: int, recipient: str, policy: dict[str, int] | None) -> Any:
    check = {400: "deliver-01", 403: "deliver-02", 404: "deliver-03", 410: "deliver-04"}[code]
    return pytest.param(code, recipient, policy, marks=pytest.mark.check(check), id=str(code))


@pytest.mark.parametrize(
    ("code", "recipient", "policy"),
    [
        refused(400, "#test", fast(3)),
        refused(403, "#test", DEFAULT),
        refused(404, "#nonexistent", DEFAULT),
        refused(410, "#deprecated", DEFAULT),
    ],
)
def test_permanent_error_response_ends_delivery_at_the_first_attempt(
    shipped_operator: OperatorUnderTest, code: int, recipient: str, policy: dict[str, int] | None
) -> None:
    obj = slack_notification(
        shipped_operator.namespace, recipients=[{"slack": recipient}], retryPolicy=policy
    )
    shipped_operator.slack.answer(obj, {"code": code, "body": "no such thing"})

    stored = shipped_operator.deliver(obj, "Failed", within=15)

    status = stored["status"]
    assert status["reason"] == "AllDeliveriesFailed"
    assert counts(status) == Counts(delivered=0, failed=1, attempts=1)
    assert status["completionTime"]
    (attempt,) = status["deliveryAttempts"]
    assert attempt["error"].startswith("permanent failure: ")
    assert str(code) in attempt["error"]
    steadily(lambda: shipped_operator.slack.hits(stored), lambda hits: len(hits) == 1, during=3)
    assert shipped_operator.stored(obj) == stored
    eventually(
        lambda: kinds(shipped_operator.audit.events(stored)),
        lambda result: result == {"failed": 1, "escalated": 1},
        within=10,
    )


@pytest.mark.check("deliver-05")
def test_transient_error_response_is_retried_and_then_succeeds(shipped_operator: OperatorUnderTest) -> None:
    objects = {
        code: slack_notification(shipped_operator.namespace, retryPolicy=fast(3))
        for code in (502, 500, 503, 504, 429)
    }
    for code, obj in objects.items():
        shipped_operator.slack.answer(obj, {"code": code, "body": "try later"}, {"code": 200})
        shipped_operator.create(obj)

    for code, obj in objects.items():
        status = shipped_operator.status(obj, "Sent", within=30)
        assert counts(status) == Counts(delivered=1, failed=0, attempts=2)
        assert attempts(status) == [failed("slack", 1), succeeded("slack", 2)]
        assert str(code) in status["deliveryAttempts"][0]["error"]
        hits = shipped_operator.slack.hits(obj)
        assert [hit["code"] for hit in hits] == [code, 200]
        (pause,) = pauses(hits)
        assert pause >= 1.0
