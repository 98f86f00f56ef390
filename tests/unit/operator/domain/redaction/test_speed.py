"""Texts made to be slow: a megabyte of any of them is sanitised in time that grows with its length alone."""

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
def test_a_megabyte_made_to_be_slow_is_not(repeat: str) -> None:
    """Quadratic time would be hours: that this ends at all within the suite is the proof."""
    for head in HOSTILE_HEADS:
        redact(head + repeat * (MEGABYTE // len(HOSTILE_HEADS) // len(repeat)))


@pytest.mark.timeout(120)
def test_a_whole_megabyte_of_each_kind_of_trap_at_once_is_not_slow() -> None:
    redact("".join(repeat * (MEGABYTE // len(HOSTILE_REPEATS) // len(repeat)) for repeat in HOSTILE_REPEATS))
