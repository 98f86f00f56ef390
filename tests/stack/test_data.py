"""Group data: what is admitted and what is refused, odd content, and secrets in what is delivered.

What is delivered is read where it arrives: on the console, and at the Slack receiver.
"""

import json
from typing import Any

import pytest

from tests.harness.cluster import Object, Refused
from tests.harness.notifications import notification, slack_notification
from tests.harness.readings import counts, tries
from tests.harness.whereabouts import arrivals, printed, routing, shown
from tests.stack.suite import Suite


def delivered(suite: Suite, **spec: Any) -> Object:
    """Deliver a text to the console and once more to Slack, and expect both to show the same; returns it."""
    console = suite.create(notification(suite.namespace, **spec))
    text = {field: console["spec"][field] for field in ("subject", "body")}
    slack = suite.create(slack_notification(suite.namespace, **{**spec, **text}))
    for obj in (console, slack):
        assert counts(suite.status(obj, "Sent", within=30)) == (1, 0, 1)
        stored = suite.stored(obj)["spec"]
        assert {field: stored[field] for field in spec} == spec
    assert shown(suite, slack) == printed(suite, console)
    return printed(suite, console)


def refusal(suite: Suite, **spec: Any) -> Refused:
    """Expect the API server to refuse a notification, and not to keep it; returns its answer."""
    obj = notification(suite.namespace, **spec)
    with pytest.raises(Refused) as refused:
        suite.create(obj)
    assert suite.cluster.get(suite.namespace, obj["metadata"]["name"]) is None
    return refused.value


@pytest.mark.check("data-01")
def test_one_character_is_enough_and_none_is_refused(served: Suite) -> None:
    assert delivered(served, subject="s", body="b") == {"subject": "s", "body": "b"}

    for field in ("subject", "body"):
        refused = refusal(served, **{field: ""})
        assert (refused.code, refused.fields[0]) == (422, f"spec.{field}")
    refused = refusal(served, type=None)
    assert (refused.code, refused.fields[0]) == (422, "spec.type")


@pytest.mark.check("data-02")
def test_a_subject_of_500_characters_arrives_whole(served: Suite) -> None:
    assert delivered(served, subject="x" * 500)["subject"] == "x" * 500


@pytest.mark.check("data-03")
def test_a_body_of_11400_characters_arrives_whole(served: Suite) -> None:
    body = "The quick brown fox jumps over the lazy dog, once again. " * 200
    assert len(body) == 11_400

    assert delivered(served, body=body)["body"] == body


@pytest.mark.check("data-04")
@pytest.mark.xdist_group("routing")
def test_without_recipients_and_channels_it_goes_to_the_console(served: Suite) -> None:
    labels = {"kubernaut.ai/severity": "low", "kubernaut.ai/environment": "test"}
    obj = served.create(notification(served.namespace, labels=labels, recipients=None, channels=None))

    status = served.status(obj, "Sent", within=10)

    assert arrivals(served, obj) == {"console": 1}
    assert counts(status) == (1, 0, 1)
    assert tries(status) == [("console", 1, "success")]
    assert routing(status)[:2] == ("True", "RoutingFallback")
    assert "fallback channel console" in routing(status)[2]
    assert "channels" not in served.stored(obj)["spec"]


@pytest.mark.check("data-05")
@pytest.mark.xdist_group("routing")
def test_an_empty_channel_list_leaves_the_choice_to_the_routing_rules(served: Suite) -> None:
    labels = {"kubernaut.ai/severity": "medium", "kubernaut.ai/environment": "test"}
    rules = {
        "route": {
            "receiver": "default",
            "routes": [{"receiver": "team", "matchers": ['kubernaut.ai/severity="medium"']}],
        },
        "receivers": [{"name": "default", "channels": ["console"]}, {"name": "team", "channels": ["slack"]}],
    }
    with served.routing(rules):
        routed = served.create(notification(served.namespace, labels=labels, channels=[]))
        status = served.status(routed, "Sent", within=10)
    unrouted = served.create(notification(served.namespace, labels=labels, channels=[]))
    fallen_back = served.status(unrouted, "Sent", within=10)

    assert arrivals(served, routed) == {"slack": 1}
    assert tries(status) == [("slack", 1, "success")]
    resolved, reason, message = routing(status)
    assert (resolved, reason) == ("True", "RoutingRuleMatched")
    assert 'Rule kubernaut.ai/severity="medium" matches' in message
    assert "receiver team delivers to slack" in message
    assert arrivals(served, unrouted) == {"console": 1}
    assert routing(fallen_back)[:2] == ("True", "RoutingFallback")


