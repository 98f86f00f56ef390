"""The observer that records Kubernetes Events.

Each Event is an API call, so by default only those are recorded that may call for action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import CircuitState, ConditionStatus, Phase, ReceiverTestOutcome
from notification_contract.names import KIND, RECEIVER_KIND
from notification_contract.settings import EventLevel
from notification_domain.receivers.fold import READY
from notification_domain.receivers.health import CIRCUIT_OPEN, HEALTHY, SUSPENDED
from notification_domain.receivers.status import ReceiverStatus
from notification_domain.redaction.redact import redact as redact_text
from notification_runtime.kube.events import Event, EventType, Regarding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from atomic_status import JsonObject, StatusError
    from notification_domain.conditions import Condition
    from notification_domain.key import Key
    from notification_domain.model import Notification
    from notification_operator.observers.publisher import Transition

ACTIONABLE: Final = frozenset({Phase.RETRYING, Phase.PARTIALLY_SENT, Phase.FAILED})
ROUTING_DOCUMENT_REFUSED: Final = "RoutingDocumentRefused"
ROUTING_KEYS_IGNORED: Final = "RoutingKeysIgnored"
CIRCUIT_BREAKER_OPENED: Final = "CircuitBreakerOpened"
STATUS_REFUSED: Final = "StatusRefused"
REDACTED_LENGTH: Final = 16 * 1024
"""Characters of a note that are redacted: an Event holds 1,024 bytes, so that what follows cannot reach it."""
TEST_FAILED: Final = "TestFailed"
TEST_SUCCEEDED: Final = "TestSucceeded"
PASSING: Final = frozenset({SUSPENDED, CIRCUIT_OPEN})
"""Reasons of Healthy=False that are intended, or that end by themselves. An opening breaker has an Event of its own."""


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
        warning = after.phase in ACTIONABLE
        if transition.phase_changed and self._asks_for(warning=warning):
            note = f"{after.phase.value}: {after.status.message}"
            self._emit_if(self._notification(after), after.status.reason, "Deliver", note, warning=warning)

    def routing_refused(self, config_map: Mapping[str, Any], problems: tuple[str, ...]) -> None:
        """Record an invalid routing document."""
        note = f"Routing document ignored because of {len(problems)} problem(s): {'; '.join(problems)}"
        self._routing(config_map, ROUTING_DOCUMENT_REFUSED, note)

    def routing_keys_ignored(self, config_map: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        """Record the keys of a routing document that have no effect."""
        note = f"{len(keys)} key(s) of the routing document without effect: {'; '.join(keys)}"
        self._routing(config_map, ROUTING_KEYS_IGNORED, note)

    def _routing(self, config_map: Mapping[str, Any], reason: str, note: str) -> None:
        meta = config_map["metadata"]
        regarding = Regarding(
            api_version="v1",
            kind="ConfigMap",
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
        )
        self._emit(regarding, EventType.WARNING, reason, "LoadRouting", note)

    def breaker_changed(self, channel: str, circuit: CircuitState) -> None:
        """Record, about the operator's pod, that a circuit breaker opened; also when it opened again."""
        if circuit is CircuitState.OPEN:
            note = f"Circuit breaker open for channel {channel}: no deliveries until a probe succeeds"
            self._emit(self.pod, EventType.WARNING, CIRCUIT_BREAKER_OPENED, "Deliver", note)

    def status_refused(self, key: Key, error: StatusError) -> None:
        """Record that the API server refuses the status of a notification, which waits for a change."""
        note = f"The status is not recorded and the delivery stands still until the object changes: {error}"
        self._emit(self._notification(key), EventType.WARNING, STATUS_REFUSED, "Deliver", note)

    def receiver_changed(self, before: JsonObject, after: JsonObject) -> None:
        """Record what a write of the status of a receiver changed: Ready, Healthy, and the result of a test."""
        old, new, meta = ReceiverStatus.parse(before), ReceiverStatus.parse(after), after["metadata"]
        regarding = Regarding(
            api_version=self.api_version,
            kind=RECEIVER_KIND,
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
        )
        for name in (READY, HEALTHY):
            condition = new.condition(name)
            if condition is not None and _differs(old.condition(name), condition):
                failing = condition.status is ConditionStatus.FALSE and condition.reason not in PASSING
                note = f"{name}={condition.status.value}: {condition.message}"
                self._emit_if(regarding, condition.reason, "Check", note, warning=failing)
        test = new.last_test
        if test is not None and test != old.last_test:
            failed = test.outcome is ReceiverTestOutcome.FAILED
            note = f"Test message {test.outcome.value.lower()}: {test.message}".removesuffix(": ")
            self._emit_if(regarding, TEST_FAILED if failed else TEST_SUCCEEDED, "Test", note, warning=failed)

    def _notification(self, key: Key | Notification) -> Regarding:
        return Regarding(
            api_version=self.api_version,
            kind=KIND,
            namespace=key.namespace,
            name=key.name,
            uid=key.uid,
        )

    def _emit_if(self, regarding: Regarding, reason: str, action: str, note: str, *, warning: bool) -> None:
        if self._asks_for(warning=warning):
            self._emit(regarding, EventType.WARNING if warning else EventType.NORMAL, reason, action, note)

    def _asks_for(self, *, warning: bool) -> bool:
        """Return whether the level asks for an Event: for what calls for action, and with `all` for the rest."""
        return warning or self.level is EventLevel.ALL

    def _emit(self, regarding: Regarding, event_type: EventType, reason: str, action: str, note: str) -> None:
        if self.level is not EventLevel.NONE:
            self.record(
                Event(
                    regarding=regarding,
                    type=event_type,
                    reason=reason,
                    action=action,
                    note=self.redact(note[:REDACTED_LENGTH]),
                    at=self.clock(),
                )
            )


def _differs(before: Condition | None, after: Condition) -> bool:
    return before is None or (before.status, before.reason) != (after.status, after.reason)
