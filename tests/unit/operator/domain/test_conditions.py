"""The conditions list: what is said, and that other writers' entries survive."""

from typing import Any

import pytest

from notification_operator.domain.conditions import Condition, delivered, routing_resolved, with_conditions
from notification_operator.domain.model import Phase, Reason
from notification_operator.domain.outcome import Verdict
from notification_operator.domain.routing.route import Route, RoutingReason
from notification_operator.domain.text.timestamps import format_time
from tests.unit.operator.domain.builders import START, at


def saying(status: str, **changes: str) -> Condition:
    plain = {"type": "Delivered", "reason": "R", "message": "m"}
    return Condition(status=status, **(plain | changes))


def entry(status: str, seconds: float = 0, **changes: Any) -> dict[str, Any]:
    plain = {
        "type": "Delivered",
        "status": status,
        "reason": "R",
        "message": "m",
        "observedGeneration": 1,
        "lastTransitionTime": format_time(at(seconds)),
    }
    return plain | changes


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.SENT, "True"),
        (Phase.PARTIALLY_SENT, "False"),
        (Phase.FAILED, "False"),
        (Phase.PENDING, "Unknown"),
        (Phase.SENDING, "Unknown"),
        (Phase.RETRYING, "Unknown"),
    ],
)
def test_delivered_is_known_only_in_the_end(phase: Phase, status: str) -> None:
    reason = Reason.PROCESSING_DELIVERIES
    said = delivered(Verdict(phase=phase, reason=reason, message="m"))
    assert said == Condition(type="Delivered", status=status, reason=reason.value, message="m")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (RoutingReason.RULE_MATCHED, "True"),
        (RoutingReason.FALLBACK, "True"),
        (RoutingReason.FAILED, "False"),
    ],
)
def test_routing_resolved_tells_the_route_s_reason(reason: RoutingReason, status: str) -> None:
    [said] = routing_resolved(Route(channels=("slack",), reason=reason, message="m"))
    assert said == Condition(type="RoutingResolved", status=status, reason=reason.value, message="m")


def test_named_channels_need_no_routing_and_say_nothing_of_it() -> None:
    assert routing_resolved(Route(channels=("slack",))) == ()


def test_a_first_condition_gets_generation_and_time() -> None:
    assert with_conditions([], [saying("True")], generation=4, now=START) == [
        entry("True", observedGeneration=4)
    ]


def test_the_transition_time_moves_with_the_status_only() -> None:
    same = with_conditions([entry("True")], [saying("True", reason="New")], generation=2, now=at(9))
    assert same == [entry("True", reason="New", observedGeneration=2)]
    moved = with_conditions([entry("True")], [saying("False")], generation=2, now=at(9))
    assert moved == [entry("False", seconds=9, observedGeneration=2)]


def test_conditions_of_other_writers_stay_in_their_place() -> None:
    theirs = {"type": "Ready", "status": "True", "anything": [1]}
    found = with_conditions([theirs, entry("True")], [saying("True")], generation=1, now=at(9))
    assert found == [theirs, entry("True")]


def test_the_list_given_is_not_changed() -> None:
    present = [entry("True")]
    with_conditions(present, [saying("False")], generation=2, now=at(9))
    assert present == [entry("True")]


def test_a_condition_that_somebody_wrote_without_a_time_gets_one() -> None:
    present = {"type": "Delivered", "status": "True"}
    [found] = with_conditions([present], [saying("True")], generation=1, now=at(9))
    assert found["lastTransitionTime"] == format_time(at(9))
