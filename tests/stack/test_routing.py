"""The routing document in addition to group skip: problems are reported, and routing continues."""

from typing import Any

import pytest

from tests.harness.cluster import Object
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import arrivals, routing

pytestmark = pytest.mark.xdist_group("routing")

RULES: dict[str, Any] = {
    "route": {
        "receiver": "console",
        "routes": [
            {
                "name": "severe",
                "matchers": ['kubernaut.ai/severity=~"critical|high"'],
                "receiver": "slack",
                "continue": True,
                "routes": [{"matchers": ['kubernaut.ai/environment!="production"'], "receiver": "console"}],
            },
            {"match": {"kubernaut.ai/component": "database"}, "receiver": "console"},
        ],
    },
    "receivers": [
        {"name": "console", "console_configs": [{}]},
        {"name": "slack", "channels": [{"slack": {"channel": "#oncall"}}]},
    ],
}
LOADED, REFUSED = "kubernaut_notification_routing_loaded", "kubernaut_notification_routing_refusals_total"


def routing_events(operator: OperatorUnderTest) -> list[Object]:
    """Return the Events about the current ConfigMap; those about deleted ones remain for a while."""
    name, namespace = "notification-routing-config", operator.workload.namespace
    uid = operator.cluster.core.read_namespaced_config_map(name, namespace).metadata.uid
    return operator.events({"metadata": {"namespace": namespace, "name": name, "uid": uid}})


def routed(operator: OperatorUnderTest, **labels: str) -> dict[str, Any]:
    full = {f"kubernaut.ai/{key}": value for key, value in labels.items()}
    return notification(operator.namespace, labels=full, channels=None)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"severity": "critical", "environment": "production"}, {"slack": 1}),
        ({"severity": "high", "environment": "test"}, {"console": 1}),
        (
            {"severity": "high", "environment": "production", "component": "database"},
            {"slack": 1, "console": 1},
        ),
        ({"severity": "low", "component": "database"}, {"console": 1}),
    ],
    ids=["rule", "nested rule", "two rules by continue", "later rule"],
)
def test_nested_routes_matchers_and_continue_select_channels(
    shipped_operator: OperatorUnderTest, labels: dict[str, str], expected: dict[str, int]
) -> None:
    with shipped_operator.routing(RULES):
        obj = shipped_operator.deliver(routed(shipped_operator, **labels), "Sent")
    assert arrivals(shipped_operator, obj) == expected
    assert routing(obj["status"])[:2] == ("True", "RoutingRuleMatched")


def test_invalid_routing_document_keeps_the_last_valid_one_and_reports_it(
    shipped_operator: OperatorUnderTest,
) -> None:
    refused = shipped_operator.metric(REFUSED)
    with shipped_operator.routing(RULES) as document:
        assert shipped_operator.metric(LOADED) == 1
        document.write({"route": {"receiver": "nobody"}, "receivers": [{"name": "x"}]})
        assert (shipped_operator.metric(LOADED), shipped_operator.metric(REFUSED)) == (0, refused + 1)
        obj = shipped_operator.deliver(
            routed(shipped_operator, severity="critical", environment="production"), "Sent"
        )
        assert arrivals(shipped_operator, obj) == {"slack": 1}
        (event,) = eventually(lambda: routing_events(shipped_operator), bool, within=10)
    assert (event["type"], event["reason"]) == ("Warning", "RoutingDocumentRefused")
    assert event["regarding"]["kind"] == "ConfigMap"
    assert "unknown receiver 'nobody'" in event["note"]


def test_invalid_first_routing_document_uses_the_fallback_and_says_why(
    shipped_operator: OperatorUnderTest,
) -> None:
    with shipped_operator.routing("route: ["):
        obj = shipped_operator.deliver(routed(shipped_operator, severity="critical"), "Sent")
    assert arrivals(shipped_operator, obj) == {"console": 1}
    status, reason, message = routing(obj["status"])
    assert (status, reason) == ("False", "RoutingFailed")
    assert "is not valid YAML" in message


def test_repeated_routing_problem_has_an_event_with_the_count(shipped_operator: OperatorUnderTest) -> None:
    broken = {"route": {"receiver": "nobody"}, "receivers": [{"name": "x"}]}
    with shipped_operator.routing(broken) as document:
        eventually(lambda: routing_events(shipped_operator), bool, within=10)
        document.write(RULES)
        document.write(broken)
        events = eventually(
            lambda: routing_events(shipped_operator), lambda result: len(result) == 2, within=10
        )
    first, second = sorted(events, key=lambda event: event["eventTime"])
    assert "series" not in first
    assert second["series"]["count"] == 2
