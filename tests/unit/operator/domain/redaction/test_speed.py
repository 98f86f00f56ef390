"""Hostile texts: redaction takes time that grows linearly with their length."""

import time

import pytest

from notification_domain.redaction.redact import redact
from tests.cases import some
from tests.kit.hostile_texts import UNITS, filled

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
@pytest.mark.parametrize("repeat", some(HOSTILE_REPEATS))
def test_hostile_text_is_redacted_in_linear_time(repeat: str) -> None:
    """Quadratic time would take hours, far beyond the time limit."""
    for head in HOSTILE_HEADS:
        redact(head + repeat * (MEGABYTE // len(HOSTILE_HEADS) // len(repeat)))


@pytest.mark.timeout(120)
def test_mixed_hostile_text_is_redacted_in_linear_time() -> None:
    redact("".join(repeat * (MEGABYTE // len(HOSTILE_REPEATS) // len(repeat)) for repeat in HOSTILE_REPEATS))


def seconds(text: str) -> float:
    """Return the CPU time of one redaction, the best of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        redact(text)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("unit", some(UNITS))
def test_time_grows_no_faster_than_the_length(unit: str) -> None:
    """Eight times the length takes 8 times as long, or 64 times if a pattern is quadratic."""
    allowance = 0.005
    assert seconds(filled(unit, 131_072)) < 24 * seconds(filled(unit, 16_384)) + allowance
