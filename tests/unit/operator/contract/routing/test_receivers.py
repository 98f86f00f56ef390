"""Receivers: names, channels, and the problems of invalid ones."""

from typing import Any

import pytest

from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.routing.receivers import KINDS, Receiver, Target, parse_receivers


def parse(*entries: Any) -> dict[str, Receiver]:
    problems: list[str] = []
    receivers = parse_receivers(list(entries), problems)
    assert problems == []
    return receivers


def problems_of(document: Any) -> list[str]:
    problems: list[str] = []
    parse_receivers(document, problems)
    return problems


def test_channels_are_listed_without_repetitions() -> None:
    assert parse({"name": "ops", "channels": ["console", "slack", "console"]})["ops"].channels == (
        "console",
        "slack",
    )


def test_listed_channel_can_have_details() -> None:
    entry = {
        "name": "ops",
        "channels": [{"slack": {"channel": "#ops"}}, {"email": [{"to": "a"}, {"to": "b"}]}],
    }
    assert parse(entry)["ops"].targets == (
        Target(channel="slack", details={"channel": "#ops"}),
        Target(channel="email", details={"to": "a"}),
        Target(channel="email", details={"to": "b"}),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spelling", ["{}", "{}_configs", "{}Configs"])
def test_each_spelling_of_a_kind_selects_its_channel(kind: str, spelling: str) -> None:
    receiver = parse({"name": "r", spelling.format(kind): [{"detail": 1}]})["r"]
    assert receiver.targets == (Target(channel=KINDS[kind], details={"detail": 1}),)


def test_the_kinds_of_the_contract() -> None:
    kinds = {
        "slack": "slack",
        "pagerduty": "pagerduty",
        "email": "email",
        "webhook": "webhook",
        "console": "console",
    }
    assert kinds.items() <= KINDS.items()
    assert set(KINDS.values()) == set(CHANNELS)


def test_kinds_follow_listed_channels_in_the_order_of_the_contract() -> None:
    entry = {
        "name": "r",
        "console_configs": [{}],
        "pagerduty_configs": [{"key": 1}],
        "slack_configs": [{}],
        "channels": ["log"],
    }
    assert parse(entry)["r"].channels == ("log", "slack", "pagerduty", "console")


def test_two_spellings_of_one_kind_are_combined() -> None:
    receiver = parse({"name": "r", "slack": {"channel": "#a"}, "slack_configs": [{"channel": "#b"}]})["r"]
    assert [target.details["channel"] for target in receiver.targets] == ["#a", "#b"]


@pytest.mark.parametrize("entry", [{}, {"channels": []}, {"slack_configs": []}, {"channels": None}])
def test_receiver_without_channels_delivers_to_the_console(entry: dict[str, Any]) -> None:
    assert parse({"name": "quiet", **entry})["quiet"].channels == ("console",)


def test_kind_without_details_is_a_channel() -> None:
    assert parse({"name": "r", "slack": None})["r"].channels == ("slack",)


def test_references_name_receivers_of_the_api() -> None:
    ref = {"name": "on-call", "namespace": "platform"}
    entry = {"name": "r", "receiverRef": [ref, {**ref, "name": "team.mail"}], "channels": ["console"]}
    assert parse(entry)["r"].channels == (
        "console",
        "receiver/platform/on-call",
        "receiver/platform/team.mail",
    )


@pytest.mark.parametrize(
    "ref",
    [
        "on-call",
        {"name": "on-call"},
        {"name": "a", "namespace": "b", "kind": "c"},
        {"name": "a/b", "namespace": "c"},
        {"name": "a", "namespace": "b.c"},
        {"name": "a.", "namespace": "b"},
        {"name": "a" * 64, "namespace": "b"},
        {"name": "a", "namespace": 1},
    ],
)
def test_reference_needs_name_and_namespace(ref: Any) -> None:
    [problem] = problems_of([{"name": "r", "receiverRef": ref}])
    assert problem.startswith(
        "receivers[0].receiverRef: must be a mapping with the name and the namespace of a NotificationReceiver"
    )


@pytest.mark.parametrize("document", [None, [], {}, "x"])
def test_at_least_one_receiver_is_required(document: Any) -> None:
    assert problems_of(document) == ["receivers: must be a list with at least one mapping that has a name"]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("ops", "receivers[0]: must be a mapping with a name (got 'ops')"),
        ({}, "receivers[0].name: must be a string that routes can refer to (got None)"),
        ({"name": 7}, "receivers[0].name: must be a string that routes can refer to (got 7)"),
        (
            {"name": "r", "channels": "slack"},
            "receivers[0].channels: must be a list of channels (got 'slack')",
        ),
        (
            {"name": "r", "channels": ["slack", "slak"]},
            f"receivers[0].channels[1]: unknown channel 'slak'; the channels are {', '.join(CHANNELS)}",
        ),
        (
            {"name": "r", "channels": [{"slack": "#ops"}]},
            "receivers[0].channels[0].slack: must be a mapping of details (got '#ops')",
        ),
        (
            {"name": "r", "slack_configs": ["#ops"]},
            "receivers[0].slack_configs: must be a mapping of details (got '#ops')",
        ),
    ],
)
def test_each_problem_has_its_path(entry: Any, problem: str) -> None:
    assert problems_of([entry]) == [problem]


def test_unknown_key_is_reported_with_the_valid_keys() -> None:
    [problem] = problems_of([{"name": "r", "slak_configs": []}])
    assert problem.startswith(
        "receivers[0].slak_configs: unknown key; the keys are name, channels, receiverRef and slack_configs,"
    )


def test_duplicate_receiver_name_is_rejected() -> None:
    assert problems_of([{"name": "r"}, {"name": "r"}]) == [
        "receivers[1].name: duplicate receiver 'r'; choose another name"
    ]
