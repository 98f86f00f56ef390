"""The rules in force: routing chooses names, and the catalog turns them into targets."""

import yaml

from notification_contract.routing.table import parse_table
from notification_domain.receivers.targets import TargetRules
from notification_domain.routing import Route, RoutingState, Rules
from tests.unit.operator.domain.builders import notification
from tests.unit.operator.domain.receivers.entries import HOME, receiver, resolver

TABLE = parse_table(
    yaml.safe_load(f"""
route: {{receiver: default}}
receivers:
- {{name: default, channels: [console], receiverRef: {{name: hook, namespace: {HOME}}}}}
""")
)


def test_route_has_the_targets_of_the_chosen_receivers_and_their_rules() -> None:
    hook = receiver("hook", namespace=HOME, allowedNamespaces={"from": "All"}, retryPolicy={"maxAttempts": 2})
    rules = Rules(routing=RoutingState().accept(TABLE), resolver=resolver(hook))
    route = rules.route(notification())
    assert route.targets == ("console", "webhook/platform/hook")
    assert {target: each.max_attempts for target, each in route.rules.items()} == {"webhook/platform/hook": 2}


def test_target_of_a_tracked_route_follows_what_its_receiver_demands_now() -> None:
    hook = receiver("hook", namespace=HOME, allowedNamespaces={"from": "All"}, priorities=["critical"])
    unknown = Route(targets=("console", "webhook/platform/hook"))
    route = Rules(routing=RoutingState(), resolver=resolver(hook)).route(notification(), unknown)
    assert route.targets == unknown.targets
    assert route.rules["webhook/platform/hook"].muted


def test_fallback_of_a_tracked_route_stays() -> None:
    hook = receiver("hook", namespace=HOME, allowedNamespaces={"from": "All"}, retryPolicy={"maxAttempts": 2})
    earlier = {"webhook/platform/hook": TargetRules(fallback=("email/platform/mail",), fallback_after=60.0)}
    tracked = Route(targets=("webhook/platform/hook",), rules=earlier)
    route = Rules(routing=RoutingState(), resolver=resolver(hook)).route(notification(), tracked)
    assert route.rules["webhook/platform/hook"] == TargetRules(
        max_attempts=2, fallback=("email/platform/mail",), fallback_after=60.0
    )
    assert Rules(routing=RoutingState(), resolver=resolver()).route(notification(), tracked) is tracked
