"""Threads: later messages of an incident refer to the first one that its receiver accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notification_operator.delivery import threads as module
from notification_operator.delivery.channel import Receipt
from notification_operator.delivery.senders import Sender
from notification_operator.delivery.threads import Threads
from tests.unit.operator.delivery.test_dispatcher import MESSAGE, Stub

if TYPE_CHECKING:
    import pytest

SENDER = Sender(name="slack/shop/team", channel=Stub(), revision="1")
INCIDENT = replace(MESSAGE, dedup_key="disk/full")


def test_later_message_refers_to_the_first() -> None:
    threads = Threads()
    assert threads.find(SENDER, INCIDENT) == ""
    for reference in ("C1/1", "C1/2"):
        threads.delivered(SENDER, INCIDENT, Receipt(message_ref=reference))
    assert threads.find(SENDER, INCIDENT) == "C1/1"


def test_incident_belongs_to_a_namespace_and_a_receiver() -> None:
    threads = Threads()
    threads.delivered(SENDER, INCIDENT, Receipt(message_ref="C1/1"))
    assert threads.find(SENDER, replace(INCIDENT, namespace="bank")) == ""
    assert threads.find(SENDER, replace(INCIDENT, dedup_key="disk/empty")) == ""
    assert threads.find(replace(SENDER, name="slack/shop/other"), INCIDENT) == ""


def test_receiver_that_has_changed_begins_a_new_thread() -> None:
    """It may send to another room, which does not know the message."""
    threads = Threads()
    threads.delivered(SENDER, INCIDENT, Receipt(message_ref="C1/1"))
    assert threads.find(replace(SENDER, revision="2"), INCIDENT) == ""


def test_message_that_stands_alone_begins_no_thread() -> None:
    threads = Threads()
    threads.delivered(SENDER, MESSAGE, Receipt(message_ref="C1/1"))
    threads.delivered(SENDER, INCIDENT, None)
    threads.delivered(SENDER, INCIDENT, Receipt())
    assert (threads.find(SENDER, MESSAGE), threads.find(SENDER, INCIDENT)) == ("", "")


def test_number_of_remembered_incidents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    threads = Threads()
    for key in ("a", "b", "a", "c"):
        threads.delivered(SENDER, replace(MESSAGE, dedup_key=key), Receipt(message_ref=f"C1/{key}"))
    references = [threads.find(SENDER, replace(MESSAGE, dedup_key=key)) for key in "abc"]
    assert references == ["C1/a", "", "C1/c"]
