"""The table of rules: each rule has an example that it redacts, and a counter-example that no rule changes."""

from collections import Counter

import pytest

from notification_operator.domain.redaction.families.vendor_tokens import PREFIXED
from notification_operator.domain.redaction.redact import redact_counted
from notification_operator.domain.redaction.rules import RULES, Rule

CATALOGUE = (
    *(
        "generator_url",
        "annotations",
        "password_json",
        "password",
        "url_credentials",
        "api_key_json",
        "api_key",
    ),
    *("sk_key", "bearer", "github_token", "token_json", "token", "secret_json", "secret", "authorization"),
    *("aws_access_key_id", "aws_secret_access_key", "postgresql", "mysql", "mongodb", "redis"),
    *("secret_line", "email", "ipv4"),
)
"""The rules of the catalogue in its order; PEM blocks come before them."""
IDS = [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_example_is_redacted_and_its_result_is_final(rule: Rule) -> None:
    alone, count = rule.pattern.subn(rule.replacement, rule.example)
    assert count >= 1
    assert not rule.pattern.search(alone)
    redacted, counts = redact_counted(rule.example)
    assert counts
    assert redact_counted(redacted) == (redacted, Counter())


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_counter_example_stays_unchanged(rule: Rule) -> None:
    assert redact_counted(rule.counter_example) == (rule.counter_example, Counter())


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_example_contains_a_hint_in_lower_case(rule: Rule) -> None:
    assert any(hint in rule.example.casefold() for hint in rule.hints)
    assert all(hint == hint.casefold() for hint in rule.hints)


@pytest.mark.parametrize("rule", PREFIXED, ids=[rule.name for rule in PREFIXED])
def test_vendor_token_is_redacted_whole_and_only_at_a_word_start(rule: Rule) -> None:
    redacted, counts = redact_counted(f"({rule.example})")
    assert redacted == "([REDACTED])"
    assert counts
    assert not rule.pattern.search(f"x{rule.example}")


def test_names_are_unique_and_include_the_catalogue_in_its_order() -> None:
    assert len(IDS) == len(set(IDS))
    assert [name for name in IDS if name in CATALOGUE] == list(CATALOGUE)
    assert IDS[:2] == ["certificate", "private_key"]
