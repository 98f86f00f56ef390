"""The routing document: which rules labels lead to, and what is wrong with a document."""

from typing import Any

import pytest
import yaml

from notification_contract.routing.table import RoutingTable, RoutingTableError, parse_table

RECEIVERS = """
receivers:
- {name: default, channels: [console]}
- {name: a, channels: [slack]}
- {name: b, channels: [email]}
- {name: c, channels: [file]}
"""


def table(routes: str) -> RoutingTable:
    return parse_table(yaml.safe_load(routes + RECEIVERS))


def receivers(found: RoutingTable, **labels: str) -> list[str]:
    return [choice.receiver.name for choice in found.choose(labels)]


def problems_of(document: Any) -> list[str]:
    with pytest.raises(RoutingTableError) as caught:
        parse_table(yaml.safe_load(document) if isinstance(document, str) else document)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_the_first_rule_that_matches_wins() -> None:
    found = table("""
route:
  receiver: default
  routes:
  - {matchers: ['x="1"', 'y="1"'], receiver: a}
  - {matchers: ['x="1"'], receiver: b}
""")
    assert receivers(found, x="1", y="1") == ["a"]
    assert receivers(found, x="1", y="2") == ["b"]
    assert receivers(found, y="1") == ["default"]


def test_continue_looks_at_later_siblings_too() -> None:
    found = table("""
route:
  receiver: default
  routes:
  - {matchers: ['x="1"'], receiver: a, continue: true}
  - {matchers: ['y="1"'], receiver: b}
  - {matchers: ['x=~".+"'], receiver: c}
""")
    assert receivers(found, x="1", y="1") == ["a", "b"]
    assert receivers(found, x="1") == ["a", "c"]
    assert receivers(found, y="1") == ["b"]


