"""The observer that records Kubernetes Events.

Each Event is an API call, so by default only those are recorded that may call for action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import CircuitState, Phase
from notification_contract.settings import EventLevel
from notification_operator.domain.redaction.redact import redact as redact_text
from notification_operator.kube.events import Event, EventType, Regarding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from atomic_status import StatusError
    from notification_operator.domain.key import Key
    from notification_operator.domain.model import Notification
    from notification_operator.observers.publisher import Transition

ACTIONABLE: Final = frozenset({Phase.RETRYING, Phase.PARTIALLY_SENT, Phase.FAILED})
ROUTING_DOCUMENT_REFUSED: Final = "RoutingDocumentRefused"
CIRCUIT_BREAKER_OPENED: Final = "CircuitBreakerOpened"
STATUS_REFUSED: Final = "StatusRefused"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventObserver:
    """Builds Events, as far as the level asks for them; `record` returns at once."""

    record: Callable[[Event], None]
    level: EventLevel
    pod: Regarding
    api_version: str
    clock: Callable[[], datetime]
    redact: Callable[[str], str] = redact_text

    def on_transition(self, transition: Transition) -> None:
        """Record a change of phase; a notification enters each phase at most once."""
        after = transition.after
        actionable = after.phase in ACTIONABLE
        if transition.phase_changed and (actionable or self.level is EventLevel.ALL):
            regarding = self._notification(after)
            event_type = EventType.WARNING if actionable else EventType.NORMAL
            note = f"{after.phase.value}: {after.status.message}"
            self._emit(regarding, event_type, after.status.reason, "Deliver", note)

    def routing_refused(self, config_map: Mapping[str, Any], problems: tuple[str, ...]) -> None:
        """Record an invalid routing document."""
        meta = config_map["metadata"]
        regarding = Regarding(
            api_version="v1",
            kind="ConfigMap",
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
        )
        note = f"Routing document ignored because of {len(problems)} problem(s): {'; '.join(problems)}"
        self._emit(regarding, EventType.WARNING, ROUTING_DOCUMENT_REFUSED, "LoadRouting", note)

    def breaker_changed(self, channel: str, circuit: CircuitState) -> None:
        """Record, about the operator's pod, that a circuit breaker opened; also when it opened again."""
        if circuit is CircuitState.OPEN:
            note = f"Circuit breaker open for channel {channel}: no deliveries until a probe succeeds"
            self._emit(self.pod, EventType.WARNING, CIRCUIT_BREAKER_OPENED, "Deliver", note)

    def status_refused(self, key: Key, error: StatusError) -> None:
        """Record that the API server refuses the status of a notification, which waits for a change."""
        note = f"The status is not recorded and the delivery stands still until the object changes: {error}"
        self._emit(self._notification(key), EventType.WARNING, STATUS_REFUSED, "Deliver", note)

    def _notification(self, key: Key | Notification) -> Regarding:
        return Regarding(
            api_version=self.api_version,
            kind="NotificationRequest",
            namespace=key.namespace,
            name=key.name,
            uid=key.uid,
        )

    def _emit(self, regarding: Regarding, event_type: EventType, reason: str, action: str, note: str) -> None:
        if self.level is not EventLevel.NONE:
            self.record(
                Event(
                    regarding=regarding,
                    type=event_type,
                    reason=reason,
                    action=action,
                    note=self.redact(note),
                    at=self.clock(),
                )
            )
