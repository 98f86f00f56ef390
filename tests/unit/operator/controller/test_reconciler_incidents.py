"""The events of an incident, through the composition that ships: order, listings, and where a Resolve goes."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest

from notification_contract.kinds.choices import LifecycleEvent, Phase
from notification_domain.key import Key, shard_of
from notification_domain.model import Notification, parse
from notification_domain.planning.hold import Hold
from notification_operator.controller import incident_table, incidents
from notification_operator.controller.request import Result
from notification_runtime.delivery.channel import Permanent, Transient
from notification_runtime.kube.requests import KubeError
from notification_runtime.telemetry.gauges import ElectorStatistics
from tests.cases import cases
from tests.unit.operator.controller.incident_fixture import Incident
from tests.unit.operator.controller.reconciler_fixture import Stub
from tests.unit.operator.controller.test_reconciler_unchanged import ONE_SLOT, Held
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NETWORK = {"dedupKey": "network"}


async def nothing(_namespace: str, _dedup_key: str, _version: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """List no event."""
    pages: tuple[Sequence[dict[str, Any]], ...] = ()
    for page in pages:
        yield page


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


async def test_incident_is_listed_again_only_if_its_own_namespace_was_not_served() -> None:
    incident = Incident(Stub(), event="Resolve", selects=True)
    await incident.serve()
    await incident.reconcile()
    for namespace, matches, listings in (
        ("web", True, 1),
        ("web", False, 1),
        ("shop", False, 1),
        ("shop", True, 2),
    ):
        await incident.serve(namespace, matches=matches)
        if matches:
            await incident.reconcile(incident.tell(f"{namespace}-joined", "Acknowledge"))
        assert incident.listings == {"shop/disk": listings}


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
    status = incident.of("order-1")
    (attempt,), (target,) = status["deliveryAttempts"], status["targets"]
    assert attempt["note"] == target["note"] == "the other messages of its incident could not be listed"


async def test_events_of_an_incident_wait_for_one_listing_that_hangs_and_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slack = Stub()
    incident = Incident(slack, event="Resolve")
    incident.failing, incident.listing_seconds = True, 0.2
    keys = [incident.key, *(incident.tell(name, "Resolve") for name in ("r2", "r3"))]
    results = await asyncio.gather(*map(incident.reconcile, keys))
    assert incident.listings == {"shop/disk": 1}
    assert [result.requeue_after for result in results] == [pytest.approx(5, abs=0.5)] * 3
    # The minute counts from the begin of the first listing.
    monkeypatch.setattr(incidents, "BLIND_AFTER", 0.2)
    await asyncio.gather(*map(incident.reconcile, keys))
    assert (incident.listings, len(slack.calls)) == ({"shop/disk": 1}, 3)


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


async def test_trigger_deleted_during_its_attempt_arrives_before_its_resolve() -> None:
    slack = Stub(seconds=0.2)
    incident = Incident(slack)
    await incident.reconcile()
    incident.delete()
    assert await incident.reconcile() == Result(final=True)
    slack.seconds = 0
    resolve = incident.tell("end", "Resolve")
    await incident.reconcile(resolve)
    assert len(slack.calls) == 1
    assert "an earlier message of its incident is under way" in incident.of("end")["message"]
    await asyncio.sleep(0.25)
    assert resolve in incident.operator.queue.keys
    await incident.reconcile(resolve)
    assert incident.states("end") == {"slack": "Delivered"}


async def test_event_that_is_deleted_while_its_incident_is_listed_is_not_sent() -> None:
    slack = Stub()
    incident = Incident(slack, event="Resolve")
    incident.meanwhile = incident.delete
    assert await incident.reconcile() == Result(final=True)
    assert slack.calls == []
    await incident.reconcile(incident.tell("again", "Trigger", age=-1))
    assert incident.states("again") == {"slack": "Delivered"}


async def test_oldest_message_of_a_long_incident_is_still_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_table, "MOST_EVENTS", 4)
    incident = Incident(Stub(), event="Trigger")
    for number in range(6):
        await incident.reconcile(incident.tell(f"later-{number}", "Trigger", age=-2 - number))
    await incident.reconcile()
    assert incident.states("order-1") == {"slack": "Delivered"}


async def test_resolve_goes_where_a_trigger_arrived_however_many_went_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incident_table, "MOST_EVENTS", 4)
    known = incidents.Incidents(nothing, request=lambda _: None, clock=lambda: NOW, seconds=lambda: 0.0)

    def note(number: int, event: str, **target: str) -> Mapping[str, bool]:
        """Note an event with one target, and return where its Trigger may have arrived."""
        status = {"phase": "Sent", "targets": [{"name": "slack", **target}]} if target else {}
        spec = {"type": "simple", "subject": "s", "body": "b", "dedupKey": "disk", "event": event}
        created = (NOW + timedelta(seconds=number)).isoformat()
        metadata = {
            "namespace": "shop",
            "name": f"e{number}",
            "uid": f"u{number}",
            "creationTimestamp": created,
        }
        notification = parse({"metadata": metadata, "spec": spec, "status": status})
        key = Key("shop", f"e{number}", f"u{number}", "disk")
        known.note(key, notification)
        return known.of(key, notification).reached

    note(0, "Trigger", state="Delivered")
    for number in range(1, 9):
        note(number, "Trigger", state="Suppressed", suppressedBy="Muted")
    assert note(9, "Resolve") == {"slack": True}


def ended(namespace: str, number: int, *, incident: str) -> tuple[Key, Notification]:
    """Return a Trigger that was delivered to two targets."""
    targets = [{"name": name, "state": "Delivered"} for name in ("webhook/on-call", "email/team")]
    metadata = {
        "namespace": namespace,
        "name": f"event-{number}",
        "uid": f"00000000-0000-4000-8000-{number:012}",
        "creationTimestamp": (NOW + timedelta(seconds=number)).isoformat(),
    }
    spec = {"type": "simple", "subject": "s", "body": "b", "dedupKey": incident, "event": "Trigger"}
    notification = parse(
        {"metadata": metadata, "spec": spec, "status": {"phase": "Sent", "targets": targets}}
    )
    return Key(namespace, metadata["name"], notification.uid, incident), notification


def test_incidents_of_one_namespace_are_bounded_and_leave_others_known() -> None:
    known = incidents.Incidents(nothing, request=lambda _: None, clock=lambda: NOW, seconds=lambda: 0.0)
    trigger, count = ended("web", 1, incident="disk"), cases(30_000)
    known.note(*trigger)
    first, notification = ended("shop", 1, incident="disk")
    tracemalloc.start()
    for number in range(count):
        key = first._replace(uid=f"{number:036}", incident=f"incident-{number // 5}")
        content = replace(notification.content, dedup_key=key.incident)
        created = NOW + timedelta(seconds=number)
        known.note(key, replace(notification, uid=key.uid, created=created, content=content))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < min(20e6, 800 * count)
    key, resolve = ended("web", 2, incident="disk")
    resolve = replace(resolve, content=replace(resolve.content, event=LifecycleEvent.RESOLVE))
    assert known.of(key, resolve).reached == {"webhook/on-call": True, "email/team": True}


async def test_incident_is_listed_again_an_hour_after_it_has_ended() -> None:
    seconds, listed = 0.0, list[str]()

    async def find(_namespace: str, dedup_key: str, _version: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        listed.append(dedup_key)
        yield []

    known = incidents.Incidents(find, request=lambda _: None, clock=lambda: NOW, seconds=lambda: seconds)

    async def look(number: int, incident: str, **fields: Any) -> None:
        key, notification = ended("shop", number, incident=incident)
        known.note(key, replace(notification, **fields))
        await known.fetch(key, incident, "1")

    await look(1, "disk")
    await look(
        2, "network", status=replace(ended("shop", 2, incident="network")[1].status, phase=Phase.SENDING)
    )
    for seconds in (incident_table.KEPT_SECONDS - 1, 2 * incident_table.KEPT_SECONDS):
        await look(3, "disk")
        await look(int(seconds), f"other-{seconds}")
    seconds *= 2
    await look(4, "other")
    await look(5, "disk")
    await look(6, "network")
    assert [listed.count(incident) for incident in ("disk", "network")] == [2, 1]


class Page(list[dict[str, Any]]):
    """A page that tells when it is released."""


async def test_few_incidents_are_listed_at_a_time_and_all_in_the_end() -> None:
    active: list[str] = []
    listed: set[str] = set()
    most = 0

    async def find(_namespace: str, dedup_key: str, _version: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        nonlocal most
        active.append(dedup_key)
        most = max(most, len(active))
        await asyncio.sleep(0)
        yield []
        active.remove(dedup_key)
        listed.add(dedup_key)

    known = incidents.Incidents(find, request=lambda _: None, clock=lambda: NOW, seconds=lambda: 0.0)
    keys = [Key(f"ns-{number % 3}", f"end-{number}", f"u{number}", f"i-{number}") for number in range(50)]
    await asyncio.gather(*(known.fetch(key, key.incident, "1") for key in keys))
    assert most == incidents.LISTINGS
    assert listed == {key.incident for key in keys}


async def test_page_of_an_incident_is_released_before_the_next_one_is_read() -> None:
    held: list[bool] = []

    async def find(
        _namespace: str, _dedup_key: str, _version: str
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        page = Page()
        released = ref(page)
        yield page
        del page
        held.append(released() is not None)
        yield []

    known = incidents.Incidents(find, request=lambda _: None, clock=lambda: NOW, seconds=lambda: 0.0)
    await known.fetch(Key("shop", "end", "u1", "disk"), "disk", "1")
    assert held == [False]


async def test_listing_is_consistent_until_this_process_has_seen_enough_itself() -> None:
    now, oldest = NOW, list[str]()

    async def find(_namespace: str, _dedup_key: str, version: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        oldest.append(version)
        yield []

    known = incidents.Incidents(find, request=lambda _: None, clock=lambda: now, seconds=lambda: 0.0)

    async def listed(namespace: str) -> str:
        key = f"i-{len(oldest)}"
        await known.fetch(Key(namespace, "end", "u1", key), key, "17")
        return oldest[-1]

    assert await listed("shop") == ""
    now += incidents.BEHIND + timedelta(seconds=1)
    assert await listed("shop") == "17"
    known.on_namespace("web", served=True)
    assert [await listed("shop"), await listed("web")] == ["17", ""]
    known.on_shards(ElectorStatistics(acquisitions=(1,)))
    assert await listed("shop") == ""


def test_attempts_of_shards_that_stay_are_known_when_another_is_lost() -> None:
    """Else a Trigger overtakes the Resolve that is being sent."""
    known = incidents.Incidents(nothing, request=lambda _: None, clock=lambda: NOW, seconds=lambda: 0.0)
    spec = {"type": "simple", "subject": "s", "body": "b", "dedupKey": "disk"}

    def told(uid: str, event: str, *, second: int) -> tuple[Key, Notification]:
        created = (NOW + timedelta(seconds=second)).isoformat()
        metadata = {"namespace": "shop", "name": uid, "uid": uid, "creationTimestamp": created}
        return Key("shop", uid, uid, "disk"), parse({"metadata": metadata, "spec": spec | {"event": event}})

    def work(*shards: int, acquisitions: tuple[int, int]) -> None:
        owned = frozenset(shards)
        known.on_shards(ElectorStatistics(shards=2, working=owned, owned=owned, acquisitions=acquisitions))

    resolve, trigger = told("u1", "Resolve", second=1), told("u2", "Trigger", second=2)
    mine = shard_of(resolve[0].shard_key, 2)

    def waits() -> bool:
        known.note(*trigger)
        return isinstance(known.decide(*trigger, {"slack": 10.0}).get("slack"), Hold)

    work(0, 1, acquisitions=(1, 1))
    known.note(*resolve, running={"slack"})
    assert waits()
    work(mine, acquisitions=(1, 1))
    assert waits()
    work(0, 1, acquisitions=(1 + mine, 2 - mine))
    assert waits()
    work(0, 1, acquisitions=(2, 2))
    assert not waits(), "its shard was lost and acquired in between"


async def test_notification_that_waits_for_a_listing_is_not_held_and_read_again() -> None:
    incident = Incident(Stub(), event="Resolve")
    held: list[Notification] = []

    def note_held() -> None:
        held.extend(each for each in gc.get_objects() if isinstance(each, Notification))

    gc.collect()
    incident.meanwhile = note_held
    await incident.reconcile()
    assert [each for each in held if each.uid == incident.key.uid] == []
    assert incident.verbs == ["GET", "GET", "PUT"]
    assert incident.states("order-1") == {"slack": "Delivered"}


async def test_trigger_that_waits_for_a_slot_is_not_sent_after_its_resolve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notification_operator.endpoints.call_slots.OVERTIME_SECONDS", 3600)
    # The Resolve waits for its Trigger no longer, and is more urgent.
    monkeypatch.setattr(incidents, "MARGIN", timedelta(seconds=-5))
    slack = Held()
    incident = Incident(slack, delivery=ONE_SLOT)
    for key in (
        incident.tell("alone", "Trigger", dedupKey=""),
        incident.tell("t", "Trigger", age=60, **NETWORK),
    ):
        await incident.reconcile(key)
    resolve = incident.tell("r", "Resolve", priority="critical")
    await incident.reconcile(resolve)
    assert (len(slack.calls), incident.attempts.running) == (1, 3)
    async with asyncio.timeout(20), incident.running_queue():
        slack.ends.set()
        await until(lambda: incident.of("r")["phase"] == "Sent" and incident.of("t")["phase"] == "Suppressed")
    assert incident.states("t") == {"slack": "IncidentResolved"}
    assert slack.calls[1:] == [f"{resolve.uid}:slack:1"]


async def test_resolve_follows_a_trigger_that_begins_during_its_attempt() -> None:
    slack, console = Stub(), Held()
    incident = Incident(slack, console)
    resolve = incident.tell("r", "Resolve", age=-2, channels=["console"], **NETWORK)
    resolving = asyncio.create_task(incident.reconcile(resolve))
    await until(lambda: bool(console.calls))
    trigger = incident.tell("t", "Trigger", age=0.0, channels=["slack"], **NETWORK)
    assert (await incident.reconcile(trigger)).final
    console.ends.set()
    assert not (await resolving).final
    assert (await incident.reconcile(resolve)).final
    assert incident.states("r") == {"console": "Delivered", "slack": "Delivered"}


async def test_trigger_is_not_sent_while_the_end_of_its_resolve_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slack = Stub()
    incident = Incident(slack, Stub())
    resolve = incident.tell("r", "Resolve", age=-2, channels=["console"], **NETWORK)
    write = incident.store.replace_status

    async def slowly(obj: dict[str, Any]) -> dict[str, Any]:
        if obj["metadata"]["name"] == "r":
            await incident.reconcile(incident.tell("t", "Trigger", age=0.0, channels=["slack"], **NETWORK))
        return await write(obj)

    monkeypatch.setattr(incident.store, "replace_status", slowly)
    assert (await incident.reconcile(resolve)).final
    assert (incident.states("t"), slack.calls) == ({"slack": "IncidentResolved"}, [])


async def test_incidents_that_wait_for_a_listing_that_hangs_give_up_with_it() -> None:
    seconds, listed = 0.0, list[str]()

    async def find(namespace: str, _dedup_key: str, _version: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        nonlocal seconds
        listed.append(namespace)
        await asyncio.sleep(0)
        seconds += 30
        if seconds:
            raise KubeError(status=None, reason="no answer within 30 s")
        yield []

    known = incidents.Incidents(find, request=lambda _: None, clock=lambda: NOW, seconds=lambda: seconds)
    keys = [Key("shop", f"end-{number}", f"u{number}", f"i-{number}") for number in range(50)]
    keys.append(Key("web", "end", "u", "i"))
    await asyncio.gather(*(known.fetch(key, key.incident, "1") for key in keys))
    assert sorted(listed) == ["shop", "shop", "web"]
