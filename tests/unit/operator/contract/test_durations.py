"""Durations as Kubernetes writes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.durations import PATTERN, UNITS, seconds

PARTS = st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(sorted(UNITS))), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172_800), ("0s", 0), ("1s1m", 61)],
)
def test_duration_is_a_number_of_seconds(duration: str, expected: float) -> None:
    assert seconds(duration) == expected


@pytest.mark.parametrize("text", ["", "30", "s", "30 s", "-1s", "1.5h", "30s\n", "1w", "٣s"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it like 30s, 5m or 1h30m") as caught:
        seconds(text)
    assert repr(text) in str(caught.value)


@given(PARTS)
def test_parts_of_a_duration_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert re.fullmatch(PATTERN, text)
    assert seconds(text) == pytest.approx(sum(number * UNITS[unit] for number, unit in parts))


@given(st.text(max_size=12) | st.from_regex(PATTERN))
def test_exactly_what_the_pattern_matches_is_a_duration(text: str) -> None:
    matches = re.fullmatch(PATTERN, text) is not None
    try:
        seconds(text)
    except ValueError:
        assert not matches
    else:
        assert matches
