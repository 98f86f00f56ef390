"""The declarations of the operator's settings: every one is described, documented with its unit, and bounded."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from notification_contract import names
from notification_contract.settings import (
    RULES_LATER,
    Audit,
    Channels,
    LeaderElection,
    OperatorSettings,
    Rule,
    Section,
    Server,
    SlackChannel,
    Watch,
    declared_settings,
    is_http_url,
    value_at,
)
from notification_contract.settings.operator import nested_sections

SETTINGS = {".".join(path): field for path, field in declared_settings(OperatorSettings)}


PRIVATE = (
    "https://store",
    "HTTPS://store/x",
    "http://localhost:1",
    "http://127.0.0.9:80/x",
    "http://[::1]:1",
)
"""URLs of which nobody on the way reads a request."""


def test_every_setting_is_described_in_sentences() -> None:
    descriptions = [str(field.description) for field in SETTINGS.values()]
    assert [text for text in descriptions if not (text[0].isupper() or text[0] == "`")] == []
    assert [text for text in descriptions if not text.endswith(".")] == []


def test_every_duration_says_its_unit() -> None:
    durations = {
        path: str(field.description) for path, field in SETTINGS.items() if path.endswith("_seconds")
    }
    assert durations
    assert [path for path, text in durations.items() if "second" not in text.lower()] == []


@pytest.mark.parametrize("bounds", [{"le"}, {"ge", "gt"}], ids=["upper", "lower"])
def test_every_number_has_bounds(bounds: set[str]) -> None:
    numbers = {path: field for path, field in SETTINGS.items() if field.annotation in {int, float}}
    assert numbers
    assert [
        path
        for path, field in numbers.items()
        if not any(hasattr(mark, name) for mark in field.metadata for name in bounds)
    ] == []


def test_ports_are_those_of_the_names() -> None:
    assert (Server().health_port, Server().metrics_port) == (names.HEALTH_PORT, names.METRICS_PORT)


def test_value_at_a_path_is_that_of_the_section() -> None:
    assert value_at(OperatorSettings(), ("channels", "slack", "connections")) == 10


def test_nested_sections_have_their_paths() -> None:
    assert [".".join(path) for path, _ in nested_sections(Channels())] == ["console", "file", "log", "slack"]


@pytest.mark.parametrize(
    ("section", "values", "problem"),
    [
        (Watch, {"namespaces": ("a",), "namespace_selector": "b=c"}, "both set"),
        (LeaderElection, {"shards": 2}, "enabled is false"),
        (Audit, {"token_audience": "audit"}, "token_audience is set, but url is empty"),
        (Audit, {"token_audience": "a", "url": "http://store"}, "would expose the token"),
        (Audit, {"token_audience": "a", "url": "http://localhost.store"}, "would expose the token"),
        (Audit, {"token_audience": "a", "url": "https://me@store"}, "url contains a user name"),
        (Audit, {"file": "/a/b", "url": "https://store"}, "file and url are both set"),
        (SlackChannel, {"enabled": True}, "webhook_url is empty"),
        (SlackChannel, {"enabled": True, "webhook_url": "ftp://x"}, "not an http or https URL"),
    ],
)
def test_broken_rule_is_an_error_unless_the_caller_checks_it_later(
    section: type[Section], values: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        section(**values)
    (rule,) = section.model_validate(values, context=RULES_LATER).broken_rules()
    assert isinstance(rule, Rule)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (Watch, {"namespaces": ("a",)}),
        (LeaderElection, {"shards": 2, "enabled": True}),
        (Audit, {"url": "http://store"}),
        (Audit, {"file": "/a/b"}),
        *((Audit, {"token_audience": "a", "url": url}) for url in PRIVATE),
        (SlackChannel, {"webhook_url": "ftp://x"}),
        (SlackChannel, {"enabled": True, "webhook_url": "https://hooks.slack.com/x"}),
    ],
)
def test_section_that_keeps_its_rules_is_valid(section: type[Section], values: dict[str, Any]) -> None:
    assert section(**values).broken_rules() == []


@pytest.mark.parametrize(
    "url", ["store:8080", "ftp://store", "https://", "https://a b", "http://x:0", "http://x:y"]
)
def test_invalid_audit_url_is_rejected(url: str) -> None:
    assert not is_http_url(url)
    with pytest.raises(ValidationError, match="must be an http or https URL, or empty"):
        Audit(url=url)


@pytest.mark.parametrize("url", ["", "http://store:8080", "https://store/path?query"])
def test_valid_audit_url_is_accepted(url: str) -> None:
    assert Audit(url=url).url == url


def test_unknown_key_and_changed_value_are_rejected() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Watch.model_validate({"namespace": []})
    watch = Watch()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(watch, "namespaces", ("a",))  # noqa: B010 - mypy rejects the plain assignment
