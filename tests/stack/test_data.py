"""Group data: accepted and rejected content, unusual characters, and redaction.

Deliveries are read where they arrive: on the console, and at the Slack receiver.
"""

import json
from typing import Any

import pytest

from tests.harness.cluster import Object, Refused
from tests.harness.notifications import notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, arrivals, attempts, counts, printed, routing, shown, succeeded


def delivered(operator: OperatorUnderTest, **spec: Any) -> Object:
    """Deliver a text to the console and to Slack, and expect the same on both; return it."""
    console = operator.create(notification(operator.namespace, **spec))
    text = {field: console["spec"][field] for field in ("subject", "body")}
    slack = operator.create(slack_notification(operator.namespace, **{**spec, **text}))
    for obj in (console, slack):
        assert counts(operator.status(obj, "Sent", within=30)) == Counts(delivered=1, failed=0, attempts=1)
        stored = operator.stored(obj)["spec"]
        assert {field: stored[field] for field in spec} == spec
    assert shown(operator, slack) == printed(operator, console)
    return printed(operator, console)


def refusal(operator: OperatorUnderTest, **spec: Any) -> Refused:
    """Expect the API server to reject a notification, and not to store it; return its error."""
    obj = notification(operator.namespace, **spec)
    with pytest.raises(Refused) as refused:
        operator.create(obj)
    assert operator.cluster.get(operator.namespace, obj["metadata"]["name"]) is None
    return refused.value


@pytest.mark.check("data-01")
def test_one_character_is_accepted_and_empty_text_is_rejected(shipped_operator: OperatorUnderTest) -> None:
    assert delivered(shipped_operator, subject="s", body="b") == {"subject": "s", "body": "b"}

    for field in ("subject", "body"):
        refused = refusal(shipped_operator, **{field: ""})
        assert (refused.code, refused.fields[0]) == (422, f"spec.{field}")
    refused = refusal(shipped_operator, type=None)
    assert (refused.code, refused.fields[0]) == (422, "spec.type")


@pytest.mark.check("data-02")
def test_subject_of_500_characters_is_delivered_whole(shipped_operator: OperatorUnderTest) -> None:
    assert delivered(shipped_operator, subject="x" * 500)["subject"] == "x" * 500


@pytest.mark.check("data-03")
def test_body_of_11400_characters_is_delivered_whole(shipped_operator: OperatorUnderTest) -> None:
    body = "The quick brown fox jumps over the lazy dog, once again. " * 200
    assert len(body) == 11_400

    assert delivered(shipped_operator, body=body)["body"] == body


@pytest.mark.check("data-04")
@pytest.mark.xdist_group("routing")
def test_notification_without_recipients_and_channels_goes_to_the_console(
    shipped_operator: OperatorUnderTest,
) -> None:
    labels = {"kubernaut.ai/severity": "low", "kubernaut.ai/environment": "test"}
    obj = shipped_operator.create(
        notification(shipped_operator.namespace, labels=labels, recipients=None, channels=None)
    )

    status = shipped_operator.status(obj, "Sent", within=10)

    assert arrivals(shipped_operator, obj) == {"console": 1}
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert attempts(status) == [succeeded("console", 1)]
    assert routing(status)[:2] == ("True", "RoutingFallback")
    assert "fallback channel console" in routing(status)[2]
    assert "channels" not in shipped_operator.stored(obj)["spec"]


@pytest.mark.check("data-05")
@pytest.mark.xdist_group("routing")
def test_empty_channel_list_is_resolved_by_routing(shipped_operator: OperatorUnderTest) -> None:
    labels = {"kubernaut.ai/severity": "medium", "kubernaut.ai/environment": "test"}
    rules = {
        "route": {
            "receiver": "default",
            "routes": [{"receiver": "team", "matchers": ['kubernaut.ai/severity="medium"']}],
        },
        "receivers": [{"name": "default", "channels": ["console"]}, {"name": "team", "channels": ["slack"]}],
    }
    with shipped_operator.routing(rules):
        routed = shipped_operator.create(notification(shipped_operator.namespace, labels=labels, channels=[]))
        status = shipped_operator.status(routed, "Sent", within=10)
    unrouted = shipped_operator.create(notification(shipped_operator.namespace, labels=labels, channels=[]))
    fallen_back = shipped_operator.status(unrouted, "Sent", within=10)

    assert arrivals(shipped_operator, routed) == {"slack": 1}
    assert attempts(status) == [succeeded("slack", 1)]
    resolved, reason, message = routing(status)
    assert (resolved, reason) == ("True", "RoutingRuleMatched")
    assert 'Rule kubernaut.ai/severity="medium" matches' in message
    assert "receiver team delivers to slack" in message
    assert arrivals(shipped_operator, unrouted) == {"console": 1}
    assert routing(fallen_back)[:2] == ("True", "RoutingFallback")


