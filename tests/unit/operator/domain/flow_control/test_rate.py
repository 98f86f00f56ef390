"""The token bucket: how many messages a destination gets, and when the next one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_domain.flow_control.rate import TOLERANCE, Bucket, Rate

SLACK = Rate(per_second=1.0, burst=3)


def test_full_bucket_gives_a_burst_and_then_the_rate() -> None:
    bucket = Bucket.full(SLACK, 10.0)
    for _ in range(3):
        assert bucket.seconds_until(1, 10.0) == 0.0
        bucket = bucket.take(1, 10.0)
    assert bucket.seconds_until(1, 10.0) == pytest.approx(1.0, abs=TOLERANCE)
    assert bucket.seconds_until(4, 10.0) == pytest.approx(4.0, abs=TOLERANCE)
    assert bucket.seconds_until(1, 11.0) == 0.0
    assert [bucket.is_full(time) for time in (10.0, 12.9, 13.0)] == [False, False, True]


def test_message_of_two_parts_delays_the_next_one_twice_as_long() -> None:
    bucket = Bucket(rate=SLACK, tokens=1.0, at=0.0).take(2, 0.0)
    assert bucket.seconds_until(1, 0.0) == pytest.approx(2.0, abs=TOLERANCE)


def test_emptied_bucket_gives_the_rate_only() -> None:
    bucket = Bucket.full(SLACK, 0.0).emptied(0.0)
    assert bucket.seconds_until(1, 0.0) == pytest.approx(1.0, abs=TOLERANCE)
    assert bucket.tokens_at(100.0) == 3.0


def test_clock_that_goes_back_neither_gives_nor_takes_tokens() -> None:
    bucket = Bucket.full(SLACK, 10.0).take(2, 10.0)
    assert bucket.tokens_at(5.0) == 1.0
    assert bucket.take(1, 5.0).tokens_at(10.0) == 0.0


@given(st.lists(st.floats(0.0, 5.0), max_size=60), st.floats(0.1, 10.0), st.integers(1, 10))
def test_messages_never_exceed_burst_and_rate(pauses: list[float], per_second: float, burst: int) -> None:
    bucket, now, sent = Bucket.full(Rate(per_second=per_second, burst=burst), 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        if bucket.seconds_until(1, now) == 0.0:
            bucket, sent = bucket.take(1, now), sent + 1
    assert sent <= burst + now * per_second + TOLERANCE * len(pauses) + 1e-6
