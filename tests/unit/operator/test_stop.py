"""The stop: everything that it does, the audit trail included, within the grace time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import Configuration
from typer.testing import CliRunner

from notification_operator import kopf_app as main
from notification_operator.app import Engine
from notification_operator.cli import UNUSABLE, app
from notification_operator.config.settings import Settings
from notification_operator.domain.model import Attempt, Phase
from notification_operator.domain.routing.route import resolve
from notification_operator.kube.client import Cluster
from notification_operator.kube.connectivity import Connectivity
from notification_operator.observers.publisher import Transition
from tests.unit.operator.domain.builders import at, notification, success, with_status
from tests.unit.operator.observers.audit.conftest import NEVER, AuditStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GRACE = 3.0
"""Seconds: a third of it is enough for the last steps on a busy machine, too."""
PENDING = notification("console")
SENT = with_status(PENDING, phase=Phase.SENT, attempts=(success("console"),), completed_at=at(7))
DELIVERED = Transition(before=PENDING, after=SENT)


@pytest.fixture
async def store() -> AsyncIterator[AuditStore]:
    made = AuditStore()
    await made.server.start_server()
    yield made
    await made.close()


def engine(store: AuditStore) -> Engine:
    """An operator at work that cannot reach its API server, with a long time between audit batches."""
    configuration = Configuration(host="http://127.0.0.1:9")
    settings = Settings.model_validate(
        {"audit": {"url": store.url, "flush_seconds": 3600}, "shutdown": {"grace_seconds": GRACE}}
    )
    cluster = Cluster(configuration=configuration, namespace="here", source="a test")
    made = Engine(settings, cluster, Connectivity(), clock=lambda: datetime.now(UTC))
    made._spawn()
    return made


async def stopped(made: Engine) -> float:
    """Stop it, and return the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await made.stop()
    return loop.time() - began


async def never() -> Attempt:
    await asyncio.sleep(3600)
    raise AssertionError


async def test_what_waits_is_sent_and_nothing_is_lost(store: AuditStore) -> None:
    made = engine(store)
    made.audit.on_transition(DELIVERED)
    assert store.requests == []
    assert await stopped(made) < GRACE
    assert (len(store.events), made.lost_events) == (2, 0)


async def test_what_a_last_delivery_adds_is_sent_too(store: AuditStore) -> None:
    made = engine(store)

    async def last() -> Attempt:
        await store.until(events=2)
        made.audit.on_transition(Transition(before=replace(PENDING, uid="u"), after=replace(SENT, uid="u")))
        made.ledger.forget("uid-1")
        return success("console")

    made.audit.on_transition(DELIVERED)
    made.ledger.start("uid-1", "console", resolve(PENDING), last())
    assert await stopped(made) < GRACE
    assert len({event["event_id"] for event in store.events}) == 4
    assert made.lost_events == 0


async def test_a_receiver_that_never_answers_leaves_time_for_the_audit_events(store: AuditStore) -> None:
    made = engine(store)

    async def broken_off() -> Attempt:
        try:
            return await never()
        finally:
            made.audit.on_transition(DELIVERED)

    made.ledger.start("uid-1", "console", resolve(PENDING), broken_off())
    assert GRACE * 0.6 < await stopped(made) < GRACE
    assert (len(store.events), made.lost_events) == (2, 0)


async def test_an_audit_store_that_never_answers_does_not_delay_the_exit(store: AuditStore) -> None:
    store.statuses = [NEVER] * 10
    made = engine(store)
    made.ledger.start("uid-1", "console", resolve(PENDING), never())
    made.audit.on_transition(DELIVERED)
    assert GRACE * 0.6 < await stopped(made) < GRACE
    assert made.lost_events == 2


async def test_stopping_twice_is_stopping_once(store: AuditStore) -> None:
    made = engine(store)
    await made.stop()
    assert await stopped(made) < 0.1


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (2, 1)])
def test_the_exit_code_tells_of_audit_events_that_the_stop_lost(
    monkeypatch: pytest.MonkeyPatch, lost: int, code: int
) -> None:
    async def run(_settings: Settings) -> int:
        return lost

    monkeypatch.setattr(main, "run", run)
    result = CliRunner().invoke(app, ["run"])
    assert result.exit_code == code != UNUSABLE
