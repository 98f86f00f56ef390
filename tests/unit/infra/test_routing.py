"""A stack's routing rules: the stack accepts exactly the documents that the operator accepts."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from notification_contract import names
from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.routing.document import MAX_CHARACTERS, MAX_VALUES, read_table, render
from notification_contract.routing.table import MAX_DEPTH, MAX_RULES, RoutingTableError
from platform_infra.settings.reader import SettingsError, parse

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

R = [{"name": "r"}]
ELSEWHERE = {"receiversElsewhere": json.dumps([*ReceiverType])}
"""Whether there is a receiver behind a channel is another question than whether a document is valid."""


def tower(levels: int) -> dict[str, Any]:
    route: dict[str, Any] = {}
    for _ in range(levels - 1):
        route = {"routes": [route]}
    return {"receiver": "r", **route}


GOOD: dict[str, dict[str, Any]] = {
    "least": {"route": {"receiver": "r"}, "receivers": R},
    "full": {
        "global": {"resolve_timeout": "5m"},
        "templates": ["x"],
        "inhibit_rules": [],
        "route": {
            "receiver": "r",
            "group_by": ["a"],
            "group_wait": "30s",
            "routes": [
                {
                    "name": "critical",
                    "receiver": "oncall",
                    "matchers": ['kubernaut.ai/severity=~"critical|high"', "{team!=web, a!~b}"],
                    "match": {"x": "y"},
                    "match_re": {"z": ".*"},
                    "continue": True,
                    "routes": [{"matchers": "a=b"}],
                }
            ],
        },
        "receivers": [
            *R,
            {
                "name": "oncall",
                "channels": ["console", {"slack": {"channel": "#oncall"}}, {"email": None, "sms": [{}]}, {}],
                "slack_configs": [{"channel": "#x"}, None],
                "pagerdutyConfigs": None,
                "webhook": {"url": "https://example.com"},
                "msteams_configs": [],
            },
        ],
    },
    "nulls": {
        "route": {"receiver": "r", "matchers": None, "match": None, "match_re": None, "routes": None},
        "receivers": [{"name": "r", "channels": None}],
    },
    "empty": {"route": {"receiver": "r", "matchers": "", "routes": []}, "receivers": R},
    "odd texts": {
        "route": {"receiver": "yes", "name": "1.0", "matchers": ["a=\x85\u2028é \n", '"b\\"c"="\\n"']},
        "receivers": [{"name": "yes"}],
    },
    "deepest": {"route": tower(MAX_DEPTH), "receivers": R},
}
BAD: dict[str, dict[str, Any]] = {
    "nothing in it": {"route": {}, "receivers": []},
    "no route": {"receivers": R},
    "no receivers": {"route": {"receiver": "r"}},
    "null": {"route": None, "receivers": None},
    "unknown part": {"route": {"receiver": "r"}, "receivers": R, "rout": {}},
    "no receiver at the root": {"route": {"routes": [{"receiver": "r"}]}, "receivers": R},
    "unknown receiver": {"route": {"receiver": "r", "routes": [{"receiver": "s"}]}, "receivers": R},
    "receiver is a number": {"route": {"receiver": 1}, "receivers": R},
    "unknown key of a route": {"route": {"receiver": "r", "reciever": "r"}, "receivers": R},
    "route's name": {"route": {"receiver": "r", "name": None}, "receivers": R},
    "continue": {"route": {"receiver": "r", "continue": "yes"}, "receivers": R},
    "continue is null": {"route": {"receiver": "r", "continue": None}, "receivers": R},
    "routes": {"route": {"receiver": "r", "routes": {}}, "receivers": R},
    "a route is a text": {"route": {"receiver": "r", "routes": ["r"]}, "receivers": R},
    "matchers": {"route": {"receiver": "r", "matchers": {"a": "b"}}, "receivers": R},
    "a matcher is a number": {"route": {"receiver": "r", "matchers": [1]}, "receivers": R},
    "a matcher cannot be read": {"route": {"receiver": "r", "matchers": ["a"]}, "receivers": R},
    "a matcher's expression": {"route": {"receiver": "r", "matchers": ['a=~"("']}, "receivers": R},
    "a matcher's escaped expression": {"route": {"receiver": "r", "matchers": ['a=~"\\\\"']}, "receivers": R},
    "match": {"route": {"receiver": "r", "match": ["a"]}, "receivers": R},
    "match a number": {"route": {"receiver": "r", "match": {"a": 1}}, "receivers": R},
    "match_re": {"route": {"receiver": "r", "match_re": {"a": "("}}, "receivers": R},
    "a receiver is a text": {"route": {"receiver": "r"}, "receivers": ["r"]},
    "a receiver without a name": {"route": {"receiver": "r"}, "receivers": [*R, {}]},
    "an empty name": {"route": {"receiver": "r"}, "receivers": [*R, {"name": ""}]},
    "the same name twice": {"route": {"receiver": "r"}, "receivers": [*R, *R]},
    "unknown key of a receiver": {"route": {"receiver": "r"}, "receivers": [{"name": "r", "x": []}]},
    "channels": {"route": {"receiver": "r"}, "receivers": [{"name": "r", "channels": "slack"}]},
    "unknown channel": {"route": {"receiver": "r"}, "receivers": [{"name": "r", "channels": ["fax"]}]},
    "a channel is a list": {"route": {"receiver": "r"}, "receivers": [{"name": "r", "channels": [["log"]]}]},
    "details": {"route": {"receiver": "r"}, "receivers": [{"name": "r", "channels": [{"log": "x"}]}]},
    "details of a kind": {"route": {"receiver": "r"}, "receivers": [{"name": "r", "slack_configs": ["#x"]}]},
    "too deep": {"route": tower(MAX_DEPTH + 1), "receivers": R},
    "too many": {"route": {"receiver": "r", "routes": [{}] * MAX_RULES}, "receivers": R},
    "too long": {"route": {"receiver": "r", "name": "x" * MAX_CHARACTERS}, "receivers": R},
    "too many values": {
        "route": {"receiver": "r"},
        "receivers": R,
        "templates": [[[0] * 100] * 100] * (MAX_VALUES // 10_000),
    },
}


def is_valid_for_operator(document: dict[str, Any]) -> bool:
    """Whether the operator accepts the ConfigMap that the stack creates."""
    try:
        read_table(render(document))
    except RoutingTableError:
        return False
    return True


def is_valid_for_stack(document: dict[str, Any]) -> bool:
    try:
        parse({"routing": document, **ELSEWHERE})
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("name", GOOD)
def test_valid_document_is_accepted_by_stack_and_operator(name: str) -> None:
    assert is_valid_for_operator(GOOD[name])
    assert is_valid_for_stack(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_invalid_document_is_rejected_by_stack_and_operator(name: str) -> None:
    assert not is_valid_for_operator(BAD[name])
    assert not is_valid_for_stack(BAD[name])


ANYTHING: list[Any] = [
    None,
    True,
    0,
    "",
    "r",
    "slack",
    "a=b",
    [],
    {},
    ["r"],
    ["a=b"],
    [{}],
    {"a": "b"},
    {"slack": {}},
]


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all values in a document."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(below for key, child in children for below in paths(child, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """A valid document in which up to two values are removed, added or replaced."""
    document: dict[str, Any] = copy.deepcopy(GOOD[draw(st.sampled_from(["full", "nulls", "empty"]))])
    for _ in range(draw(st.integers(0, 2))):
        *path, last = draw(st.sampled_from(paths(document)[1:]))
        holder: Any = document
        for key in path:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "remove":
                del holder[last]
            case "add" if isinstance(holder, dict):
                keys = ["receiver", "name", "routes", "continue", "matchers", "channels", "log_configs", "x"]
                holder[draw(st.sampled_from(keys))] = copy.deepcopy(draw(st.sampled_from(ANYTHING)))
            case _:
                holder[last] = copy.deepcopy(draw(st.sampled_from(ANYTHING)))
    return document


matchers = st.lists(
    st.tuples(
        st.sampled_from(["a", " kubernaut.ai/x ", '"q r"', '"', "1", "", "{a"]),
        st.sampled_from(["=", "!=", "=~", "!~", "==", "~"]),
        st.sampled_from(["b", '"b"', '"b,c"', '"b', "(", '"("', r'"\(\"', "b}", " b c ", ".*", ""]),
    ).map("".join),
    max_size=2,
).map(", ".join)


@given(changed())
def test_stack_and_operator_agree_on_every_changed_document(document: dict[str, Any]) -> None:
    assume(document)  # An empty mapping means that the stack has no rules.
    assert is_valid_for_operator(document) is is_valid_for_stack(document)


@given(matchers | matchers.map("{{{}}}".format) | st.text(max_size=8))
def test_stack_and_operator_agree_on_every_matcher(text: str) -> None:
    document = {"route": {"receiver": "r", "matchers": [text]}, "receivers": R}
    assert is_valid_for_operator(document) is is_valid_for_stack(document)


def problems_of(value: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse({"routing": value})
    return [str(problem) for problem in caught.value.problems]


def test_every_problem_is_reported_with_key_and_path_at_once() -> None:
    document = {
        "route": {"receiver": 3, "routes": [{"continue": 1}, {"matchers": ["severity"]}]},
        "receivers": [{"name": "r", "channels": ["fax"], "slak_configs": []}],
    }
    problems = problems_of(json.dumps(document))
    assert [problem.split(" is invalid: ")[1].split(":")[0] for problem in problems] == [
        "receivers[0].channels[0]",
        "receivers[0].slak_configs",
        "route.receiver",
        "route.routes[0].continue",
        "route.routes[1].matchers[0]",
    ]
    assert all(problem.startswith("routing ") for problem in problems)
    assert "(got 3)" in problems[2]
    assert 'write it like severity=~"critical|high"' in problems[4]
    assert "the channels are webhook, email" in problems[0]


def test_inconsistent_names_are_reported_at_once() -> None:
    document = {
        "route": {"routes": [{"receiver": "x"}, {"receiver": "y"}]},
        "receivers": [*R, *R],
    }
    assert len(problems_of(json.dumps(document))) == 4


def test_document_that_is_not_a_mapping_is_one_problem() -> None:
    (problem,) = problems_of("[1]")
    assert problem.startswith("routing is [1], but should be a valid dictionary")


def test_rules_of_a_stack_become_the_config_map_of_the_operator(record: Record) -> None:
    recording = record(routing=json.dumps(GOOD["full"]), **ELSEWHERE)
    (config_map,) = [each for each in recording.of("ConfigMap") if each.part == "routing"]
    assert config_map.inputs["metadata"]["name"] == names.ROUTING_CONFIG_MAP
    assert config_map.inputs["metadata"]["namespace"] == "notification-system"
    assert list(config_map.inputs["data"]) == [names.ROUTING_KEY]
    assert yaml.safe_load(config_map.inputs["data"][names.ROUTING_KEY]) == GOOD["full"]


def test_named_config_map_is_created_and_readable_by_the_operator(record: Record) -> None:
    rules = {"routing": json.dumps(GOOD["full"])}
    recording = record(**rules, **ELSEWHERE, routingConfigMapName="rules", routingConfigMapKey="rules.yaml")
    (config_map,) = [each for each in recording.of("ConfigMap") if each.part == "routing"]
    assert config_map.inputs["metadata"]["name"] == "rules"
    assert list(config_map.inputs["data"]) == ["rules.yaml"]
    grants = [rule for role in recording.of("Role") for rule in role.inputs["rules"]]
    named = [rule for rule in grants if rule["resources"] == ["configmaps"] and "resourceNames" in rule]
    assert [rule["resourceNames"] for rule in named] == [["rules"]]


def test_stack_without_rules_creates_no_routing_config_map(record: Record) -> None:
    assert {each.part for each in record().of("ConfigMap")} == {"limits"}


def test_changed_rules_update_the_config_map_in_place(record: Record) -> None:
    (provider,) = record(routing=json.dumps(GOOD["full"]), **ELSEWHERE).of("kubernetes")
    assert provider.inputs["enableConfigMapMutable"] == "true"
