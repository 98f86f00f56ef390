"""Group deliver: what the answers of a Slack endpoint mean for a notification."""

from typing import Any

import pytest

from tests.harness.eventually import eventually, steadily
from tests.harness.notifications import fast, slack_notification
from tests.harness.readings import counts, kinds, pauses, tries
from tests.stack.suite import Suite

DEFAULT = None
"""The retry policy of a notification that gives none: its first pause is 30 s, longer than any of these tests."""


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
def test_an_answer_that_blames_the_message_is_final_at_the_first_try(
    served: Suite, code: int, recipient: str, policy: dict[str, int] | None
) -> None:
    obj = slack_notification(served.namespace, recipients=[{"slack": recipient}], retryPolicy=policy)
    served.slack.answer(obj, {"code": code, "body": "no such thing"})

    stored = served.deliver(obj, "Failed", within=15)

    status = stored["status"]
    assert (status["reason"], counts(status)) == ("AllDeliveriesFailed", (0, 1, 1))
    assert status["completionTime"]
    (attempt,) = status["deliveryAttempts"]
    assert attempt["error"].startswith("permanent failure: ")
    assert str(code) in attempt["error"]
    steadily(lambda: served.slack.hits(stored), lambda hits: len(hits) == 1, during=3)
    assert served.stored(obj) == stored
    eventually(
        lambda: kinds(served.audit.events(stored)),
        lambda found: found == {"failed": 1, "escalated": 1},
        within=10,
    )


@pytest.mark.check("deliver-05")
def test_an_answer_that_blames_the_receiver_is_tried_again_and_then_succeeds(served: Suite) -> None:
    objects = {
        code: slack_notification(served.namespace, retryPolicy=fast(3)) for code in (502, 500, 503, 504, 429)
    }
    for code, obj in objects.items():
        served.slack.answer(obj, {"code": code, "body": "try later"}, {"code": 200})
        served.create(obj)

    for code, obj in objects.items():
        status = served.status(obj, "Sent", within=30)
        assert counts(status) == (1, 0, 2)
        assert tries(status) == [("slack", 1, "failed"), ("slack", 2, "success")]
        assert str(code) in status["deliveryAttempts"][0]["error"]
        hits = served.slack.hits(obj)
        assert [hit["code"] for hit in hits] == [code, 200]
        (pause,) = pauses(hits)
        assert pause >= 1.0
