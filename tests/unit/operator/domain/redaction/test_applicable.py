"""Which rules may match a text: those of which it contains a hint or a vendor's prefix."""

import pytest

from notification_domain.redaction.families.vendor_tokens import PREFIXED
from notification_domain.redaction.redact import LIMIT, redact_counted
from notification_domain.redaction.rule import sample
from notification_domain.redaction.rules import RULES
from notification_domain.redaction.search import (
    Folded,
    RuleSet,
    fold,
    possible_rules,
    substitute,
    substitute_tokens,
)
from tests.unit.operator.domain.redaction.test_search import MIXTURES

GITHUB = "github_pat_" + sample(30)
VAULT = "hvs." + sample(24)
SHOPIFY = "shpat_" + sample(32, "0a1b2c3d")


def test_rules_with_a_hint_in_the_text_are_applicable_in_their_order() -> None:
    rules = RuleSet(RULES)
    for lower in map(fold, ("", *MIXTURES[:40])):
        assert rules.applicable(lower) == [
            rule for rule in RULES if any(hint in lower for hint in rule.hints)
        ]


@pytest.mark.parametrize(
    "text", [GITHUB, f"é{VAULT}", f"{GITHUB} {SHOPIFY}\n{VAULT}é", "AKIA", "path/to/somewhere"]
)
def test_tokens_are_replaced_as_by_one_rule_after_the_other(text: str) -> None:
    folded, expected = Folded.of(text), 0
    for rule in PREFIXED:
        folded, count = substitute(rule, folded, limit=LIMIT)
        expected += count
    result = substitute_tokens(Folded.of(text), limit=LIMIT)
    assert result is not None
    assert (result[0], result[1].total()) == (folded, expected)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"sq0atp-{sample(24)}-xoxb-{sample(12)}.{sample(8)}", ["slack_token", "square_token"]),
        (f"xoxb-{VAULT}", ["slack_token"]),
    ],
)
def test_overlapping_tokens_are_replaced_together(text: str, names: list[str]) -> None:
    redacted, counts = redact_counted(text)
    assert redacted == "[REDACTED]"
    assert sorted(counts.elements()) == names


def test_text_of_more_tokens_than_the_limit_ends_after_the_last_of_them() -> None:
    text = f"{GITHUB}\n" * (LIMIT + 1)
    assert substitute_tokens(Folded.of(text), limit=LIMIT) is None
    assert "github_fine_grained_token" in [rule.name for rule in possible_rules(text)]
    redacted, counts = redact_counted(text)
    assert "github" not in redacted
    assert counts == {"github_fine_grained_token": LIMIT}
