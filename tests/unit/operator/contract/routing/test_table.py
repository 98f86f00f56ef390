"""The routing table: which rules match which labels, and the problems of invalid documents."""

from typing import Any

import pytest
import yaml

from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.routing.document import check_document
from notification_contract.routing.table import (
    IGNORED_KEYS,
    IGNORED_RULE_KEYS,
    RoutingTable,
    RoutingTableError,
    parse_table,
)

RECEIVERS = """
receivers:
- {name: default, channels: [console]}
- {name: a, channels: [slack]}
- {name: b, channels: [email]}
- {name: c, channels: [file]}
"""


def table(routes: str) -> RoutingTable:
    return parse_table(yaml.safe_load(routes + RECEIVERS))


def receivers(routing: RoutingTable, **labels: str) -> list[str]:
    return [match.receiver.name for match in routing.match(labels)]


def problems_of(document: Any) -> list[str]:
    with pytest.raises(RoutingTableError) as caught:
        parse_table(yaml.safe_load(document) if isinstance(document, str) else document)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_first_matching_rule_takes_precedence() -> None:
    routing = table("""
route:
  receiver: default
  routes:
  - {matchers: ['x="1"', 'y="1"'], receiver: a}
  - {matchers: ['x="1"'], receiver: b}
""")
    assert receivers(routing, x="1", y="1") == ["a"]
    assert receivers(routing, x="1", y="2") == ["b"]
    assert receivers(routing, y="1") == ["default"]


def test_continue_evaluates_later_siblings() -> None:
    routing = table("""
route:
  receiver: default
  routes:
  - {matchers: ['x="1"'], receiver: a, continue: true}
  - {matchers: ['y="1"'], receiver: b}
  - {matchers: ['x=~".+"'], receiver: c}
""")
    assert receivers(routing, x="1", y="1") == ["a", "b"]
    assert receivers(routing, x="1") == ["a", "c"]
    assert receivers(routing, y="1") == ["b"]


def test_deepest_matching_rule_takes_precedence_over_its_parents() -> None:
    routing = table("""
route:
  receiver: default
  routes:
  - matchers: ['x="1"']
    receiver: a
    routes:
    - matchers: ['y="1"']
      receiver: b
      routes: [{matchers: ['z="1"'], receiver: c}]
""")
    assert receivers(routing, x="1", y="1", z="1") == ["c"]
    assert receivers(routing, x="1", y="1") == ["b"]
    assert receivers(routing, x="1", z="1") == ["a"]
    assert receivers(routing, y="1", z="1") == ["default"]


def test_continue_of_a_child_does_not_leave_its_parent() -> None:
    routing = table("""
route:
  receiver: default
  routes:
  - matchers: ['x="1"']
    routes: [{matchers: ['y="1"'], receiver: a, continue: true}, {matchers: ['y="1"'], receiver: b}]
  - {matchers: ['x="1"'], receiver: c}
""")
    assert receivers(routing, x="1", y="1") == ["a", "b"]


def test_rule_without_a_receiver_uses_that_of_its_parent() -> None:
    routing = table("""
route:
  receiver: default
  routes: [{matchers: ['x="1"'], receiver: a, routes: [{matchers: ['y="1"']}]}]
""")
    assert receivers(routing, x="1", y="1") == ["a"]


def test_rule_matches_only_when_all_its_conditions_hold() -> None:
    routing = table("""
route:
  receiver: default
  routes:
  - matchers: 'w="1", v!="1"'
    match: {x: "1"}
    match_re: {y: "1|2"}
    receiver: a
""")
    assert receivers(routing, w="1", x="1", y="2") == ["a"]
    for changed in ({"w": "2"}, {"v": "1"}, {"x": "2"}, {"y": "12"}):
        assert receivers(routing, **{"w": "1", "x": "1", "y": "2", **changed}) == ["default"]


def test_root_that_does_not_match_selects_nothing() -> None:
    assert table("route: {receiver: default, matchers: ['x=1']}").match({}) == ()


def test_match_is_by_default_when_no_rule_on_its_path_has_a_matcher() -> None:
    routing = table("""
route:
  receiver: default
  routes:
  - {matchers: ['x="1"'], routes: [{receiver: a}]}
  - receiver: b
""")
    [matched] = routing.match({"x": "1"})
    assert (matched.receiver.name, matched.by_default, str(matched)) == ("a", False, 'x="1"')
    [default] = routing.match({})
    assert (default.receiver.name, default.by_default, str(default)) == ("b", True, "")


def test_match_is_shown_by_rule_name_or_by_conditions() -> None:
    routing = table("""
route:
  receiver: default
  routes:
  - {name: pages, matchers: ['x="1"'], receiver: a}
  - {matchers: ['x="2"'], routes: [{matchers: ['y!="3"'], receiver: b}]}
""")
    assert str(routing.match({"x": "1"})[0]) == "pages"
    assert str(routing.match({"x": "2"})[0]) == 'x="2", y!="3"'


