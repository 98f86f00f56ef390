"""Which Kubernetes Events are posted, and what they say.

Each is an API call, so by default there is one only for what somebody may have to act on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_contract.settings import EventLevel
from notification_operator.domain.breaker import Circuit
from notification_operator.domain.model import Phase
from notification_operator.domain.redaction.redact import sanitize
from notification_operator.kube.event import Event, EventType, Regarding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_operator.observers.publisher import Transition

ACTIONABLE: Final = frozenset({Phase.RETRYING, Phase.PARTIALLY_SENT, Phase.FAILED})
ROUTING_DOCUMENT_REFUSED: Final = "RoutingDocumentRefused"
CIRCUIT_BREAKER_OPENED: Final = "CircuitBreakerOpened"


class EventObserver:
    """Turns what happened into EventObserver, as far as the level asks for them; `post` returns at once."""

    def __init__(  # noqa: PLR0913 - where Events go, and what they are made with
        self,
        *,
        record: Callable[[Event], None],
        level: EventLevel,
        pod: Regarding,
        api_version: str,
        clock: Callable[[], datetime],
        mask: Callable[[str], str] = sanitize,
    ) -> None:
        self._record = record
        self._mask = mask
        self._level = level
        self._pod = pod
        self._api_version = api_version
        self._clock = clock

    def on_transition(self, transition: Transition) -> None:
        """Post that a notification has come to another phase; a phase is entered once at most."""
        after = transition.after
        actionable = after.phase in ACTIONABLE
        if transition.phase_changed and (actionable or self._level is EventLevel.ALL):
            about = Regarding(
                api_version=self._api_version,
                kind="NotificationRequest",
                namespace=after.namespace,
                name=after.name,
                uid=after.uid,
            )
            note = f"{after.phase.value}: {after.status['message']}"
            self._say(about, after.status["reason"], "Deliver", note, warns=actionable)

    def routing_refused(self, config_map: Mapping[str, Any], problems: tuple[str, ...]) -> None:
        """Post that a routing document cannot be used."""
        meta = config_map["metadata"]
        about = Regarding(
            api_version="v1",
            kind="ConfigMap",
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
        )
        note = f"{len(problems)} problem(s), so it has no effect: {'; '.join(problems)}"
        self._say(about, ROUTING_DOCUMENT_REFUSED, "LoadRouting", note)

    def breaker_changed(self, channel: str, circuit: Circuit) -> None:
        """Post, about the operator's pod, that a circuit breaker opened, also if it did so again."""
        if circuit is Circuit.OPEN:
            note = f"The latest tries on {channel} failed; nothing is sent there until a probe succeeds"
            self._say(self._pod, CIRCUIT_BREAKER_OPENED, "Deliver", note)

    def _say(self, about: Regarding, reason: str, action: str, note: str, *, warns: bool = True) -> None:
        if self._level is not EventLevel.NONE:
            kind = EventType.WARNING if warns else EventType.NORMAL
            self._record(
                Event(
                    regarding=about,
                    type=kind,
                    reason=reason,
                    action=action,
                    note=self._mask(note),
                    at=self._clock(),
                )
            )