def test_the_deepest_rule_that_matches_beats_its_parents() -> None:
    found = table("""
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
    assert receivers(found, x="1", y="1", z="1") == ["c"]
    assert receivers(found, x="1", y="1") == ["b"]
    assert receivers(found, x="1", z="1") == ["a"]
    assert receivers(found, y="1", z="1") == ["default"]


def test_a_child_s_continue_stays_within_its_parent() -> None:
    found = table("""
route:
  receiver: default
  routes:
  - matchers: ['x="1"']
    routes: [{matchers: ['y="1"'], receiver: a, continue: true}, {matchers: ['y="1"'], receiver: b}]
  - {matchers: ['x="1"'], receiver: c}
""")
    assert receivers(found, x="1", y="1") == ["a", "b"]


def test_a_rule_without_a_receiver_has_its_parent_s() -> None:
    found = table("""
route:
  receiver: default
  routes: [{matchers: ['x="1"'], receiver: a, routes: [{matchers: ['y="1"']}]}]
""")
    assert receivers(found, x="1", y="1") == ["a"]


def test_all_ways_to_write_a_condition_have_to_hold_together() -> None:
    found = table("""
route:
  receiver: default
  routes:
  - matchers: 'w="1", v!="1"'
    match: {x: "1"}
    match_re: {y: "1|2"}
    receiver: a
""")
    assert receivers(found, w="1", x="1", y="2") == ["a"]
    for spoiled in ({"w": "2"}, {"v": "1"}, {"x": "2"}, {"y": "12"}):
        assert receivers(found, **{"w": "1", "x": "1", "y": "2", **spoiled}) == ["default"]


def test_a_root_that_does_not_match_leads_nowhere() -> None:
    assert table("route: {receiver: default, matchers: ['x=1']}").choose({}) == ()


def test_a_choice_is_by_default_when_no_rule_on_the_way_asked_for_anything() -> None:
    found = table("""
route:
  receiver: default
  routes:
  - {matchers: ['x="1"'], routes: [{receiver: a}]}
  - receiver: b
""")
    [chosen] = found.choose({"x": "1"})
    assert (chosen.receiver.name, chosen.by_default, str(chosen)) == ("a", False, 'x="1"')
    [default] = found.choose({})
    assert (default.receiver.name, default.by_default, str(default)) == ("b", True, "")


def test_a_rule_is_known_by_its_name_else_by_its_conditions() -> None:
    found = table("""
route:
  receiver: default
  routes:
  - {name: pages, matchers: ['x="1"'], receiver: a}
  - {matchers: ['x="2"'], routes: [{matchers: ['y!="3"'], receiver: b}]}
""")
    assert str(found.choose({"x": "1"})[0]) == "pages"
    assert str(found.choose({"x": "2"})[0]) == 'x="2", y!="3"'


def test_parts_of_alertmanager_that_mean_nothing_here_are_passed_over() -> None:
    found = table("""
global: {resolve_timeout: 5m}
inhibit_rules: []
route: {receiver: default, group_by: [x], group_wait: 30s, group_interval: 5m, repeat_interval: 3h}
""")
    assert receivers(found) == ["default"]


def test_all_problems_are_reported_at_once_each_with_its_place() -> None:
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
        "routs: unknown key; known are route and receivers",
        (
            "receivers[1].channels[0]: unknown channel 'slak'; known are "
            "email, slack, teams, sms, webhook, console, file, log"
        ),
        "route.recevier: unknown key; known are continue, match, match_re, matchers, name, receiver, routes",
        "route.routes[0].continue: must be true or false (got 'yes')",
        "route.routes[1].receiver: unknown receiver 'x'; define it under receivers",
        (
            "route.routes[1].matchers[0]: invalid regular expression '(': "
            "missing ), unterminated subpattern at position 0"
        ),
        "route.routes[1].matchers[1]: cannot read 'y'; write it like severity=~\"critical|high\"",
        "route.routes[1].match.n: must be a text (got 3); put it in quotes",
        "route.routes[2].name: must be a text (got 5); put it in quotes",
        "route.routes[2].matchers: must be a list (got {'x': 1})",
        "route.routes[2].match_re.y: invalid regular expression '[': unterminated character set at position 0",
        "route.routes[2].routes: must be a list (got 7)",
        "route.routes[3]: must be a mapping with a receiver (got 'nothing')",
        "route.routes[4].match: must be a mapping of labels to values (got ['x'])",
    ]


@pytest.mark.parametrize("document", [None, "text", [], 7])
def test_a_document_that_is_no_mapping_is_refused(document: Any) -> None:
    [problem] = problems_of(document)
    assert problem.startswith("the document must be a mapping with route and receivers (got ")


def test_an_empty_document_lacks_both_parts() -> None:
    assert problems_of({}) == [
        "receivers: at least one is needed, as a list of mappings with a name each",
        "route: must be a mapping with a receiver (got None)",
    ]


def test_the_root_needs_a_receiver() -> None:
    assert problems_of("route: {}\nreceivers: [{name: a}]") == [
        "route.receiver: missing; name the receiver of what no rule matches"
    ]


def test_a_tree_without_end_is_refused() -> None:
    assert problems_of("route: &r {receiver: a, routes: [*r]}\nreceivers: [{name: a}]") == [
        "route: more than 32 levels or 10000 rules; use fewer"
    ]


def test_a_short_text_that_stands_for_a_huge_tree_is_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} {{routes: [{', '.join([f'*l{n - 1}'] * 9)}]}}" for n in range(1, 9))
    text = (
        f"l0: &l0 {{receiver: a}}\n{levels}\nroute: {{receiver: a, routes: [*l8]}}\nreceivers: [{{name: a}}]"
    )
    assert "route: more than 32 levels or 10000 rules; use fewer" in problems_of(text)


def test_a_huge_value_is_not_repeated_in_the_problem() -> None:
    problems = problems_of(
        {"route": {"receiver": "a", "name": ["x" * 10_000] * 1000}, "receivers": [{"name": "a"}]}
    )
    assert len("".join(problems)) < 300