@pytest.mark.check("data-06")
def test_a_subject_of_501_characters_is_refused(served: Suite) -> None:
    refused = refusal(served, subject="x" * 501)

    assert (refused.code, refused.fields[0]) == (422, "spec.subject")
    assert "Too long: may not be more than 500" in refused.text


@pytest.mark.check("data-07")
def test_words_outside_the_lists_are_refused_with_the_words_that_are_taken(served: Suite) -> None:
    for field, spec, taken in (
        ("spec.priority", {"priority": "urgent"}, '"critical", "high", "medium", "low"'),
        ("spec.priority", {"priority": "Critical"}, '"critical", "high", "medium", "low"'),
        ("spec.type", {"type": "shout"}, '"escalation", "simple", "status-update", "approval"'),
        ("spec.channels[0]", {"channels": ["pigeon"]}, '"email", "slack", "teams", "sms", "webhook"'),
    ):
        refused = refusal(served, **spec)
        assert (refused.code, refused.fields[0]) == (422, field)
        assert taken in refused.text


@pytest.mark.check("data-08")
def test_letters_of_any_script_and_emoji_arrive_as_they_are(served: Suite) -> None:
    text = {
        "subject": "\U0001f6a8 生产环境告警 Внимание",
        "body": "\U0001f469\u200d\U0001f692 デプロイが失敗しました فشل النشر e\u0301",
    }

    assert delivered(served, **text) == text


@pytest.mark.check("data-09")
def test_a_channel_that_is_listed_three_times_is_delivered_to_once(served: Suite) -> None:
    obj = served.create(notification(served.namespace, channels=["console"] * 3))

    status = served.status(obj, "Sent", within=30)

    assert counts(status) == (1, 0, 1)
    assert arrivals(served, obj) == {"console": 1}
    assert "1 channel" in status["message"]


@pytest.mark.check("data-10")
def test_markup_and_commands_arrive_as_they_are_and_run_nowhere(served: Suite) -> None:
    text = {
        "subject": "<script>alert('hi')</script>",
        "body": '\'; DROP TABLE pods; -- & `rm -rf /tmp/x` $(id) <b>"bold"</b> &amp; *not bold*',
    }

    assert delivered(served, **text) == text


@pytest.mark.check("data-11")
def test_a_password_is_masked_where_it_is_delivered_and_kept_where_it_is_stored(served: Suite) -> None:
    text = delivered(served, priority="high", body="DB login refused, password: hunter2xyz given")

    assert text["body"] == "DB login refused, password: [REDACTED] given"
    assert "hunter2xyz" not in json.dumps(text)


@pytest.mark.check("data-12")
def test_three_kinds_of_secret_in_one_body_are_masked(served: Suite) -> None:
    text = delivered(
        served,
        priority="high",
        body="dump: password: alpha999 apiKey: sk-live-beta77 token: ghp_gamma55",
    )

    assert text["body"] == "dump: password: [REDACTED] apiKey: [REDACTED] token: [REDACTED]"


@pytest.mark.check("data-13")
def test_masking_keeps_all_that_helps_to_find_the_fault(served: Suite) -> None:
    text = delivered(
        served,
        priority="high",
        subject="Login failures in namespace checkout-prod",
        body="Pod cart-7 stopped: login failed, password: leak4u at 2025-11-29T14:30:00Z",
    )

    assert text == {
        "subject": "Login failures in namespace checkout-prod",
        "body": "Pod cart-7 stopped: login failed, password: [REDACTED] at 2025-11-29T14:30:00Z",
    }


@pytest.mark.check("data-14")
def test_secrets_inside_a_url_are_masked_and_the_rest_of_it_is_kept(served: Suite) -> None:
    hook = "https://api.example.com/hook?apiKey=sk-abc12345&token=zz99"

    text = delivered(
        served,
        subject="Fetched from https://user:pw9@host/ again",
        body=f"Hook leaked: {hook} and https://user:pw9@host/",
    )

    assert text == {
        "subject": "Fetched from https://user:[REDACTED]@host/ again",
        "body": "Hook leaked: https://api.example.com/hook?apiKey=[REDACTED]&token=[REDACTED]"
        " and https://user:[REDACTED]@host/",
    }
