"""Redaction without patterns, for a rule that fails: no secret remains, and a text is returned."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from notification_domain.redaction import redact as redact_module
from notification_domain.redaction.fallback import redact_lines
from notification_domain.redaction.redact import Rules, redact_counted
from notification_domain.redaction.rule import Rule, rule

SECRETS = (
    "password: hunter2x",
    "the passwd=hunter2x",
    '{"api_key": "hunter2x"}',
    "API-KEY hunter2x",
    "token=hunter2x",
    "client_secret => hunter2x",
    "Authorization: Basic hunter2x",
    "Bearer hunter2x",
    "sk-hunter2x",
    "ghp_hunter2x",
    "postgresql://me:hunter2x@db/x",
    "aws_access_key_id hunter2x",
    "İİİ password: hunter2x",
    "-----BEGIN PRIVATE KEY-----\nhunter2x\n-----END PRIVATE KEY-----",
)


@pytest.mark.parametrize("text", SECRETS)
def test_fallback_leaves_no_secret(text: str) -> None:
    redacted = redact_lines(f"disk is full\n{text}")
    assert "hunter2x" not in redacted
    assert redacted.startswith("disk is full\n")
    assert redacted.endswith("[REDACTED]")


def test_fallback_keeps_a_text_without_a_secret() -> None:
    text = "by risk\npressure at 10:00, node=7\n"
    assert redact_lines(text) == text


def test_fallback_keeps_other_lines_and_the_text_before_a_secret() -> None:
    assert redact_lines("db password: x\nrestart it") == "db password:[REDACTED]\nrestart it"


class Broken(Rules):
    """Rules of which one cannot be applied."""

    def selected(self, rules: Iterable[Rule]) -> list[Rule]:
        assert rules
        broken = rule("broken", "a", "a", example="", counter_example="")
        return [replace(broken, replacement=r"\g<no such group>")]


def test_failing_rule_is_replaced_by_the_fallback_and_counted() -> None:
    redacted, counts = redact_counted("a password=hunter2x", Broken())
    assert (redacted, dict(counts)) == ("a password=[REDACTED]", {redact_module.FALLBACK: 1})
