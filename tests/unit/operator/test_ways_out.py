"""No secret leaves, on any way out: channels, status, audit events, Kubernetes EventObserver, log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from notification_contract.settings.operator import Audit, EventLevel, LogFormat
from notification_operator.delivery.channels.console import ConsoleChannel
from notification_operator.delivery.channels.file import FileChannel
from notification_operator.delivery.channels.log import LogChannel
from notification_operator.kube.event import Regarding
from notification_operator.observers.audit.trail import AuditTrail
from notification_operator.observers.kube_events import EventObserver
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture
from tests.unit.operator.observers.audit.conftest import AuditStore
from tests.unit.operator.telemetry.test_logging import configured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from notification_operator.delivery.channel import Message
    from notification_operator.kube.event import Event

SECRET = "hunter2hunter2"
SPEC: dict[str, Any] = {
    "subject": f"password={SECRET}",
    "body": f"see https://me:{SECRET}@example.com/?token={SECRET}",
    "metadata": {"api_key": SECRET, "note": f"Bearer {SECRET}"},
    "actionLinks": [{"service": "s", "label": "l", "url": f"https://example.com/?token={SECRET}"}],
    "retryPolicy": {"maxAttempts": 1},
}


class Indiscreet:
    """A channel with a bug, whose error tells what it should not."""

    destination = None

    async def deliver(self, message: Message) -> None:
        raise RuntimeError(f"no luck with {message.uid} and secret: {SECRET}")


@pytest.fixture
async def store() -> AsyncIterator[AuditStore]:
    made = AuditStore()
    await made.server.start_server()
    yield made
    await made.close()


async def test_no_secret_of_a_notification_or_of_an_error_leaves(
    store: AuditStore, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    posted: list[Event] = []
    trail = AuditTrail(Audit(url=store.url, flush_seconds=3600), registry=CollectorRegistry())
    trail.start()
    events = EventObserver(
        post=posted.append,
        level=EventLevel.ALL,
        pod=Regarding(api_version="v1", kind="Pod", namespace="n", name="p", uid="u"),
        api_version="kubernaut.ai/v1alpha1",
        clock=lambda: datetime.now(UTC),
    )
    channels: dict[str, Any] = {
        "console": ConsoleChannel(),
        "file": FileChannel(tmp_path),
        "log": LogChannel(),
        "slack": Indiscreet(),
    }
    bench = ReconcilerFixture(channels, [trail, events], **SPEC)

    with configured(LogFormat.JSON):
        assert (await bench.reconcile()).final
    assert await trail.close(5) == 0

    (file,) = tmp_path.iterdir()
    ways_out = {
        "status": json.dumps(bench.status),
        "audit": json.dumps(store.events),
        "events": repr(posted),
        "file": file.read_text("utf-8"),
        "output": capfd.readouterr().out,
    }
    assert [way for way, text in ways_out.items() if SECRET in text] == []
    masked = [way for way, text in ways_out.items() if "[REDACTED]" in text]
    assert masked == ["status", "audit", "file", "output"]
    assert posted
    assert "in deliver" in ways_out["output"]


def test_what_a_refused_routing_document_holds_is_masked_in_its_event() -> None:
    posted: list[Event] = []
    pod = Regarding(api_version="v1", kind="Pod", namespace="n", name="p", uid="u")
    events = EventObserver(
        post=posted.append,
        level=EventLevel.ACTIONABLE,
        pod=pod,
        api_version="v1",
        clock=lambda: datetime.now(UTC),
    )
    config_map = {"metadata": {"namespace": "n", "name": "c", "uid": "u"}}
    events.routing_refused(config_map, (f"receivers[0]: token={SECRET} is unknown",))
    (event,) = posted
    assert "token=[REDACTED] is unknown" in event.note
    assert SECRET not in repr(event)
