"""The listener that turns writes into audit events; without a store it keeps quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import orjson

from notification_operator.domain import audit_events as audit
from notification_operator.domain.redaction.redact import EVERYTHING, Rules, sanitize_content
from notification_operator.observers.audit.buffer import Buffer
from notification_operator.observers.audit.metrics import AuditFigures
from notification_operator.observers.audit.store import Store
from notification_operator.observers.audit.writer import Writer, Writes

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from notification_contract.settings.operator import Audit
    from notification_operator.observers.publisher import Transition


class AuditStore(Writes, Protocol):
    """The audit store's batch endpoint."""

    async def close(self) -> None:
        """Close the connections."""
        ...


class AuditTrail:
    """Tells the audit store of each try and each end; `start`, `hurry` and `close` are the writer's."""

    def __init__(
        self,
        settings: Audit,
        *,
        registry: CollectorRegistry,
        rules: Rules = EVERYTHING,
        store: AuditStore | None = None,
    ) -> None:
        buffer = Buffer(settings.buffer_size)
        self._rules = rules
        self._store = store or Store(settings.url)
        self._writer = Writer(
            self._store,
            buffer,
            AuditFigures(registry, buffer),
            batch_size=settings.batch_size,
            flush_seconds=settings.flush_seconds,
        )
        self.enabled = bool(settings.url)
        """Whether there is a store to tell."""

    def start(self) -> None:
        """Begin to send."""
        if self.enabled:
            self._writer.start()

    def on_transition(self, transition: Transition) -> None:
        """Take note of the tries that a write recorded, and of the end that it made."""
        if not self.enabled or not (transition.new_attempts or transition.phase_changed):
            return
        content = sanitize_content(transition.after.content, self._rules)
        for event in audit.events(
            transition.before, transition.after, content=content, attempts=transition.new_attempts
        ):
            self._writer.add(orjson.dumps(event))

    def hurry(self) -> None:
        """Send without waiting for company from now on: the operator stops."""
        self._writer.hurry()

    async def close(self, within: float) -> int:
        """Send what waits, for so many seconds at most; return how many events that loses."""
        lost = await self._writer.close(within)
        await self._store.close()
        return lost
