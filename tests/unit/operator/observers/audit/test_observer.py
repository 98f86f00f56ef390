"""From writes to the audit store: each try and each end once, sanitised; nothing without a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from notification_contract.settings.operator import Audit
from notification_operator.domain.model import Notification, Phase
from notification_operator.domain.redaction.redact import Rules
from notification_operator.observers.audit.observer import AuditObserver
from notification_operator.observers.publisher import Transition
from tests.unit.operator.domain.builders import at, failure, notification, success, with_status

if TYPE_CHECKING:
    from tests.unit.operator.observers.audit.conftest import AuditStore

BEFORE = notification("console", "slack")


def kinds(store: AuditStore) -> list[str]:
    return [event["event_type"].rpartition(".")[2] for event in store.events]


async def told(store: AuditStore, *stages: Notification, **settings: Any) -> CollectorRegistry:
    """Tell of writes that lead from one stage to the next, and send what comes of it."""
    registry = CollectorRegistry()
    url = settings.pop("url", store.url)
    trail = AuditObserver(Audit(url=url, flush_seconds=3600), registry=registry, **settings)
    trail.start()
    for before, after in zip((BEFORE, *stages), stages, strict=False):
        trail.on_transition(Transition(before=before, after=after))
    assert await trail.close(5) == 0
    return registry


async def test_each_try_and_the_end_are_told_once_over_several_writes(store: AuditStore) -> None:
    first = with_status(BEFORE, phase=Phase.RETRYING, attempts=(success("console"), failure("slack")))
    last = with_status(
        first, phase=Phase.SENT, attempts=(*first.attempts, success("slack", 2)), completed_at=at(7)
    )
    await told(store, first, last, last)
    assert kinds(store) == ["sent", "failed", "sent", "acknowledged"]


async def test_what_a_store_gets_is_sanitised_by_the_rules_that_are_set(store: AuditStore) -> None:
    content = replace(BEFORE.content, subject="password=hunter2x", body="a@example.com at 10.0.0.1")
    after = with_status(replace(BEFORE, content=content), phase=Phase.SENDING, attempts=(failure("slack"),))
    await told(store, after, rules=Rules(emails=False))
    (event,) = store.events
    assert event["event_data"]["subject"] == "password=[REDACTED]"
    assert event["event_data"]["body"] == "a@example.com at [REDACTED]"


async def test_a_write_that_records_nothing_new_costs_nothing(store: AuditStore) -> None:
    await told(store, with_status(BEFORE, next_attempt_at=at(9)))
    assert store.requests == []


async def test_without_a_store_nothing_is_kept_or_lost(store: AuditStore) -> None:
    last = with_status(BEFORE, phase=Phase.SENT, attempts=(success("console"),), completed_at=at(7))
    registry = await told(store, last, url="")
    service = {"service": "notification-controller"}
    for name in ("buffered", "dropped", "written"):
        assert registry.get_sample_value(f"audit_events_{name}_total", service) == 0