def test_parts_of_alertmanager_without_a_meaning_here_are_named() -> None:
    routing = table("""
global: {resolve_timeout: 5m}
inhibit_rules: []
route:
  receiver: default
  group_by: [x]
  routes: [{mute_time_intervals: [night]}, {mute_time_intervals: [weekend]}]
""")
    assert receivers(routing) == ["default"]
    assert routing.ignored == (
        "global: has no effect, set it in the NotificationReceivers; remove it",
        "inhibit_rules: has no effect, no notification suppresses another one; remove it",
        "route.group_by: has no effect, each notification is sent by itself; remove it",
        "route.routes[0].mute_time_intervals and 1 more: has no effect, notifications are sent at any time; remove it",
    )


@pytest.mark.parametrize("key", [*IGNORED_KEYS, *(f"route.{key}" for key in IGNORED_RULE_KEYS)])
def test_each_key_without_effect_is_named(key: str) -> None:
    place, _, name = key.rpartition(".")
    root = {"receiver": "default", **({name: []} if place else {})}
    document = {"route": root, "receivers": [{"name": "default"}], **({} if place else {name: []})}
    assert check_document(document)[1][0].startswith(f"{key}: has no effect")


def test_all_problems_are_reported_at_once_with_their_paths() -> None:
    assert problems_of("""
routs: []
route:
  receiver: default
  recevier: a
  routes:
  - {matchers: ['x='], receiver: a, continue: 'yes'}
  - {matchers: ['x=~"("', 'y'], match: {n: 3}, receiver: x}
  - {matchers: {x: 1}, match_re: {y: "["}, routes: 7, name: 5}
  - nothing
  - {match: [x]}
receivers:
- {name: default}
- {name: a, channels: [slak]}
""") == [
        "routs: unknown key; the keys are route and receivers",
        (f"receivers[1].channels[0]: unknown channel 'slak'; the channels are {', '.join(CHANNELS)}"),
        "route.recevier: unknown key; the keys are continue, match, match_re, matchers, name, receiver, routes",
        "route.routes[0].continue: must be true or false (got 'yes')",
        "route.routes[1].receiver: unknown receiver 'x'; define it under receivers",
        (
            "route.routes[1].matchers[0]: invalid regular expression '(': "
            "missing ): (; write it in the syntax of RE2"
        ),
        "route.routes[1].matchers[1]: cannot parse 'y'; write it like severity=~\"critical|high\"",
        "route.routes[1].match.n: must be a string (got 3); put it in quotes",
        "route.routes[2].name: must be a string (got 5); put it in quotes",
        "route.routes[2].matchers: must be a list (got {'x': 1})",
        "route.routes[2].match_re.y: invalid regular expression '[': missing ]: [; write it in the syntax of RE2",
        "route.routes[2].routes: must be a list (got 7)",
        "route.routes[3]: must be a mapping with a receiver (got 'nothing')",
        "route.routes[4].match: must be a mapping of labels to values (got ['x'])",
    ]


@pytest.mark.parametrize("document", [None, "text", [], 7])
def test_document_that_is_not_a_mapping_is_rejected(document: Any) -> None:
    [problem] = problems_of(document)
    assert problem.startswith("the document must be a mapping with route and receivers (got ")


def test_empty_document_lacks_both_parts() -> None:
    assert problems_of({}) == [
        "receivers: must be a list with at least one mapping that has a name",
        "route: must be a mapping with a receiver (got None)",
    ]


def test_root_requires_a_receiver() -> None:
    assert problems_of("route: {}\nreceivers: [{name: a}]") == [
        "route.receiver: missing; set the receiver of notifications that no rule matches"
    ]


def test_receiver_of_another_type_is_rejected() -> None:
    assert problems_of({"route": {"receiver": 3}, "receivers": [{"name": "a"}]}) == [
        "route.receiver: must be the name of a receiver (got 3)"
    ]


def test_endless_tree_is_rejected() -> None:
    assert problems_of("route: &r {receiver: a, routes: [*r]}\nreceivers: [{name: a}]") == [
        "route: more than 32 levels or 10000 rules; use fewer"
    ]


def test_short_text_of_a_huge_tree_is_rejected() -> None:
    levels = "\n".join(f"l{n}: &l{n} {{routes: [{', '.join([f'*l{n - 1}'] * 9)}]}}" for n in range(1, 9))
    text = (
        f"l0: &l0 {{receiver: a}}\n{levels}\nroute: {{receiver: a, routes: [*l8]}}\nreceivers: [{{name: a}}]"
    )
    assert "route: more than 32 levels or 10000 rules; use fewer" in problems_of(text)


def test_huge_value_is_shortened_in_the_problem() -> None:
    problems = problems_of(
        {"route": {"receiver": "a", "name": ["x" * 10_000] * 1000}, "receivers": [{"name": "a"}]}
    )
    assert len("".join(problems)) < 300
