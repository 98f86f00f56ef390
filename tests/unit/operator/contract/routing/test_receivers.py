"""Receivers: names, channels, and what is wrong with them."""

from typing import Any

import pytest

from notification_contract.routing.receivers import CHANNELS, KINDS, Receiver, Target, parse_receivers


def read(*entries: Any) -> dict[str, Receiver]:
    problems: list[str] = []
    receivers = parse_receivers(list(entries), problems)
    assert problems == []
    return receivers


def problems_of(document: Any) -> list[str]:
    problems: list[str] = []
    parse_receivers(document, problems)
    return problems


def test_channels_are_listed_by_name() -> None:
    assert read({"name": "ops", "channels": ["console", "slack", "console"]})["ops"].channels == (
        "console",
        "slack",
    )


def test_a_listed_channel_may_have_details() -> None:
    entry = {
        "name": "ops",
        "channels": [{"slack": {"channel": "#ops"}}, {"email": [{"to": "a"}, {"to": "b"}]}],
    }
    assert read(entry)["ops"].targets == (
        Target(channel="slack", details={"channel": "#ops"}),
        Target(channel="email", details={"to": "a"}),
        Target(channel="email", details={"to": "b"}),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spelling", ["{}", "{}_configs", "{}Configs"])
def test_each_kind_leads_to_its_channel_however_it_is_spelled(kind: str, spelling: str) -> None:
    receiver = read({"name": "r", spelling.format(kind): [{"detail": 1}]})["r"]
    assert receiver.targets == (Target(channel=KINDS[kind], details={"detail": 1}),)


def test_the_kinds_of_the_contract() -> None:
    kinds = {
        "slack": "slack",
        "pagerduty": "webhook",
        "email": "email",
        "webhook": "webhook",
        "console": "console",
    }
    assert kinds.items() <= KINDS.items()
    assert set(KINDS.values()) == set(CHANNELS)


def test_kinds_come_after_listed_channels_and_in_the_contract_s_order() -> None:
    entry = {
        "name": "r",
        "console_configs": [{}],
        "pagerduty_configs": [{"key": 1}],
        "slack_configs": [{}],
        "channels": ["log"],
    }
    assert read(entry)["r"].channels == ("log", "slack", "webhook", "console")


def test_two_spellings_of_one_kind_add_up() -> None:
    receiver = read({"name": "r", "slack": {"channel": "#a"}, "slack_configs": [{"channel": "#b"}]})["r"]
    assert [target.details["channel"] for target in receiver.targets] == ["#a", "#b"]


@pytest.mark.parametrize("entry", [{}, {"channels": []}, {"slack_configs": []}, {"channels": None}])
def test_a_receiver_that_leads_nowhere_is_the_console(entry: dict[str, Any]) -> None:
    assert read({"name": "quiet", **entry})["quiet"].channels == ("console",)


def test_a_kind_without_details_counts() -> None:
    assert read({"name": "r", "slack": None})["r"].channels == ("slack",)


@pytest.mark.parametrize("document", [None, [], {}, "x"])
def test_at_least_one_receiver_is_needed(document: Any) -> None:
    assert problems_of(document) == [
        "receivers: at least one is needed, as a list of mappings with a name each"
    ]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("ops", "receivers[0]: must be a mapping with a name (got 'ops')"),
        ({}, "receivers[0].name: must be a text that routes can refer to (got None)"),
        ({"name": 7}, "receivers[0].name: must be a text that routes can refer to (got 7)"),
        (
            {"name": "r", "channels": "slack"},
            "receivers[0].channels: must be a list of channels (got 'slack')",
        ),
        (
            {"name": "r", "channels": ["slack", "slak"]},
            f"receivers[0].channels[1]: unknown channel 'slak'; known are {', '.join(CHANNELS)}",
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
def test_each_mistake_names_its_place(entry: Any, problem: str) -> None:
    assert problems_of([entry]) == [problem]


def test_an_unknown_key_is_named_with_what_is_known() -> None:
    [problem] = problems_of([{"name": "r", "slak_configs": []}])
    assert problem.startswith(
        "receivers[0].slak_configs: unknown key; known are name, channels and slack_configs,"
    )


def test_two_receivers_cannot_share_a_name() -> None:
    assert problems_of([{"name": "r"}, {"name": "r"}]) == [
        "receivers[1].name: 'r' is taken by another receiver; choose another name"
    ]
