"""Group prio: a priority is always there, never changes, and shows in all that is delivered."""

from typing import Any

import pytest

from tests.harness.cluster import Refused
from tests.harness.eventually import eventually
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.readings import context, header
from tests.stack.suite import Suite

DOMAIN = "kubernaut.ai"
EMOJI = {"critical": "🚨", "high": "⚠️", "medium": "ℹ️", "low": "💬"}  # noqa: RUF001 - it is the contract's


def row(check: str, priority: str) -> Any:
    return pytest.param(priority, marks=pytest.mark.check(check), id=priority)


@pytest.mark.parametrize(
    "priority",
    [row("prio-01", "critical"), row("prio-02", "high"), row("prio-03", "medium"), row("prio-04", "low")],
)
def test_a_priority_is_kept_and_shown_on_the_console_and_in_slack(served: Suite, priority: str) -> None:
    obj = notification(served.namespace, priority=priority, channels=["console", "slack"])

    created = served.create(obj)
    served.status(obj, "Sent", within=30)

    sent = served.stored(created)
    assert created["spec"]["priority"] == sent["spec"]["priority"] == priority
    (printed,) = served.console(sent)
    assert printed.startswith(f"[{priority}] ")
    (hit,) = served.slack.hits(sent)
    assert header(hit) == f"{EMOJI[priority]} {obj['spec']['subject']}"


@pytest.mark.check("prio-05")
def test_a_priority_that_is_left_out_is_medium_and_an_empty_one_is_refused(served: Suite) -> None:
    absent, null, empty = (notification(served.namespace, priority=None) for _ in range(3))
    null["spec"]["priority"] = None
    empty["spec"]["priority"] = ""

    assert served.create(absent)["spec"]["priority"] == "medium"
    assert served.create(null)["spec"]["priority"] == "medium"
    with pytest.raises(Refused) as refused:
        served.create(empty)

    assert refused.value.code == 422
    assert "spec.priority" in refused.value.fields
    assert served.cluster.get(served.namespace, empty["metadata"]["name"]) is None


@pytest.mark.check("prio-06")
def test_a_priority_stays_the_same_from_creation_to_delivery_and_audit_also_over_a_retry(
    served: Suite,
) -> None:
    at_once = notification(served.namespace, priority="critical")
    retried = slack_notification(served.namespace, priority="critical", retryPolicy=fast(3))
    served.slack.answer(retried, {"code": 503, "body": "service_unavailable"}, {"code": 200})

    with served.cluster.watch(served.namespace) as seen:
        stored = [served.deliver(obj, "Sent", within=30) for obj in (at_once, retried)]
        states = [state for obj in stored for state in seen(obj["metadata"]["name"])]

    assert {state["spec"]["priority"] for state in states} == {"critical"}
    (printed,) = served.console(stored[0])
    assert printed.startswith("[critical] ")
    first, second = served.slack.hits(stored[1])
    assert header(first) == header(second) == f"{EMOJI['critical']} {retried['spec']['subject']}"
    assert "*Priority:* critical" in context(first)
    assert "*Priority:* critical" in context(second)
    for obj, count in zip(stored, (2, 3), strict=True):
        assert audited_priorities(served, obj, count) == {"critical"}


@pytest.mark.check("prio-07")
def test_an_escalation_in_an_outage_is_printed_as_what_it_is(served: Suite) -> None:
    labels = {
        f"{DOMAIN}/notification-type": "escalation",
        f"{DOMAIN}/severity": "critical",
        f"{DOMAIN}/environment": "production",
    }
    obj = notification(
        served.namespace, labels=labels, type="escalation", priority="critical", subject="🔥 Checkout is down"
    )

    sent = served.deliver(obj, "Sent", within=30)

    (printed,) = served.console(sent)
    assert printed.startswith("[critical] [escalation] 🔥 Checkout is down\n")
    assert sent["metadata"]["labels"] == labels


@pytest.mark.check("prio-08")
def test_a_message_for_information_is_printed_as_what_it_is(served: Suite) -> None:
    labels = {f"{DOMAIN}/notification-type": "completed", f"{DOMAIN}/severity": "low"}
    obj = notification(served.namespace, labels=labels, priority="low")

    sent = served.deliver(obj, "Sent", within=30)

    (printed,) = served.console(sent)
    assert printed.startswith(f"[low] [simple] {obj['spec']['subject']}\n")
    assert sent["metadata"]["labels"] == labels


@pytest.mark.check("prio-09")
def test_every_priority_is_served_whichever_came_first(served: Suite) -> None:
    objects = [notification(served.namespace, priority=priority) for priority in ("critical", "low")]
    for obj in objects:
        served.create(obj)

    for obj in objects:
        served.status(obj, "Sent", within=30)


def audited_priorities(suite: Suite, obj: dict[str, Any], count: int) -> set[str]:
    """Return the priorities that the audit events of a notification tell, once there are so many."""
    events = eventually(lambda: suite.audit.events(obj), lambda found: len(found) == count, within=10)
    return {event["event_data"]["priority"] for event in events}
