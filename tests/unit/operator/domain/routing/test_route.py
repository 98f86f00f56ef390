"""Which channels a notification goes to, and what its condition says of the choice."""

import pytest
import yaml

from notification_contract.routing.table import RoutingTable, parse_table
from notification_operator.domain.routing.route import (
    MAX_MESSAGE,
    Route,
    RoutingReason,
    resolve,
    routing_condition,
)
from notification_operator.domain.status import Status
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


def test_channels_that_the_spec_names_are_not_routed() -> None:
    assert resolve(notification("file", "log"), TABLE) == Route(channels=("file", "log"))


def test_without_a_table_the_console_is_the_fallback() -> None:
    assert routed(None) == Route(
        channels=("console",),
        reason=RoutingReason.FALLBACK,
        message="No routing rule applies; delivering to the fallback channel console",
    )


def test_a_rule_that_matches_is_named_with_labels_receiver_and_channels() -> None:
    found = routed(
        domain__skip_reason="PreviousExecutionFailed", domain__environment="production", other="hidden"
    )
    assert found == Route(
        channels=("slack", "console"),
        reason=RoutingReason.RULE_MATCHED,
        message="Rule failed-before matches the labels "
        "environment=production, skip-reason=PreviousExecutionFailed; "
        "receiver oncall delivers to slack, console",
    )


def test_a_rule_without_a_name_is_shown_by_its_conditions() -> None:
    found = routed(domain__skip_reason="ResourceBusy")
    assert found.channels == ("slack",)
    assert found.message == (
        'Rule kubernaut.ai/skip-reason=~".+" matches the labels skip-reason=ResourceBusy; '
        "receiver ops delivers to slack"
    )


def test_the_default_receiver_is_a_fallback_and_says_so() -> None:
    assert routed(domain__severity="low") == Route(
        channels=("console",),
        reason=RoutingReason.FALLBACK,
        message="No routing rule matches the labels severity=low; "
        "the default receiver default delivers to console",
    )


def test_labels_of_any_domain_can_be_asked_for_but_only_ours_are_listed() -> None:
    assert routed(team="shop").message == (
        'Rule team=~"web|shop" matches its labels; receiver oncall delivers to slack, console'
    )


def test_several_rules_give_each_channel_once_in_first_seen_order() -> None:
    found = routed(team="web")
    assert found.channels == ("file", "slack", "console")
    assert found.message == (
        'Rule team="web" and team=~"web|shop" matches its labels; '
        "receiver web, oncall delivers to file, slack, console"
    )


def test_a_look_alike_domain_does_not_match() -> None:
    look_alike = notification(labels={"kubernaut.io/skip-reason": "ResourceBusy", "skip-reason": "x"})
    found = resolve(look_alike, TABLE)
    assert (found.channels, found.reason) == (("console",), RoutingReason.FALLBACK)
    assert "ResourceBusy" not in found.message


def test_a_root_that_asks_for_something_leaves_the_rest_to_the_console() -> None:
    strict = parse_table(
        {"route": {"receiver": "r", "matchers": ["x=1"]}, "receivers": [{"name": "r", "channels": ["slack"]}]}
    )
    assert routed(strict).channels == ("console",)
    assert routed(strict, x="1").reason is RoutingReason.RULE_MATCHED


def test_a_document_that_cannot_be_used_is_the_condition_s_reason() -> None:
    found = routed(None, broken="route.receiver: missing")
    assert found == Route(
        channels=("console",),
        reason=RoutingReason.FAILED,
        message="The routing document is invalid, delivering to the fallback channel console: "
        "route.receiver: missing",
    )


def test_a_message_never_outgrows_a_condition() -> None:
    assert len(routed(None, broken="x" * 100_000).message) == MAX_MESSAGE
    labels = {f"kubernaut.ai/label-{index}": "v" * 60 for index in range(100)}
    assert len(resolve(notification(labels=labels), TABLE).message) == MAX_MESSAGE


@pytest.mark.parametrize("now", [TABLE, None])
def test_a_choice_on_record_stays_with_its_reason_whatever_became_of_the_table(
    now: RoutingTable | None,
) -> None:
    first = routed(domain__skip_reason="PreviousExecutionFailed", domain__environment="production")
    conditions = (
        Status().with_conditions(routing_condition(first), generation=1, now=START).dump()["conditions"]
    )
    status = {
        "phase": "Sending",
        "resolvedChannels": list(first.channels),
        "conditions": [{"type": "Theirs", "status": "True"}, *conditions],
    }
    assert resolve(notification(status=status), now, broken="broken since") == first


@pytest.mark.parametrize("conditions", [[], [{"type": "RoutingResolved", "reason": "Foreign"}]])
def test_a_choice_on_record_whose_reason_was_lost_still_holds(conditions: list[dict[str, str]]) -> None:
    status = {"phase": "Sending", "resolvedChannels": ["slack"], "conditions": conditions}
    found = resolve(notification(status=status), TABLE)
    assert (found.channels, found.reason) == (("slack",), RoutingReason.FALLBACK)
    assert found.message == "Chosen in an earlier reconciliation: slack"