@pytest.mark.check("data-06")
def test_subject_of_501_characters_is_rejected(shipped_operator: OperatorUnderTest) -> None:
    refused = refusal(shipped_operator, subject="x" * 501)

    assert (refused.code, refused.fields[0]) == (422, "spec.subject")
    assert "Too long: may not be more than 500" in refused.text


@pytest.mark.check("data-07")
def test_unknown_enum_values_are_rejected_with_the_allowed_values(
    shipped_operator: OperatorUnderTest,
) -> None:
    for field, spec, taken in (
        ("spec.priority", {"priority": "urgent"}, '"critical", "high", "medium", "low"'),
        ("spec.priority", {"priority": "Critical"}, '"critical", "high", "medium", "low"'),
        ("spec.type", {"type": "shout"}, '"escalation", "simple", "status-update", "approval"'),
        (
            "spec.channels[0]",
            {"channels": ["pigeon"]},
            '"webhook", "email", "teams", "pagerduty", "sms", "slack"',
        ),
    ):
        refused = refusal(shipped_operator, **spec)
        assert (refused.code, refused.fields[0]) == (422, field)
        assert taken in refused.text


@pytest.mark.check("data-08")
def test_text_of_any_script_and_emoji_is_delivered_unchanged(shipped_operator: OperatorUnderTest) -> None:
    text = {
        "subject": "\U0001f6a8 生产环境告警 Внимание",
        "body": "\U0001f469\u200d\U0001f692 デプロイが失敗しました فشل النشر e\u0301",
    }

    assert delivered(shipped_operator, **text) == text


@pytest.mark.check("data-09")
def test_channel_listed_three_times_is_delivered_to_once(shipped_operator: OperatorUnderTest) -> None:
    obj = shipped_operator.create(notification(shipped_operator.namespace, channels=["console"] * 3))

    status = shipped_operator.status(obj, "Sent", within=30)

    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    assert arrivals(shipped_operator, obj) == {"console": 1}
    assert "1 channel" in status["message"]


@pytest.mark.check("data-10")
def test_markup_and_commands_are_delivered_unchanged_and_not_executed(
    shipped_operator: OperatorUnderTest,
) -> None:
    text = {
        "subject": "<script>alert('hi')</script>",
        "body": '\'; DROP TABLE pods; -- & `rm -rf /tmp/x` $(id) <b>"bold"</b> &amp; *not bold*',
    }

    assert delivered(shipped_operator, **text) == text


@pytest.mark.check("data-11")
def test_password_is_redacted_in_delivery_and_kept_in_the_spec(shipped_operator: OperatorUnderTest) -> None:
    text = delivered(shipped_operator, priority="high", body="DB login refused, password: hunter2xyz given")

    assert text["body"] == "DB login refused, password: [REDACTED] given"
    assert "hunter2xyz" not in json.dumps(text)


@pytest.mark.check("data-12")
def test_three_kinds_of_secret_in_one_body_are_redacted(shipped_operator: OperatorUnderTest) -> None:
    text = delivered(
        shipped_operator,
        priority="high",
        body="dump: password: alpha999 apiKey: sk-live-beta77 token: ghp_gamma55",
    )

    assert text["body"] == "dump: password: [REDACTED] apiKey: [REDACTED] token: [REDACTED]"


@pytest.mark.check("data-13")
def test_redaction_keeps_the_text_needed_for_diagnosis(shipped_operator: OperatorUnderTest) -> None:
    text = delivered(
        shipped_operator,
        priority="high",
        subject="Login failures in namespace checkout-prod",
        body="Pod cart-7 stopped: login failed, password: leak4u at 2025-11-29T14:30:00Z",
    )

    assert text == {
        "subject": "Login failures in namespace checkout-prod",
        "body": "Pod cart-7 stopped: login failed, password: [REDACTED] at 2025-11-29T14:30:00Z",
    }


@pytest.mark.check("data-14")
def test_secrets_in_a_url_are_redacted_and_the_rest_is_kept(shipped_operator: OperatorUnderTest) -> None:
    hook = "https://api.example.com/hook?apiKey=sk-abc12345&token=zz99"

    text = delivered(
        shipped_operator,
        subject="Fetched from https://user:pw9@host/ again",
        body=f"Hook leaked: {hook} and https://user:pw9@host/",
    )

    assert text == {
        "subject": "Fetched from https://user:[REDACTED]@host/ again",
        "body": "Hook leaked: https://api.example.com/hook?apiKey=[REDACTED]&token=[REDACTED]"
        " and https://user:[REDACTED]@host/",
    }
