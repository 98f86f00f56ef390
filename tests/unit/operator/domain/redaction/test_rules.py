"""The table of rules: each rule has an example that it redacts, and a counter-example that no rule changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from notification_domain.redaction.families.vendor_tokens import PREFIXED
from notification_domain.redaction.redact import redact_counted
from notification_domain.redaction.rules import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def names_but(rules: Iterable[Rule], holds: Callable[[Rule], bool]) -> list[str]:
    """Return the names of the rules for which something does not hold."""
    return [rule.name for rule in rules if not holds(rule)]


def test_example_is_redacted_and_its_result_is_final() -> None:
    def is_final(rule: Rule) -> bool:
        alone, count = rule.pattern.subn(rule.replacement, rule.example)
        redacted, counts = redact_counted(rule.example)
        again = redact_counted(redacted)
        return bool(count and counts) and not rule.pattern.search(alone) and again == (redacted, Counter())

    assert names_but(RULES, is_final) == []


def test_counter_example_stays_unchanged() -> None:
    def stays(rule: Rule) -> bool:
        return redact_counted(rule.counter_example) == (rule.counter_example, Counter())

    assert names_but(RULES, stays) == []


def test_example_contains_a_hint_in_lower_case() -> None:
    assert names_but(RULES, lambda rule: any(hint in rule.example.casefold() for hint in rule.hints)) == []
    assert names_but(RULES, lambda rule: all(hint == hint.casefold() for hint in rule.hints)) == []


def test_vendor_token_is_redacted_whole_and_only_at_a_word_start() -> None:
    def is_redacted(rule: Rule) -> bool:
        redacted, counts = redact_counted(f"({rule.example})")
        return redacted == "([REDACTED])" and bool(counts) and not rule.pattern.search(f"x{rule.example}")

    assert names_but(PREFIXED, is_redacted) == []


def test_names_are_unique_and_include_the_catalogue_in_its_order() -> None:
    assert len(IDS) == len(set(IDS))
    assert [name for name in IDS if name in CATALOGUE] == list(CATALOGUE)
    assert IDS[:2] == ["certificate", "private_key"]
