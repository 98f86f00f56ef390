"""What is counted of traffic: lost, repeated, and the longest pause."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from tests.harness.steady_traffic import PER_SECOND, Outcome, outcome, traffic


def test_outcome_counts_lost_and_repeated_deliveries_and_pauses() -> None:
    seen = outcome(["a", "b", "c"], [(1.0, "a"), (4.5, "b"), (2.0, "b")])
    assert seen == Outcome(created=3, lost=1, repeated=1, longest_pause=2.5)
    assert outcome(["a"], []) == Outcome(created=1, lost=1, repeated=0, longest_pause=0.0)


class Created:
    """Takes notifications; from the given number on it refuses them."""

    def __init__(self, enough: int = 10_000) -> None:
        self.count = 0
        self._enough = enough

    def create(self, _count: int, **_spec: Any) -> list[dict[str, Any]]:
        self.count += 1
        if self.count > self._enough:
            raise ValueError("refused")
        return [{"spec": {"subject": f"number {self.count}"}}]


def test_traffic_keeps_its_rate() -> None:
    created = Created()
    with traffic(cast("Any", created)) as stream:
        time.sleep(0.5)
    assert PER_SECOND * 0.3 <= len(stream.subjects) <= PER_SECOND * 0.5 + 2
    assert len(set(stream.subjects)) == created.count


def test_error_of_the_traffic_is_raised_in_the_test() -> None:
    with pytest.raises(ValueError, match="refused"), traffic(cast("Any", Created(2))):
        time.sleep(0.3)
