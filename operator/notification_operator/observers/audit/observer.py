"""The observer that turns status writes into audit events; without a store or a file for them it does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from notification_contract import names
from notification_domain import audit_events as audit
from notification_domain.redaction.redact import ALL_RULES, Rules, redact_content
from notification_operator.observers.audit.file_store import FileAuditStore
from notification_operator.observers.audit.store import HttpAuditStore
from notification_operator.observers.audit.writer import AuditWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import CollectorRegistry

    from notification_contract.kinds.choices import Phase
    from notification_contract.settings import Audit
    from notification_operator.observers.audit.store import AuditStore
    from notification_operator.observers.audit.writer import AuditStatistics
    from notification_operator.observers.publisher import Transition


def audit_store(settings: Audit) -> AuditStore:
    """Return the destination of audit events that the settings name; it opens nothing before the first batch."""
    if settings.file:
        return FileAuditStore(
            Path(settings.file), max_bytes=settings.file_max_bytes, files=settings.file_count
        )
    token_file = Path(names.AUDIT_TOKEN_FILE) if settings.token_audience else None
    return HttpAuditStore(settings.url, token_file=token_file)


def final_kinds(settings: Audit) -> Mapping[Phase, audit.Kind]:
    """Return the kinds of the events of final phases."""
    return audit.ORIGINAL_KINDS if settings.original_types else audit.FINAL_KINDS


class AuditObserver:
    """Records each completed attempt and each final phase.

    Args:
        settings: without a URL and a file nothing is recorded.
        registry: for the audit metrics.
        rules: for the copies that leave.
        store: in place of the destination that the settings name.
    """

    def __init__(
        self,
        settings: Audit,
        *,
        registry: CollectorRegistry,
        rules: Rules = ALL_RULES,
        store: AuditStore | None = None,
    ) -> None:
        self._rules = rules
        self._final_kinds = final_kinds(settings)
        self._store = store or audit_store(settings)
        self._writer = AuditWriter(
            self._store,
            registry,
            capacity=settings.buffer_size,
            batch_size=settings.batch_size,
            flush_seconds=settings.flush_seconds,
        )
        self.enabled = bool(settings.url or settings.file)
        """Whether the settings name a destination of audit events."""

    def statistics(self) -> AuditStatistics:
        return self._writer.statistics()

    def start(self) -> None:
        if self.enabled:
            self._writer.start()

    def on_transition(self, transition: Transition) -> None:
        """Record the new attempts of a write, and the final phase that it set."""
        if not self.enabled or not (transition.new_attempts or transition.phase_changed):
            return
        redacted = transition.redacted
        content = (
            redact_content(transition.after.content, self._rules) if redacted is None else redacted.get()
        )
        for event in audit.events(
            transition.before,
            transition.after,
            content=content,
            attempts=transition.new_attempts,
            final_kinds=self._final_kinds,
        ):
            self._writer.add(orjson.dumps(event), namespace=transition.after.namespace)

    def flush(self) -> None:
        """Send what is pending, and from now on every event without waiting for a full batch."""
        self._writer.flush()

    async def close(self, within: float) -> int:
        """Send what is pending, for so many seconds at most; return the number of events lost by that."""
        lost = await self._writer.close(within)
        await self._store.close()
        return lost
