"""Threads: later messages of an incident refer to the first one that the endpoint accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notification_operator.delivery.channel import Receipt
from notification_operator.domain.flow_control.breaker import Limits
from notification_operator.endpoints import endpoint as module
from notification_operator.endpoints.endpoint import Delivery
from tests.unit.operator.domain.receivers.entries import receiver
from tests.unit.operator.endpoints.calls import MESSAGE, Stub, endpoints_of
from tests.unit.operator.endpoints.stage import Stage

if TYPE_CHECKING:
    import pytest

    from notification_operator.endpoints.endpoint import Endpoint

INCIDENT = replace(MESSAGE, dedup_key="disk/full")


def chat() -> Endpoint:
    found = endpoints_of({"slack": Stub()}, limits=Limits()).find("slack", MESSAGE)
    assert isinstance(found, Delivery)
    return found.endpoint


def test_later_message_refers_to_the_first() -> None:
    slack = chat()
    assert slack.thread_of(INCIDENT) == ""
    for reference in ("C1/1", "C1/2"):
        slack.remember(INCIDENT, Receipt(message_ref=reference))
    assert slack.thread_of(INCIDENT) == "C1/1"


def test_incident_belongs_to_a_namespace_and_an_endpoint() -> None:
    slack = chat()
    slack.remember(INCIDENT, Receipt(message_ref="C1/1"))
    assert slack.thread_of(replace(INCIDENT, namespace="bank")) == ""
    assert slack.thread_of(replace(INCIDENT, dedup_key="disk/empty")) == ""
    assert chat().thread_of(INCIDENT) == ""


async def test_message_carries_the_first_of_its_incident_until_a_change() -> None:
    """A receiver that has changed may send to another room, which does not know the message."""
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [Receipt(message_ref="C1/1")]
    message = replace(stage.message(), dedup_key="disk/full")
    await stage.attempt("webhook/hook", message=message)
    await stage.attempt("webhook/hook", message=message)
    stage.exist(receiver("hook", timeout="3s", generation=2))
    await stage.attempt("webhook/hook", message=message)
    assert [each.thread_ref for each in stage.creator.messages] == ["", "C1/1", ""]


def test_message_that_stands_alone_begins_no_thread() -> None:
    slack = chat()
    slack.remember(MESSAGE, Receipt(message_ref="C1/1"))
    slack.remember(INCIDENT, None)
    slack.remember(INCIDENT, Receipt())
    assert (slack.thread_of(MESSAGE), slack.thread_of(INCIDENT)) == ("", "")


def test_number_of_remembered_incidents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_INCIDENTS", 2)
    slack = chat()
    for key in ("a", "b", "a", "c"):
        slack.remember(replace(MESSAGE, dedup_key=key), Receipt(message_ref=f"C1/{key}"))
    references = [slack.thread_of(replace(MESSAGE, dedup_key=key)) for key in "abc"]
    assert references == ["C1/a", "", "C1/c"]
