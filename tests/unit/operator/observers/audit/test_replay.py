"""The replay: every event of finished notifications again, with the ids of the first time, and marked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner, Result

from notification_contract.kinds.choices import Phase
from notification_contract.settings import Audit
from notification_domain.model import parse
from notification_operator.cli import UNUSABLE, app
from notification_operator.observers.audit import writer
from notification_operator.observers.audit.observer import AuditObserver
from notification_operator.observers.publisher import Transition
from notification_runtime.kube import objects
from notification_runtime.kube.client import Cluster
from notification_runtime.telemetry import logging
from tests.unit.operator.domain.builders import at, circuit_open, failure, notification, stored, success
from tests.unit.operator.kube_api import refusal
from tests.unit.operator.notifications_api import NotificationsApi, running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notification_domain.model import Attempt
    from tests.unit.operator.observers.audit.conftest import AuditStore

PENDING = notification("console", "slack")
ATTEMPTS = (
    failure("console", duration=0.1234567),
    success("console", 2, seconds=1),
    circuit_open("slack", seconds=1),
    failure("slack", 2, seconds=2, permanent=True),
)


def finished(name: str, phase: Phase, *attempts: Attempt, seconds: float = 7, **meta: Any) -> dict[str, Any]:
    """Return a finished notification as the API server returns it."""
    status = replace(PENDING.status, phase=phase, attempts=attempts, message=phase, completed_at=at(seconds))
    spec = {"channels": ["console", "slack"], "body": "password=hunter2x"}
    return stored(
        spec=spec,
        status=status.dump(),
        metadata={"name": name, "uid": f"uid-{name}", "namespace": "shop"} | meta,
    )


OBJECTS = {
    "sent": finished("sent", Phase.SENT, *ATTEMPTS[:2]),
    "partly": finished("partly", Phase.PARTIALLY_SENT, *ATTEMPTS, namespace="other"),
    "failed": finished("failed", Phase.FAILED, ATTEMPTS[0], ATTEMPTS[3], seconds=3600),
    "open": stored(metadata={"name": "open", "uid": "uid-open"}, status={"phase": "Retrying"}),
}


async def first_time(store: AuditStore, obj: Mapping[str, Any]) -> None:
    """Send the events of an object as the operator did, one attempt per status write."""
    observer = AuditObserver(Audit(url=store.url, flush_seconds=3600), registry=CollectorRegistry())
    observer.start()
    after = parse(obj)
    before = replace(after, status=replace(PENDING.status, phase=Phase.PENDING))
    for number in range(1, len(after.attempts) + 1):
        last = number == len(after.attempts)
        partial = replace(before.status, phase=Phase.RETRYING, attempts=after.attempts[:number])
        written = after if last else replace(after, status=partial)
        observer.on_transition(Transition(before=before, after=written))
        before = written
    assert await observer.close(5) == 0


def by_id(events: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    assert len({event["event_id"] for event in events}) == len(events)
    return {event["event_id"]: event for event in events}


class Replay:
    """The command against an API server and a store."""

    def __init__(self, store: AuditStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api = NotificationsApi()
        for obj in OBJECTS.values():
            self.api.objects[obj["metadata"]["namespace"], obj["metadata"]["name"]] = obj
        self._store = store
        monkeypatch.setattr("notification_operator.observers.audit.replay.connect", self._connect)
        monkeypatch.setattr(logging, "configure", lambda *_: None)

    async def _connect(self, *_: object, **__: object) -> Cluster:
        configuration = Configuration(host=self.api.url)
        return Cluster(configuration=configuration, namespace="own", source="a test")

    async def run(self, *arguments: str, url: str | None = None) -> Result:
        environment = {"NOTIFICATION_AUDIT__URL": self._store.url if url is None else url}
        async with running(self.api):
            return await asyncio.to_thread(
                lambda: CliRunner().invoke(app, ["audit-replay", *arguments], env=environment)
            )


@pytest.fixture
def replay(store: AuditStore, monkeypatch: pytest.MonkeyPatch) -> Replay:
    return Replay(store, monkeypatch)


async def test_replayed_events_are_those_of_the_first_time_with_their_source(
    replay: Replay, store: AuditStore
) -> None:
    for name in ("sent", "partly", "failed"):
        await first_time(store, OBJECTS[name])
    expected = by_id(store.events)
    assert len(expected) == 3 + 5 + 3
    store.batches.clear()
    assert not any("source" in event["event_data"] for event in expected.values())
    for event in expected.values():
        event["event_data"]["source"] = "status"

    result = await replay.run()

    assert (result.exit_code, by_id(store.events)) == (0, expected)
    assert "11 events of 3 finished notifications: 11 accepted, 0 refused" in result.stdout
    assert "notifications 3, events 11" in result.stderr
    assert "hunter2x" not in str(store.events)


async def test_listing_is_read_in_pages(replay: Replay) -> None:
    await replay.run("--dry-run")
    assert [query["limit"] for query in replay.api.lists] == ["100"]


async def test_events_of_a_page_are_sent_in_batches_of_the_configured_size(
    replay: Replay, store: AuditStore
) -> None:
    for number in range(150):
        name = f"more-{number:03}"
        replay.api.objects["shop", name] = finished(name, Phase.SENT, ATTEMPTS[1])
    result = await replay.run()
    assert "notifications 153" in result.stderr
    assert result.exit_code == 0
    assert len(store.batches) <= 3


async def test_page_of_events_beyond_the_buffer_is_sent_in_parts(
    replay: Replay, store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer.Buffer.__init__, "__kwdefaults__", {"max_bytes": 3000})
    result = await replay.run()
    assert (result.exit_code, len(store.events)) == (0, 11)


async def test_replay_goes_on_when_its_listing_has_expired(
    replay: Replay, store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE", 2)
    replay.api.expired_pages = 1
    result = await replay.run()
    assert (result.exit_code, len(store.events)) == (0, 11)


async def test_dry_run_counts_and_sends_nothing(replay: Replay, store: AuditStore) -> None:
    result = await replay.run("--dry-run", url="")
    assert (result.exit_code, store.requests) == (0, [])
    assert "11 events of 3 finished notifications: none sent" in result.stdout


async def test_namespace_and_time_select_notifications(replay: Replay, store: AuditStore) -> None:
    assert (await replay.run("--namespace", "other")).exit_code == 0
    assert {event["resource_id"] for event in store.events} == {"partly"}
    store.batches.clear()
    assert (await replay.run("--since", "2026-03-01T12:30:00Z")).exit_code == 0
    assert {event["resource_id"] for event in store.events} == {"failed"}


async def test_refused_events_end_with_exit_code_1(replay: Replay, store: AuditStore) -> None:
    store.statuses = [422]
    result = await replay.run()
    assert result.exit_code == 1
    assert "refused" in result.stdout


async def test_stalled_store_ends_the_replay_with_exit_code_1(replay: Replay, store: AuditStore) -> None:
    store.statuses = [503] * 100
    result = await replay.run("--patience", "0.1")
    assert result.exit_code == 1
    assert "the audit store has accepted no event for 0.1 s" in result.stderr


async def test_replay_without_a_store_is_a_settings_error(replay: Replay) -> None:
    result = await replay.run(url="")
    assert result.exit_code == UNUSABLE
    assert "audit.url: is empty" in result.stderr


async def test_refused_listing_ends_with_exit_code_1(replay: Replay, store: AuditStore) -> None:
    replay.api.refuse["GET"] = refusal(403, "notificationrequests is forbidden")
    result = await replay.run()
    assert (result.exit_code, store.requests) == (1, [])
    assert "notification-operator: 403" in result.stderr
