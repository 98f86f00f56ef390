"""The route of a notification, and the message of its condition."""

import pytest
import yaml

from notification_contract.routing.document import read_table
from notification_contract.routing.table import RoutingTable, parse_table
from notification_domain.conditions import updated
from notification_domain.routing import (
    MAX_MESSAGE,
    Route,
    RoutingReason,
    resolve,
    routing_condition,
)
from notification_domain.status import Status
from tests.unit.operator.domain.builders import START, notification

TABLE = parse_table(
    yaml.safe_load("""
route:
  receiver: default
  routes:
  - name: failed-before
    matchers: ['kubernaut.ai/skip-reason="PreviousExecutionFailed"', 'kubernaut.ai/environment="production"']
    receiver: oncall
  - matchers: ['kubernaut.ai/skip-reason=~".+"']
    receiver: ops
  - {matchers: ['team="web"'], receiver: web, continue: true}
  - {matchers: ['team=~"web|shop"'], receiver: oncall}
receivers:
- {name: default, channels: [console]}
- {name: oncall, slack_configs: [{channel: "#oncall"}], console_configs: [{}]}
- {name: ops, channels: [slack]}
- {name: web, channels: [file, slack]}
""")
)


def routed(table: RoutingTable | None = TABLE, *, broken: str = "", **labels: str) -> Route:
    named = {name.replace("__", "/").replace("_", "-"): value for name, value in labels.items()}
    full = {key.replace("domain/", "kubernaut.ai/"): value for key, value in named.items()}
    return resolve(notification(labels=full), table, broken=broken)


def test_channels_named_in_the_spec_are_not_routed() -> None:
    assert resolve(notification("file", "log"), TABLE) == Route(targets=("file", "log"))


def test_missing_table_routes_to_the_console() -> None:
    assert routed(None) == Route(
        targets=("console",),
        reason=RoutingReason.FALLBACK,
        message="No routing rule applies; delivering to the fallback channel console, which is the operator's log",
    )
    assert routed(None).only_logs


def test_only_a_default_to_the_log_of_the_operator_only_logs() -> None:
    by_default = read_table("route: {receiver: r}\nreceivers: [{name: r, channels: [console, log]}]")
    elsewhere = read_table("route: {receiver: r}\nreceivers: [{name: r, channels: [console, slack]}]")
    assert routed(by_default).only_logs
    assert not routed(elsewhere).only_logs
    assert not resolve(notification("console"), TABLE).only_logs


def test_message_names_rule_labels_receiver_and_channels() -> None:
    route = routed(
        domain__skip_reason="PreviousExecutionFailed", domain__environment="production", other="hidden"
    )
    assert route == Route(
        targets=("slack", "console"),
        reason=RoutingReason.RULE_MATCHED,
        message="Rule failed-before matches the labels "
        "environment=production, skip-reason=PreviousExecutionFailed; "
        "receiver oncall delivers to slack, console",
    )


def test_unnamed_rule_is_shown_by_its_matchers() -> None:
    route = routed(domain__skip_reason="ResourceBusy")
    assert route.targets == ("slack",)
    assert route.message == (
        'Rule kubernaut.ai/skip-reason=~".+" matches the labels skip-reason=ResourceBusy; '
        "receiver ops delivers to slack"
    )


def test_default_receiver_is_reported_as_fallback() -> None:
    assert routed(domain__severity="low") == Route(
        targets=("console",),
        reason=RoutingReason.FALLBACK,
        message="No routing rule matches the labels severity=low; "
        "the default receiver default delivers to console",
    )


def test_message_lists_only_labels_of_the_own_domain() -> None:
    assert routed(team="shop").message == (
        'Rule team=~"web|shop" matches its labels; receiver oncall delivers to slack, console'
    )


def test_channels_of_several_rules_are_listed_once_in_order() -> None:
    route = routed(team="web")
    assert route.targets == ("file", "slack", "console")
    assert route.message == (
        'Rule team="web" and team=~"web|shop" matches its labels; '
        "receiver web, oncall delivers to file, slack, console"
    )


def test_similar_domain_does_not_match() -> None:
    look_alike = notification(labels={"kubernaut.io/skip-reason": "ResourceBusy", "skip-reason": "x"})
    route = resolve(look_alike, TABLE)
    assert (route.targets, route.reason) == (("console",), RoutingReason.FALLBACK)
    assert "ResourceBusy" not in route.message


def test_notification_outside_a_root_matcher_goes_to_the_console() -> None:
    strict = parse_table(
        {"route": {"receiver": "r", "matchers": ["x=1"]}, "receivers": [{"name": "r", "channels": ["slack"]}]}
    )
    assert routed(strict).targets == ("console",)
    assert routed(strict, x="1").reason is RoutingReason.RULE_MATCHED


def test_invalid_document_is_the_reason_of_the_condition() -> None:
    route = routed(None, broken="route.receiver: missing")
    assert route == Route(
        targets=("console",),
        reason=RoutingReason.FAILED,
        message="The routing document is invalid, delivering to the fallback channel console, which is the operator's log: "
        "route.receiver: missing",
    )


def test_message_stays_within_the_limit_of_a_condition() -> None:
    assert len(routed(None, broken="x" * 100_000).message) == MAX_MESSAGE
    labels = {f"kubernaut.ai/label-{index}": "v" * 60 for index in range(100)}
    assert len(resolve(notification(labels=labels), TABLE).message) == MAX_MESSAGE


@pytest.mark.parametrize("table", [TABLE, None])
def test_recorded_choice_stays_with_its_reason(
    table: RoutingTable | None,
) -> None:
    first = routed(domain__skip_reason="PreviousExecutionFailed", domain__environment="production")
    chosen = updated((), routing_condition(first), generation=1, now=START)
    conditions = Status(conditions=chosen).dump()["conditions"]
    status = {
        "phase": "Sending",
        "resolvedChannels": list(first.targets),
        "conditions": [{"type": "Theirs", "status": "True"}, *conditions],
    }
    assert resolve(notification(status=status), table, broken="broken since") == first


@pytest.mark.parametrize("conditions", [[], [{"type": "RoutingResolved", "reason": "Foreign"}]])
def test_recorded_choice_without_a_reason_stays(conditions: list[dict[str, str]]) -> None:
    status = {"phase": "Sending", "resolvedChannels": ["slack"], "conditions": conditions}
    route = resolve(notification(status=status), TABLE)
    assert (route.targets, route.reason) == (("slack",), RoutingReason.FALLBACK)
    assert route.message == "Chosen in an earlier reconciliation: slack"
