"""Pauses: the contract's formula, for every policy."""

from hypothesis import given
from hypothesis import strategies as st

from notification_operator.domain.model import RetryPolicy
from notification_operator.domain.retry import backoff
from tests.property.strategies import policies

numbers = st.integers(1, 10)
wishes = st.none() | st.floats(0, 10_000)


@given(policies, numbers, st.text(), wishes)
def test_a_pause_is_the_formula_s_within_a_tenth_and_within_the_bounds(
    policy: RetryPolicy, number: int, seed: str, wish: float | None
) -> None:
    plain = min(policy.initial_backoff * policy.multiplier ** (number - 1), policy.max_backoff)
    low = max(plain * 0.9, min(policy.initial_backoff, policy.max_backoff))
    high = min(max(plain * 1.1, policy.initial_backoff), policy.max_backoff)
    wished = min(wish or 0.0, policy.max_backoff)
    assert max(low, wished) <= backoff(policy, number, seed=seed, retry_after=wish) <= max(high, wished)


@given(policies, numbers, st.text(), wishes)
def test_a_pause_never_exceeds_the_policy_s_longest(
    policy: RetryPolicy, number: int, seed: str, wish: float | None
) -> None:
    assert 0 < backoff(policy, number, seed=seed, retry_after=wish) <= policy.max_backoff
