"""No output holds a secret: channels, status, audit events, Kubernetes Events and the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from notification_contract.settings import Audit, EventLevel, LogFormat
from notification_operator.observers.audit.observer import AuditObserver
from notification_operator.observers.kube_events import EventObserver
from notification_runtime.channels.console import ConsoleChannel
from notification_runtime.channels.file import FileChannel
from notification_runtime.channels.log import LogChannel
from notification_runtime.delivery.channel import Channel
from notification_runtime.kube.events import Regarding
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture
from tests.unit.operator.observers.audit.conftest import AuditStore
from tests.unit.operator.telemetry.test_logging import configured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from notification_runtime.delivery.channel import Message
    from notification_runtime.kube.events import Event

SECRET = "hunter2hunter2"
SPEC: dict[str, Any] = {
    "subject": f"password={SECRET}",
    "body": f"see https://me:{SECRET}@example.com/?token={SECRET}",
    "metadata": {"api_key": SECRET, "note": f"Bearer {SECRET}"},
    "actionLinks": [{"service": "s", "label": "l", "url": f"https://example.com/?token={SECRET}"}],
    "retryPolicy": {"maxAttempts": 1},
}


class LeakyChannel(Channel):
    """A channel with a bug, whose error holds a secret."""

    destination = None

    async def deliver(self, message: Message) -> None:
        raise RuntimeError(f"failed for {message.uid} and secret: {SECRET}")


@pytest.fixture
async def store() -> AsyncIterator[AuditStore]:
    store = AuditStore()
    await store.server.start_server()
    yield store
    await store.close()


async def test_no_output_holds_a_secret_of_content_or_error(
    store: AuditStore, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded: list[Event] = []
    observer = AuditObserver(Audit(url=store.url, flush_seconds=3600), registry=CollectorRegistry())
    observer.start()
    events = EventObserver(
        record=recorded.append,
        level=EventLevel.ALL,
        pod=Regarding(api_version="v1", kind="Pod", namespace="n", name="p", uid="u"),
        api_version="kubernaut.ai/v1alpha1",
        clock=lambda: datetime.now(UTC),
    )
    channels: dict[str, Any] = {
        "console": ConsoleChannel(),
        "file": FileChannel(tmp_path),
        "log": LogChannel(),
        "slack": LeakyChannel(),
    }
    fixture = ReconcilerFixture(channels, [observer, events], **SPEC)

    with configured(LogFormat.JSON):
        assert (await fixture.reconcile()).final
    assert await observer.close(5) == 0

    (file,) = tmp_path.iterdir()
    outputs = {
        "status": json.dumps(fixture.status),
        "audit": json.dumps(store.events),
        "events": repr(recorded),
        "file": file.read_text("utf-8"),
        "output": capfd.readouterr().out,
    }
    assert [name for name, text in outputs.items() if SECRET in text] == []
    redacted = [name for name, text in outputs.items() if "[REDACTED]" in text]
    assert redacted == ["status", "audit", "file", "output"]
    assert recorded
    assert "in deliver" in outputs["output"]


def test_event_of_a_refused_routing_document_is_redacted() -> None:
    recorded: list[Event] = []
    pod = Regarding(api_version="v1", kind="Pod", namespace="n", name="p", uid="u")
    events = EventObserver(
        record=recorded.append,
        level=EventLevel.ACTIONABLE,
        pod=pod,
        api_version="v1",
        clock=lambda: datetime.now(UTC),
    )
    config_map = {"metadata": {"namespace": "n", "name": "c", "uid": "u"}}
    events.routing_refused(config_map, (f"receivers[0]: token={SECRET} is unknown",))
    (event,) = recorded
    assert "token=[REDACTED] is unknown" in event.note
    assert SECRET not in repr(event)
