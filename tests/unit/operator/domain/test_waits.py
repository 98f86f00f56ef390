"""What the next attempt on a target waits for: each step of `WAITS` by itself, and the longest of them."""

from __future__ import annotations

from typing import Any

import pytest

from notification_domain.decisions.waits import STEADY, Wait, wait
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.planning.progress import Progress, State
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import at, notification

PAUSE = Hold(until=at(60), reason=HoldReason.PAUSE)
NOT_READY = Hold(until=at(900), reason=HoldReason.NOT_READY)
FAILED: dict[str, Any] = {"state": State.BACKING_OFF, "next_number": 2, "next_at": at(4), "retry_from": at(2)}
REJECTED = FAILED | {"circuit_open": True}
NEW: dict[str, Any] = {"state": State.NOT_ATTEMPTED, "next_number": 1}
DELIVERED: dict[str, Any] = {"state": State.SUCCEEDED, "next_number": 2}


def situation(**facts: Any) -> Situation:
    return Situation(now=at(2), notification=notification("slack"), route=Route(targets=("slack",)), **facts)


@pytest.mark.parametrize(
    ("target", "facts", "expected"),
    [
        pytest.param(NEW, {}, None, id="new"),
        pytest.param(NEW | {"next_at": at(5)}, {}, Wait(at(5)), id="notBefore"),
        pytest.param(FAILED, {}, Wait(at(4)), id="backoff"),
        pytest.param(FAILED, {"recovered": {"slack": at(-2)}}, Wait(at(4)), id="recovered-before"),
        pytest.param(FAILED | {"next_at": at(9)}, {"recovered": {"slack": at(3)}}, Wait(at(3) + STEADY), id="recovered"),
        pytest.param(FAILED, {"open_breakers": {"slack": at(30)}}, Wait(at(4)), id="opened-since"),
        pytest.param(REJECTED, {"open_breakers": {"slack": at(30)}}, Wait(at(30), delayed=True, timed=False), id="rejected"),
        pytest.param(NEW, {"holds": {"slack": PAUSE}}, Wait(at(60), delayed=True, hold=PAUSE), id="pause"),
        pytest.param(FAILED, {"holds": {"slack": PAUSE}}, Wait(at(60), delayed=True, hold=PAUSE), id="backoff-and-pause"),
        pytest.param(
            REJECTED,
            {"open_breakers": {"slack": at(300)}, "holds": {"slack": PAUSE}},
            Wait(at(300), delayed=True, timed=False, hold=PAUSE),
            id="breaker-outlasts-pause",
        ),
        pytest.param(NEW, {"holds": {"slack": NOT_READY}}, Wait(at(900), delayed=True, timed=False, hold=NOT_READY), id="not-ready"),
        pytest.param(DELIVERED, {"holds": {"slack": PAUSE}}, None, id="delivered"),
    ],
)  # fmt: skip
def test_longest_wait_counts(target: dict[str, Any], facts: dict[str, Any], expected: Wait | None) -> None:
    assert wait(situation(**facts), Progress(channel="slack", **target)) == expected
