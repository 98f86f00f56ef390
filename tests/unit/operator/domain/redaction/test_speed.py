"""Hostile texts: redaction takes time that grows linearly with their length."""

import pytest

from notification_operator.domain.redaction.redact import redact

MEGABYTE = 1_000_000
HOSTILE_HEADS = ("", '"password":"', '"annotations":{', "password=", "?", "postgresql://a:", "a@")
HOSTILE_REPEATS = (
    *("a", "a.", "1.", " ", "\n", "\\", '"', "'", "=", ":", "-", "@", "?", "&", "{", "["),
    *('"password":"', "'password':'", r"\"password\":\"", '"password":', "password=", "password: token "),
    *('"annotations":{', '"annotations":{"', '"annotations":[', '"annotations":{"a":{}'),
    *("://", "://a:", "postgresql://a:", "postgresql://a:b", "redis://a:b:", "a@", "a@b."),
    *("-----BEGIN CERTIFICATE-----", "-----BEGIN ", "Bearer ", "bearer bearer:", "sk-", "ghp_a"),
    *("authorization:", "username:abcdefgh ", "aws_access_key_id=", "%3d", "[REDACTED]", "&password"),
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("repeat", HOSTILE_REPEATS)
def test_hostile_text_is_redacted_in_linear_time(repeat: str) -> None:
    """Quadratic time would take hours, far beyond the time limit."""
    for head in HOSTILE_HEADS:
        redact(head + repeat * (MEGABYTE // len(HOSTILE_HEADS) // len(repeat)))


@pytest.mark.timeout(120)
def test_mixed_hostile_text_is_redacted_in_linear_time() -> None:
    redact("".join(repeat * (MEGABYTE // len(HOSTILE_REPEATS) // len(repeat)) for repeat in HOSTILE_REPEATS))
