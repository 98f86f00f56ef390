"""From writes to the audit store: each attempt and final phase once, redacted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import CollectorRegistry

from notification_contract import names
from notification_contract.kinds.choices import Phase
from notification_contract.settings import Audit
from notification_domain.redaction.redact import Rules
from notification_operator.observers.audit.observer import AuditObserver, audit_store
from notification_operator.observers.publisher import Transition
from tests.unit.operator.domain.builders import at, failure, notification, success, with_status

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from notification_domain.model import Notification
    from tests.unit.operator.observers.audit.conftest import AuditStore

BEFORE = notification("console", "slack")


def kinds(store: AuditStore) -> list[str]:
    return [event["event_type"].rpartition(".")[2] for event in store.events]


async def send(store: AuditStore, *stages: Notification, **settings: Any) -> CollectorRegistry:
    """Observe writes that lead from one stage to the next, and send their events."""
    registry = CollectorRegistry()
    url = settings.pop("url", store.url)
    observer = AuditObserver(Audit(url=url, flush_seconds=3600), registry=registry, **settings)
    observer.start()
    for before, after in zip((BEFORE, *stages), stages, strict=False):
        observer.on_transition(Transition(before=before, after=after))
    assert await observer.close(5) == 0
    return registry


async def test_attempts_and_final_phase_are_recorded_once_over_writes(store: AuditStore) -> None:
    first = with_status(BEFORE, phase=Phase.RETRYING, attempts=(success("console"), failure("slack")))
    last = with_status(
        first, phase=Phase.SENT, attempts=(*first.attempts, success("slack", 2)), completed_at=at(7)
    )
    await send(store, first, last, last)
    assert kinds(store) == ["sent", "failed", "sent", "delivered"]


async def test_events_are_redacted_by_the_configured_rules(store: AuditStore) -> None:
    content = replace(BEFORE.content, subject="password=hunter2x", body="a@example.com at 10.0.0.1")
    after = with_status(replace(BEFORE, content=content), phase=Phase.SENDING, attempts=(failure("slack"),))
    await send(store, after, rules=Rules(emails=False))
    (event,) = store.events
    assert event["event_data"]["subject"] == "password=[REDACTED]"
    assert event["event_data"]["body"] == "a@example.com at [REDACTED]"


async def test_write_without_news_sends_no_event(store: AuditStore) -> None:
    await send(store, with_status(BEFORE, next_attempt_at=at(9)))
    assert store.requests == []


async def test_observer_without_a_store_counts_no_event(store: AuditStore) -> None:
    last = with_status(BEFORE, phase=Phase.SENT, attempts=(success("console"),), completed_at=at(7))
    registry = await send(store, last, url="")
    service = {"service": "notification-controller"}
    for name in ("buffered", "dropped", "written"):
        assert registry.get_sample_value(f"audit_events_{name}_total", service) == 0


async def test_only_a_token_audience_makes_the_store_read_a_token(
    store: AuditStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("for the audit store")
    monkeypatch.setattr(names, "AUDIT_TOKEN_FILE", str(token))
    for settings in (Audit(url=store.url), Audit(url=store.url, token_audience="audit")):
        client = audit_store(settings)
        await client.write([b"{}"])
        await client.close()
    assert [request.headers.get("Authorization") for request in store.requests] == [
        None,
        "Bearer for the audit store",
    ]


async def test_events_go_to_the_audit_file_without_a_store(tmp_path: Path) -> None:
    file = tmp_path / "audit" / "trail.jsonl"
    last = with_status(BEFORE, phase=Phase.SENT, attempts=(success("console"),), completed_at=at(7))
    observer = AuditObserver(Audit(file=str(file)), registry=CollectorRegistry())
    observer.start()
    observer.on_transition(Transition(before=BEFORE, after=last))
    assert await observer.close(5) == 0
    lines = [orjson.loads(line)["event"]["event_type"] for line in file.read_bytes().splitlines()]
    assert lines == ["notification.message.sent", "notification.message.delivered"]
