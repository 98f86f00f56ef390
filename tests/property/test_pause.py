"""Pauses: the formula of the contract, for every policy."""

from hypothesis import given
from hypothesis import strategies as st

from notification_domain.model import RetryPolicy
from notification_domain.planning.retry import backoff
from tests.property.strategies import policies

numbers = st.integers(1, 10)
requests = st.none() | st.floats(0, 10_000)


@given(policies, numbers, st.text(), requests)
def test_pause_follows_the_formula_within_ten_percent_and_the_bounds(
    policy: RetryPolicy, number: int, seed: str, request: float | None
) -> None:
    plain = min(policy.initial_backoff * policy.multiplier ** (number - 1), policy.max_backoff)
    low = max(plain * 0.9, min(policy.initial_backoff, policy.max_backoff))
    high = min(max(plain * 1.1, policy.initial_backoff), policy.max_backoff)
    requested = min(request or 0.0, policy.max_backoff)
    assert (
        max(low, requested) <= backoff(policy, number, seed=seed, retry_after=request) <= max(high, requested)
    )


@given(policies, numbers, st.text(), requests)
def test_pause_never_exceeds_the_longest_of_the_policy(
    policy: RetryPolicy, number: int, seed: str, request: float | None
) -> None:
    assert 0 < backoff(policy, number, seed=seed, retry_after=request) <= policy.max_backoff
