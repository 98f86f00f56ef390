"""The events of an incident, through the composition that ships: order, listings, and where a Resolve goes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from atomic_status import ObjectRef
from notification_operator.delivery.channel import Permanent, Transient
from notification_operator.kube.requests import KubeError
from tests.simulation.null_ports import NoObjects
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from notification_operator.domain.key import Key


class Incident(ReconcilerFixture):
    """Notifications of one incident."""

    def __init__(self, *channels: Stub, **options: Any) -> None:
        self._age = 0.0
        self.listings: Counter[str] = Counter()
        self.failing = False
        super().__init__(
            dict(zip(("slack", "console"), channels, strict=False)),
            objects=Listed(self),
            dedupKey="disk",
            **options,
        )

    def tell(self, name: str, event: str, *, age: float = 0.0, **more: Any) -> Key:
        """Create an event of this age, in seconds."""
        self._age, self._spec = age, self._spec | {"event": event} | more
        return self.create(name)

    @property
    def created(self) -> datetime:
        """The creation time of what is created next."""
        return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=self._age)

    def of(self, name: str) -> dict[str, Any]:
        """Return the status of a notification."""
        status: dict[str, Any] = self.store.peek(ObjectRef(namespace="shop", name=name))["status"]
        return status

    def states(self, name: str) -> dict[str, str]:
        """Return the state of each target, or why it is suppressed."""
        return {each["name"]: each.get("suppressedBy", each["state"]) for each in self.of(name)["targets"]}


class Listed(NoObjects):
    """Lists what the store of a test holds."""

    def __init__(self, incident: Incident) -> None:
        self._incident = incident

    async def of_incident(self, namespace: str, dedup_key: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Yield all notifications of the incident in one page."""
        self._incident.listings[f"{namespace}/{dedup_key}"] += 1
        if self._incident.failing:
            raise KubeError(status=503, reason="overloaded")
        yield [
            each
            for each in self._incident.store.objects.values()
            if each["spec"].get("dedupKey") == dedup_key
        ]


async def test_trigger_that_failed_is_suppressed_when_the_incident_is_resolved() -> None:
    slack = Stub(Transient("busy"))
    incident = Incident(slack)
    await incident.reconcile()
    resolve = incident.tell("order-2", "Resolve")

    # The Resolve waits for its Trigger, and requests it.
    waits = await incident.reconcile(resolve)
    assert waits.requeue_after is not None
    assert incident.of("order-2")["message"].endswith("an earlier message of its incident is under way")
    assert incident.key in incident.operator.queue.keys

    await incident.reconcile()
    assert incident.states("order-1") == {"slack": "IncidentResolved"}
    assert (incident.of("order-1")["phase"], incident.of("order-1")["reason"]) == (
        "Suppressed",
        "IncidentResolved",
    )
    assert incident.of("order-1")["message"] == (
        "Nothing more is sent to slack (IncidentResolved: the incident was resolved first)"
    )
    assert resolve in incident.operator.queue.keys

    # The first attempt may have arrived.
    await incident.reconcile(resolve)
    assert incident.states("order-2") == {"slack": "Delivered"}
    assert len(slack.calls) == 2


async def test_late_trigger_is_not_sent_and_its_resolve_is_sent_where_in_doubt() -> None:
    slack = Stub()
    incident = Incident(slack)
    trigger = incident.tell("late", "Trigger", age=60, dedupKey="network")
    resolve = incident.tell("end", "Resolve", age=30)
    await incident.reconcile(trigger)
    assert incident.states("late") == {"slack": "IncidentResolved"}
    # Another process may have begun an attempt of the Trigger that is not recorded.
    await incident.reconcile(resolve)
    assert incident.states("end") == {"slack": "Delivered"}
    assert len(slack.calls) == 1


async def test_incident_is_listed_once_and_not_for_the_trigger_that_begins_it() -> None:
    incident = Incident(Stub(), event="Resolve")
    await incident.reconcile()
    assert incident.listings == {"shop/disk": 1}
    # Created after the start of this process.
    begins = incident.tell("begins", "Trigger", age=-2, dedupKey="network")
    await incident.reconcile(begins)
    assert incident.states("begins") == {"slack": "Delivered"}
    assert incident.listings == {"shop/disk": 1}
    for name in ("end", "end again"):
        await incident.reconcile(incident.tell(name, "Resolve", age=-3))
    assert incident.listings == {"shop/disk": 1, "shop/network": 1}


async def test_notification_without_an_incident_lists_nothing() -> None:
    incident = Incident(Stub(), event="Trigger")
    await incident.reconcile(incident.tell("alone", "Trigger", dedupKey=""))
    assert incident.listings == {}


async def test_message_waits_a_minute_for_an_incident_that_cannot_be_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slack = Stub()
    incident = Incident(slack, event="Resolve")
    incident.failing = True
    waits = await incident.reconcile()
    assert waits.requeue_after == pytest.approx(5, abs=0.5)
    assert "the other messages of its incident cannot be listed" in incident.of("order-1")["message"]
    assert slack.calls == []
    monkeypatch.setattr("notification_operator.controller.incidents.BLIND_AFTER", 0.0)
    await incident.reconcile()
    assert incident.states("order-1") == {"slack": "Delivered"}


async def test_resolve_also_goes_where_its_trigger_went() -> None:
    slack, console = Stub(Permanent("never")), Stub()
    incident = Incident(slack, console)
    await incident.reconcile()
    assert incident.states("order-1") == {"slack": "Refused", "console": "Delivered"}
    await incident.reconcile(incident.tell("end", "Resolve", channels=["slack"]))
    assert incident.states("end") == {"slack": "Delivered", "console": "Delivered"}
    # Nothing is left to resolve at the console.
    await incident.reconcile(incident.tell("end again", "Resolve", channels=["slack"]))
    assert incident.states("end again") == {"slack": "Delivered"}


async def test_events_of_one_kind_request_no_reconciliation_of_each_other() -> None:
    incident = Incident(Stub(Transient("busy"), Transient("busy"), Transient("busy")))
    for name in ("order-2", "order-3"):
        await incident.reconcile(incident.tell(name, "Trigger"))
    assert incident.operator.queue.statistics().waiting == 0
    await incident.reconcile(incident.tell("end", "Resolve"))
    assert {key.name for key in incident.operator.queue.keys} == {"order-1", "order-2", "order-3"}


async def test_deleted_trigger_is_not_waited_for() -> None:
    slack = Stub(Transient("busy"))
    incident = Incident(slack)
    await incident.reconcile()
    resolve = incident.tell("end", "Resolve")
    await incident.reconcile(resolve)
    incident.operator.event_handler.handle("DELETED", incident.store.peek(incident.ref))
    await incident.reconcile(resolve)
    assert incident.states("end") == {"slack": "Delivered"}
