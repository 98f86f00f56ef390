"""The shutdown: everything that it does, the audit trail included, within the grace period."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from typer.testing import CliRunner

from notification_contract.kinds.choices import Phase
from notification_domain.key import Key
from notification_domain.routing import resolve
from notification_operator.app import App
from notification_operator.cli import UNUSABLE, app
from notification_operator.lifecycle import Lifecycle, ShutdownReport
from notification_operator.observers.audit.store import HttpAuditStore
from notification_operator.observers.publisher import Transition
from notification_operator.wiring import build
from notification_runtime.kube.client import Cluster, Connectivity
from notification_runtime.settings import Settings
from tests.unit.operator.controller.reconciler_fixture import now
from tests.unit.operator.domain.builders import at, notification, success, unexpected, with_status
from tests.unit.operator.observers.audit.conftest import NEVER, AuditStore
from tests.unit.operator.ports import null_ports
from tests.unit.process_log import restored_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from notification_domain.model import Attempt

GRACE = 3.0
"""Seconds: a third of it is enough for the last steps, on a busy machine too."""
KEY = Key("shop", "order-1", "uid-1")
PENDING = notification("console")
SENT = with_status(PENDING, phase=Phase.SENT, attempts=(success("console"),), completed_at=at(7))
DELIVERED = Transition(before=PENDING, after=SENT)


@pytest.fixture
async def store() -> AsyncIterator[AuditStore]:
    audit_store = AuditStore()
    await audit_store.server.start_server()
    yield audit_store
    await audit_store.close()


class RunningOperator:
    """An operator that runs with null ports except the audit store, with a long time between audit batches."""

    def __init__(self, store: AuditStore) -> None:
        settings = Settings.model_validate(
            {
                "audit": {"url": store.url, "flush_seconds": 3600},
                "retention": {"enabled": False},
                "shutdown": {"grace_seconds": GRACE},
            }
        )
        operator = build(settings, null_ports(audit=HttpAuditStore(store.url)), clock=now)
        self.audit, self.attempts = operator.audit, operator.attempts
        self.lifecycle = Lifecycle(operator, closed_seconds=float, grace_seconds=GRACE)
        self.lifecycle.start()

    def start_attempt(self, attempt: Coroutine[None, None, Attempt]) -> None:
        self.attempts.of(KEY).start("console", resolve(PENDING), attempt, failed=unexpected)

    async def stop(self) -> float:
        """Stop the operator and return the seconds that it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self.lifecycle.stop()
        return loop.time() - began

    @property
    def report(self) -> ShutdownReport:
        assert self.lifecycle.report is not None
        return self.lifecycle.report


async def hang() -> Attempt:
    await asyncio.sleep(3600)
    raise AssertionError


async def test_shutdown_sends_waiting_audit_events(store: AuditStore) -> None:
    operator = RunningOperator(store)
    operator.audit.on_transition(DELIVERED)
    assert store.requests == []
    assert await operator.stop() < GRACE
    assert (len(store.events), operator.report.lost_audit_events) == (2, 0)
    assert operator.report.abandoned == 0


async def test_shutdown_sends_audit_events_of_the_last_delivery(store: AuditStore) -> None:
    operator = RunningOperator(store)

    async def last() -> Attempt:
        await store.until(events=2)
        last_delivered = Transition(before=replace(PENDING, uid="u"), after=replace(SENT, uid="u"))
        operator.audit.on_transition(last_delivered)
        operator.attempts.forget(KEY.uid)
        return success("console")

    operator.audit.on_transition(DELIVERED)
    operator.start_attempt(last())
    assert await operator.stop() < GRACE
    assert len({event["event_id"] for event in store.events}) == 4
    assert operator.report.lost_audit_events == 0


@pytest.mark.slow
async def test_hanging_receiver_leaves_time_for_the_audit_events(store: AuditStore) -> None:
    operator = RunningOperator(store)

    async def cancelled() -> Attempt:
        try:
            return await hang()
        finally:
            operator.audit.on_transition(DELIVERED)

    operator.start_attempt(cancelled())
    assert GRACE * 0.6 < await operator.stop() < GRACE
    assert (len(store.events), operator.report.lost_audit_events) == (2, 0)
    assert operator.report.abandoned == 1
    assert operator.report.drain_seconds > GRACE * 0.6


@pytest.mark.slow
async def test_hanging_audit_store_does_not_delay_the_exit(store: AuditStore) -> None:
    store.statuses = [NEVER] * 10
    operator = RunningOperator(store)
    operator.start_attempt(hang())
    operator.audit.on_transition(DELIVERED)
    assert GRACE * 0.6 < await operator.stop() < GRACE
    assert operator.report.lost_audit_events == 2


async def test_second_stop_of_the_app_returns_at_once() -> None:
    configuration = Configuration(host="http://127.0.0.1:9")
    cluster = Cluster(configuration=configuration, namespace="here", source="a test")
    client = ApiClient(configuration)
    app = App(Settings(), null_ports(), client=client, cluster=cluster, connectivity=Connectivity())
    app.run()
    await app.stop()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await app.stop()
    assert loop.time() - began < 0.1


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (2, 1)])
def test_exit_code_tells_whether_audit_events_were_lost(
    monkeypatch: pytest.MonkeyPatch, lost: int, code: int
) -> None:
    async def run(_settings: Settings) -> int:
        return lost

    monkeypatch.setattr("notification_operator.app.run", run)
    with restored_log():
        result = CliRunner().invoke(app, ["run"])
    assert result.exit_code == code != UNUSABLE
