"""Group prio: a priority is always set, never changes, and is shown in every delivery."""

from typing import Any

import pytest

from tests.harness.cluster import Refused
from tests.harness.eventually import eventually
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import context, header

DOMAIN = "kubernaut.ai"
EMOJI = {"critical": "🚨", "high": "⚠️", "medium": "ℹ️", "low": "💬"}  # noqa: RUF001 - part of the contract


def row(check: str, priority: str) -> Any:
    return pytest.param(priority, marks=pytest.mark.check(check), id=priority)


@pytest.mark.parametrize(
    "priority",
    [row("prio-01", "critical"), row("prio-02", "high"), row("prio-03", "medium"), row("prio-04", "low")],
)
def test_priority_is_shown_on_console_and_slack(shipped_operator: OperatorUnderTest, priority: str) -> None:
    obj = notification(shipped_operator.namespace, priority=priority, channels=["console", "slack"])

    created = shipped_operator.create(obj)
    shipped_operator.status(obj, "Sent", within=30)

    sent = shipped_operator.stored(created)
    assert created["spec"]["priority"] == sent["spec"]["priority"] == priority
    (printed,) = shipped_operator.console(sent)
    assert printed.startswith(f"[{priority}] ")
    (hit,) = shipped_operator.slack.hits(sent)
    assert header(hit) == f"{EMOJI[priority]} {obj['spec']['subject']}"


@pytest.mark.check("prio-05")
def test_omitted_priority_is_medium_and_empty_priority_is_rejected(
    shipped_operator: OperatorUnderTest,
) -> None:
    absent, null, empty = (notification(shipped_operator.namespace, priority=None) for _ in range(3))
    null["spec"]["priority"] = None
    empty["spec"]["priority"] = ""

    assert shipped_operator.create(absent)["spec"]["priority"] == "medium"
    assert shipped_operator.create(null)["spec"]["priority"] == "medium"
    with pytest.raises(Refused) as refused:
        shipped_operator.create(empty)

    assert refused.value.code == 422
    assert "spec.priority" in refused.value.fields
    assert shipped_operator.cluster.get(shipped_operator.namespace, empty["metadata"]["name"]) is None


@pytest.mark.check("prio-06")
def test_priority_survives_a_retry_into_delivery_and_audit(
    shipped_operator: OperatorUnderTest,
) -> None:
    at_once = notification(shipped_operator.namespace, priority="critical")
    retried = slack_notification(shipped_operator.namespace, priority="critical", retryPolicy=fast(3))
    shipped_operator.slack.answer(retried, {"code": 503, "body": "service_unavailable"}, {"code": 200})

    with shipped_operator.cluster.watch(shipped_operator.namespace) as seen:
        stored = [shipped_operator.deliver(obj, "Sent", within=30) for obj in (at_once, retried)]
        states = [state for obj in stored for state in seen(obj["metadata"]["name"])]

    assert {state["spec"]["priority"] for state in states} == {"critical"}
    (printed,) = shipped_operator.console(stored[0])
    assert printed.startswith("[critical] ")
    first, second = shipped_operator.slack.hits(stored[1])
    assert header(first) == header(second) == f"{EMOJI['critical']} {retried['spec']['subject']}"
    assert "*Priority:* critical" in context(first)
    assert "*Priority:* critical" in context(second)
    for obj, count in zip(stored, (2, 3), strict=True):
        assert audited_priorities(shipped_operator, obj, count) == {"critical"}


@pytest.mark.check("prio-07")
def test_escalation_prints_type_and_priority_on_the_console(shipped_operator: OperatorUnderTest) -> None:
    labels = {
        f"{DOMAIN}/notification-type": "escalation",
        f"{DOMAIN}/severity": "critical",
        f"{DOMAIN}/environment": "production",
    }
    obj = notification(
        shipped_operator.namespace,
        labels=labels,
        type="escalation",
        priority="critical",
        subject="🔥 Checkout is down",
    )

    sent = shipped_operator.deliver(obj, "Sent", within=30)

    (printed,) = shipped_operator.console(sent)
    assert printed.startswith("[critical] [escalation] 🔥 Checkout is down\n")
    assert sent["metadata"]["labels"] == labels


@pytest.mark.check("prio-08")
def test_informational_message_prints_type_and_priority_on_the_console(
    shipped_operator: OperatorUnderTest,
) -> None:
    labels = {f"{DOMAIN}/notification-type": "completed", f"{DOMAIN}/severity": "low"}
    obj = notification(shipped_operator.namespace, labels=labels, priority="low")

    sent = shipped_operator.deliver(obj, "Sent", within=30)

    (printed,) = shipped_operator.console(sent)
    assert printed.startswith(f"[low] [simple] {obj['spec']['subject']}\n")
    assert sent["metadata"]["labels"] == labels


@pytest.mark.check("prio-09")
def test_notifications_of_every_priority_are_delivered_in_any_order(
    shipped_operator: OperatorUnderTest,
) -> None:
    objects = [
        notification(shipped_operator.namespace, priority=priority) for priority in ("critical", "low")
    ]
    for obj in objects:
        shipped_operator.create(obj)

    for obj in objects:
        shipped_operator.status(obj, "Sent", within=30)


def audited_priorities(operator: OperatorUnderTest, obj: dict[str, Any], count: int) -> set[str]:
    """Return the priorities of a notification's audit events, once there are so many."""
    events = eventually(lambda: operator.audit.events(obj), lambda result: len(result) == count, within=10)
    return {event["event_data"]["priority"] for event in events}
