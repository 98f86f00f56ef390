"""The backoff between two attempts."""

import pytest

from notification_domain.model import RetryPolicy
from notification_domain.planning.retry import JITTER, backoff, next_attempt_at
from tests.unit.operator.domain.builders import FAST, at, failure

SEEDS = [f"uid-{index}:slack:1" for index in range(2000)]


@pytest.mark.parametrize(
    ("number", "plain"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60)]
)
def test_backoff_doubles_up_to_the_limit_with_jitter(number: int, plain: float) -> None:
    delays = [backoff(FAST, number, seed=seed) for seed in SEEDS]
    low, high = max(plain * 0.9, FAST.initial_backoff), min(plain * 1.1, FAST.max_backoff)
    assert low <= min(delays) < low * 1.01
    assert high * 0.99 < max(delays) <= high


def test_jitter_is_even_on_both_sides() -> None:
    policy = RetryPolicy(max_attempts=5, initial_backoff=10, multiplier=2, max_backoff=480)
    units = [(backoff(policy, 3, seed=seed) / 40 - 1) / JITTER for seed in SEEDS]
    assert abs(sum(units) / len(units)) < 0.05
    assert sum(unit < 0 for unit in units) == pytest.approx(len(units) / 2, rel=0.1)


def test_backoff_of_an_attempt_is_deterministic() -> None:
    assert backoff(FAST, 3, seed="a:slack:3") == backoff(FAST, 3, seed="a:slack:3")
    assert backoff(FAST, 3, seed="a:slack:3") != backoff(FAST, 3, seed="b:slack:3")
    assert backoff(FAST, 3, seed="uid-1:slack:3") == pytest.approx(4.164536540)


def test_multiplier_of_one_keeps_the_backoff_constant() -> None:
    policy = RetryPolicy(max_attempts=5, initial_backoff=30, multiplier=1, max_backoff=480)
    assert {round(backoff(policy, n, seed=s), 6) >= 30 for n in (1, 4) for s in SEEDS[:50]} == {True}
    assert max(backoff(policy, 4, seed=s) for s in SEEDS) <= 33


def test_initial_backoff_above_the_limit_is_the_limit() -> None:
    policy = RetryPolicy(max_attempts=5, initial_backoff=300, multiplier=10, max_backoff=60)
    assert {backoff(policy, number, seed=seed) for number in (1, 5) for seed in SEEDS[:50]} == {60}


@pytest.mark.parametrize(("retry_after", "delay"), [(30.0, 30.0), (59.5, 59.5), (600.0, 60.0)])
def test_retry_after_extends_the_backoff_up_to_the_limit(retry_after: float, delay: float) -> None:
    assert backoff(FAST, 1, seed="s", retry_after=retry_after) == delay


@pytest.mark.parametrize("retry_after", [0.0, 0.5, -3.0, None])
def test_retry_after_never_shortens_the_backoff(retry_after: float | None) -> None:
    assert backoff(FAST, 4, seed="s", retry_after=retry_after) == backoff(FAST, 4, seed="s")


def test_backoff_starts_at_the_end_of_the_failed_attempt() -> None:
    failed = failure("slack", 2, seconds=10, duration=3)
    due = next_attempt_at(FAST, failed, failures=2, seed="s")
    assert due == at(13 + backoff(FAST, 2, seed="s"))


def test_retry_after_counts_from_the_end_of_the_attempt() -> None:
    assert next_attempt_at(FAST, failure("slack", 1, retry_after=20, duration=2), failures=1, seed="s") == at(
        22
    )
