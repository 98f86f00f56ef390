"""The routing rules in force, from one document to the next."""

from __future__ import annotations

from notification_contract.routing.table import RoutingTable, parse_table
from notification_domain.routing import RoutingReason, RoutingState
from tests.unit.operator.domain.builders import notification

ROUTED = notification()


def table(channel: str) -> RoutingTable:
    return parse_table({"route": {"receiver": "r"}, "receivers": [{"name": "r", "channels": [channel]}]})


def test_state_without_a_document_uses_the_fallback() -> None:
    state = RoutingState()
    assert (state.loaded, state.generation) == (False, 0)
    assert state.route(ROUTED).reason is RoutingReason.FALLBACK


def test_document_is_in_force_until_the_next_one() -> None:
    state = RoutingState().accept(table("slack"))
    assert (state.loaded, state.generation, state.route(ROUTED).targets) == (True, 1, ("slack",))
    state = state.accept(table("email"))
    assert (state.loaded, state.generation, state.route(ROUTED).targets) == (True, 2, ("email",))


def test_refused_document_leaves_the_last_valid_one_in_force() -> None:
    state = RoutingState().accept(table("slack")).refuse(("wrong",))
    assert (state.loaded, state.generation, state.problems) == (False, 2, ("wrong",))
    assert state.route(ROUTED).targets == ("slack",)
    assert state.route(ROUTED).reason is RoutingReason.FALLBACK
    assert state.accept(table("email")).loaded


def test_refused_first_document_is_the_reason_of_the_fallback() -> None:
    route = RoutingState().refuse(("route: missing", "receivers: missing")).route(ROUTED)
    assert (route.targets, route.reason) == (("console",), RoutingReason.FAILED)
    assert "route: missing; receivers: missing" in route.message


def test_removal_clears_document_and_problems() -> None:
    for before in (RoutingState().accept(table("slack")), RoutingState().refuse(("wrong",))):
        state = before.remove()
        assert (state.loaded, state.generation, state.problems) == (False, 2, ())
        assert state.route(ROUTED).reason is RoutingReason.FALLBACK


def test_notification_keeps_its_named_or_recorded_channels() -> None:
    state = RoutingState().accept(table("slack"))
    assert state.route(notification("file")).targets == ("file",)
    status = {"phase": "Sending", "resolvedChannels": ["log"]}
    assert state.route(notification(status=status)).targets == ("log",)
