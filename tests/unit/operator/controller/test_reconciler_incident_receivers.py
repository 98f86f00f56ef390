"""The events of an incident at receivers, which may mute them: where a Resolve goes, whatever is known when it comes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from atomic_status import ObjectRef
from atomic_status.testing import MemoryStore
from notification_contract import names
from notification_contract.kinds.target import listed_digits
from notification_domain.json_values import format_time
from notification_operator.controller import incidents
from notification_operator.ports import ReceiverPorts
from tests.unit.operator.contract.kinds.specs import spec
from tests.unit.operator.controller.incident_fixture import Incident
from tests.unit.operator.controller.reconciler_fixture import now
from tests.unit.operator.controller.test_reconciler_receivers import Composition, until_idle, webhook
from tests.unit.operator.domain.receivers.entries import HOME
from tests.unit.operator.endpoints.stage import Creator
from tests.unit.operator.watch.collections_in_memory import Collections

if TYPE_CHECKING:
    from notification_domain.key import Key

OTHER = {"dedupKey": "network"}
"""Another incident than that of the notification which the fixture begins with."""


class AtReceivers(Composition):
    """An incident whose events go to receivers in memory."""

    def __init__(self, *names: str, **more: Any) -> None:
        self.collections, self.creator = Collections(), Creator()
        ports = ReceiverPorts(watches=self.collections, store=MemoryStore(), home=HOME, factory=self.creator)
        self.fixture = self.incident = Incident(
            receivers=ports, addressed=[], receiverRefs=[{"name": name} for name in names], **more
        )

    def told(self, name: str, event: str, target: str, state: str, **more: Any) -> Key:
        """Create an event that another process has brought to an end at its only target."""
        key = self.incident.tell(name, event, **more)
        phase = {"Delivered": "Sent", "Suppressed": "Suppressed"}[state]
        targets = [{"name": target, "state": state, "attempts": int(state == "Delivered")}]
        self.incident.store.write_status(
            ObjectRef(namespace="shop", name=name), {"phase": phase, "targets": targets}
        )
        return key


@pytest.fixture
def urgent(monkeypatch: pytest.MonkeyPatch) -> AtReceivers:
    """Return an incident at a receiver that is for critical messages alone; a listing that failed is repeated at once."""
    monkeypatch.setattr(incidents, "RETRY_AFTER", timedelta())
    stage = AtReceivers("hook")
    stage.collections.put_receiver("hook", webhook(priorities=["critical"]))
    return stage


async def test_resolve_is_not_muted_before_its_incident_is_listed(urgent: AtReceivers) -> None:
    incident = urgent.incident
    async with urgent.following():
        urgent.told("t", "Trigger", "webhook/hook", "Delivered", age=60, priority="critical", **OTHER)
        resolve = incident.tell("r", "Resolve", age=30, priority="medium")
        incident.failing = True
        assert not (await incident.reconcile(resolve)).final
        assert incident.states("r") == {"webhook/hook": "Waiting"}
        incident.failing = False
        assert (await incident.reconcile(resolve)).final
    assert (incident.states("r"), urgent.calls) == ({"webhook/hook": "Delivered"}, ["webhook/hook:1"])


async def test_resolve_without_a_trigger_there_is_muted_after_the_listing(
    urgent: AtReceivers,
) -> None:
    incident = urgent.incident
    async with urgent.following():
        urgent.told("t", "Trigger", "webhook/hook", "Suppressed", age=60, priority="low", **OTHER)
        resolve = incident.tell("r", "Resolve", age=30, priority="medium")
        incident.failing = True
        await incident.reconcile(resolve)
        incident.failing = False
        assert (await incident.reconcile(resolve)).final
    assert (incident.states("r"), urgent.calls) == ({"webhook/hook": "Muted"}, [])


async def test_resolve_is_sent_where_in_doubt_after_a_minute_without_a_listing(
    urgent: AtReceivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "BLIND_AFTER", 0.0)
    incident = urgent.incident
    async with urgent.following():
        incident.failing = True
        await incident.reconcile(incident.tell("r", "Resolve", age=30, priority="medium"))
        assert incident.states("r") == {"webhook/hook": "Delivered"}
        # This process knows that the Trigger of the other incident was muted.
        await incident.reconcile(incident.tell("t2", "Trigger", age=-2, priority="low", **OTHER))
        await incident.reconcile(incident.tell("r2", "Resolve", age=-3))
    assert (incident.states("t2"), incident.states("r2")) == ({"webhook/hook": "Muted"},) * 2
    assert urgent.calls == ["webhook/hook:1"]


async def test_resolve_that_was_muted_follows_a_trigger_that_is_sent_later() -> None:
    stage = AtReceivers("hook", "other")
    incident = stage.incident
    stage.collections.put_receiver("hook", webhook(priorities=["critical"]))
    stage.collections.put_receiver("other", webhook())
    async with stage.following():
        soon = format_time(now() + timedelta(seconds=0.3))
        trigger = incident.tell("t", "Trigger", age=-2, priority="critical", notBefore=soon, **OTHER)
        await incident.reconcile(trigger)
        resolve = incident.tell("r", "Resolve", age=-3, priority="medium", notBefore=None)
        await incident.reconcile(resolve)
        assert incident.states("r") == {"webhook/hook": "Muted", "webhook/other": "Waiting"}
        await asyncio.sleep(0.3)
        for key in (trigger, resolve):
            assert (await incident.reconcile(key)).final
    everywhere = {"webhook/hook": "Delivered", "webhook/other": "Delivered"}
    assert (incident.states("t"), incident.states("r")) == (everywhere, everywhere)


async def test_resolve_goes_to_no_recipient_that_its_receiver_has_no_more() -> None:
    stage = AtReceivers("shift")
    incident = stage.incident
    stage.collections.put_receiver("shift", spec("email", to=["first@example.com"]))
    async with stage.following():
        await incident.reconcile()
        stage.collections.put_receiver("shift", spec("email", to=["second@example.com"]), generation=2)
        await until_idle()
        assert (await incident.reconcile(incident.tell("r", "Resolve", age=-1))).final
    first, second = (
        f"email/shift#{listed_digits(f'{each}@example.com', 'uid-shift')}" for each in ("first", "second")
    )
    assert incident.states("order-1") == {first: "Delivered"}
    assert (incident.states("r"), incident.of("r")["phase"]) == ({second: "Delivered"}, "Sent")


@pytest.mark.parametrize("change", ["removed", "replaced", "misspelled"])
async def test_resolve_leaves_out_a_receiver_of_its_trigger_that_is_not_there(change: str) -> None:
    stage = AtReceivers("hook", "other")
    incident = stage.incident
    stage.collections.put_receiver("hook", webhook())
    if change != "misspelled":
        stage.collections.put_receiver("other", webhook())
    async with stage.following():
        await incident.reconcile()
        match change:
            case "removed":
                stage.collections.delete(f"/apis/{names.API_VERSION}/{names.RECEIVER_PLURAL}", "other")
            case "replaced":
                stage.collections.put_receiver("other", spec("email"), generation=2)
        await until_idle()
        resolve = incident.tell("r", "Resolve", age=-1, receiverRefs=[{"name": "hook"}])
        assert (await incident.reconcile(resolve)).final
    assert incident.states("r") == {"webhook/hook": "Delivered"}


@pytest.mark.parametrize("first", ["t", "r"])
async def test_resolve_is_not_muted_where_a_lost_attempt_may_have_arrived(
    urgent: AtReceivers, first: str
) -> None:
    incident = urgent.incident
    async with urgent.following():
        # The process that began its attempt is gone; nothing is recorded.
        trigger = incident.tell("t", "Trigger", age=60, priority="critical", **OTHER)
        resolve = incident.tell("r", "Resolve", age=30, priority="medium")
        if first == "r":
            assert not (await incident.reconcile(resolve)).final
            assert incident.states("r") == {"webhook/hook": "Waiting"}
        assert (await incident.reconcile(trigger)).final
        assert (await incident.reconcile(resolve)).final
    assert incident.states("t") == {"webhook/hook": "IncidentResolved"}
    assert (incident.states("r"), urgent.calls) == ({"webhook/hook": "Delivered"}, ["webhook/hook:1"])
