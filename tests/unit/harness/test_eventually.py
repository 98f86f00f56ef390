from __future__ import annotations

import time

import pytest

from tests.harness.eventually import eventually


def test_last_look_begins_after_the_time_is_over() -> None:
    start = time.monotonic()

    def slow() -> bool:
        begun = time.monotonic()
        time.sleep(0.3)
        return begun - start >= 0.2

    assert eventually(slow, bool, within=0.2, every=0)


def test_what_never_holds_fails_with_the_last_value() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s; last seen:\n\"seen\""):
        eventually(lambda: "seen", lambda _seen: False, within=0)
