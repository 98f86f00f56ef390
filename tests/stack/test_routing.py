"""The routing document beside what the group skip asks of it: troubles are told, and the rules go on."""

from typing import Any

import pytest

from tests.harness.cluster import Object
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.harness.whereabouts import arrivals, routing
from tests.stack.suite import Suite

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


def told(suite: Suite) -> list[Object]:
    """Return the Events about the ConfigMap that there is now; those about its predecessors stay for a while."""
    name, namespace = "notification-routing-config", suite.operator.namespace
    uid = suite.cluster.core.read_namespaced_config_map(name, namespace).metadata.uid
    return suite.events({"metadata": {"namespace": namespace, "name": name, "uid": uid}})


def routed(suite: Suite, **labels: str) -> dict[str, Any]:
    full = {f"kubernaut.ai/{key}": value for key, value in labels.items()}
    return notification(suite.namespace, labels=full, channels=None)


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
def test_nested_rules_expressions_and_continue_choose_the_channels(
    served: Suite, labels: dict[str, str], expected: dict[str, int]
) -> None:
    with served.routing(RULES):
        obj = served.deliver(routed(served, **labels), "Sent")
    assert arrivals(served, obj) == expected
    assert routing(obj["status"])[:2] == ("True", "RoutingRuleMatched")


def test_a_broken_document_leaves_the_last_good_one_in_force_and_is_told(served: Suite) -> None:
    refused = served.metric(REFUSED)
    with served.routing(RULES) as document:
        assert served.metric(LOADED) == 1
        document.write({"route": {"receiver": "nobody"}, "receivers": [{"name": "x"}]})
        assert (served.metric(LOADED), served.metric(REFUSED)) == (0, refused + 1)
        obj = served.deliver(routed(served, severity="critical", environment="production"), "Sent")
        assert arrivals(served, obj) == {"slack": 1}
        (event,) = eventually(lambda: told(served), bool, within=10)
    assert (event["type"], event["reason"]) == ("Warning", "RoutingDocumentRefused")
    assert event["regarding"]["kind"] == "ConfigMap"
    assert "unknown receiver 'nobody'" in event["note"]


def test_a_document_that_is_broken_from_the_start_sends_to_the_fallback_and_says_why(served: Suite) -> None:
    with served.routing("route: ["):
        obj = served.deliver(routed(served, severity="critical"), "Sent")
    assert arrivals(served, obj) == {"console": 1}
    status, reason, message = routing(obj["status"])
    assert (status, reason) == ("False", "RoutingFailed")
    assert "is not YAML" in message


def test_the_same_problem_again_is_the_same_event_once_more(served: Suite) -> None:
    broken = {"route": {"receiver": "nobody"}, "receivers": [{"name": "x"}]}
    with served.routing(broken) as document:
        eventually(lambda: told(served), bool, within=10)
        document.write(RULES)
        document.write(broken)
        (event,) = eventually(lambda: told(served), lambda events: "series" in events[0], within=10)
    assert event["series"]["count"] == 2
    assert event["series"]["lastObservedTime"] > event["eventTime"]
