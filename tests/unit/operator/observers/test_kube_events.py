"""Which Events there are: by default those that somebody may have to act on, and no others."""

from __future__ import annotations

import pytest

from notification_contract.settings.operator import EventLevel
from notification_operator.domain.breaker import Circuit
from notification_operator.domain.model import Phase, Reason
from notification_operator.kube.event import Event, EventType, Regarding
from notification_operator.observers.kube_events import EventObserver
from notification_operator.observers.publisher import Transition
from tests.unit.operator.domain.builders import at, notification, with_status

POD = Regarding(api_version="v1", kind="Pod", namespace="own", name="operator-abc", uid="uid-9")
REASONS = {
    Phase.SENDING: Reason.PROCESSING_DELIVERIES,
    Phase.RETRYING: Reason.PARTIAL_FAILURE_RETRYING,
    Phase.SENT: Reason.ALL_DELIVERIES_SUCCEEDED,
    Phase.PARTIALLY_SENT: Reason.PARTIAL_DELIVERY_SUCCESS,
    Phase.FAILED: Reason.MAX_RETRIES_EXHAUSTED,
}
CONFIG_MAP = {"metadata": {"namespace": "own", "name": "rules", "uid": "uid-7"}}


def events(level: EventLevel) -> tuple[EventObserver, list[Event]]:
    posted: list[Event] = []
    made = EventObserver(
        record=posted.append, level=level, pod=POD, api_version="kubernaut.ai/v1alpha1", clock=lambda: at(5)
    )
    return made, posted


def move(before: Phase, after: Phase) -> Transition:
    return Transition(
        before=notification("slack", phase=before),
        after=with_status(
            notification("slack", phase=after), reason=REASONS[after].value, message="as the status says"
        ),
    )


@pytest.mark.parametrize("before", [Phase.PENDING, Phase.SENDING])
@pytest.mark.parametrize("after", [Phase.RETRYING, Phase.PARTIALLY_SENT, Phase.FAILED])
def test_what_somebody_may_have_to_act_on_is_a_warning(before: Phase, after: Phase) -> None:
    made, posted = events(EventLevel.ACTIONABLE)
    made.on_transition(move(before, after))
    (event,) = posted
    assert (event.type, event.reason) == (EventType.WARNING, REASONS[after])
    assert event.note == f"{after}: as the status says"
    assert event.regarding == Regarding(
        api_version="kubernaut.ai/v1alpha1",
        kind="NotificationRequest",
        namespace="shop",
        name="order-1",
        uid="uid-1",
    )
    assert event.at == at(5)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Phase.PENDING, Phase.SENT),
        (Phase.PENDING, Phase.SENDING),
        (Phase.SENDING, Phase.SENT),
        (Phase.RETRYING, Phase.SENT),
        (Phase.RETRYING, Phase.RETRYING),
    ],
)
def test_a_delivery_that_comes_about_posts_nothing_nor_does_a_phase_that_stays(
    before: Phase, after: Phase
) -> None:
    made, posted = events(EventLevel.ACTIONABLE)
    made.on_transition(move(before, after))
    assert posted == []


@pytest.mark.parametrize("after", REASONS)
def test_at_the_level_all_each_change_of_a_phase_is_an_event(after: Phase) -> None:
    made, posted = events(EventLevel.ALL)
    made.on_transition(move(Phase.PENDING, after))
    made.on_transition(move(after, after))
    (event,) = posted
    normal = after in {Phase.SENDING, Phase.SENT}
    assert event.type is (EventType.NORMAL if normal else EventType.WARNING)
    assert event.reason == REASONS[after]


def test_at_the_level_none_there_are_none_at_all() -> None:
    made, posted = events(EventLevel.NONE)
    made.on_transition(move(Phase.PENDING, Phase.FAILED))
    made.routing_refused(CONFIG_MAP, ("wrong",))
    made.breaker_changed("slack", Circuit.OPEN)
    assert posted == []


def test_a_refused_routing_document_is_told_of_its_config_map_with_every_problem() -> None:
    made, posted = events(EventLevel.ACTIONABLE)
    made.routing_refused(CONFIG_MAP, ("route: missing", "receivers: missing"))
    (event,) = posted
    assert (event.type, event.reason) == (EventType.WARNING, "RoutingDocumentRefused")
    assert (
        event.note == "Routing document ignored because of 2 problem(s): route: missing; receivers: missing"
    )
    about = Regarding(api_version="v1", kind="ConfigMap", namespace="own", name="rules", uid="uid-7")
    assert event.regarding == about


def test_a_breaker_that_opens_is_told_of_the_operator_s_pod_each_time_in_the_same_words() -> None:
    made, posted = events(EventLevel.ACTIONABLE)
    made.breaker_changed("slack", Circuit.OPEN)
    made.breaker_changed("slack", Circuit.CLOSED)
    made.breaker_changed("slack", Circuit.OPEN)
    first, second = posted
    assert (first.regarding, first.reason) == (POD, "CircuitBreakerOpened")
    assert first.name == second.name
    assert "slack" in first.note
