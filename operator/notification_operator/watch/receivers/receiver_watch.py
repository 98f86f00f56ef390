"""Follows the receivers and what they refer to, lets the operator take in each change, and says how they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from notification_operator.domain.receivers.drills import is_drilled, latest_drill, reached
from notification_operator.domain.receivers.health import ReadyReason
from notification_operator.telemetry.gauges import ReceiverState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from notification_operator.controller.receivers import ReceiverStatusController
    from notification_operator.domain.key import Key
    from notification_operator.domain.receivers.catalog import ReceiverKey
    from notification_operator.domain.receivers.health import Health
    from notification_operator.endpoints.registry import Endpoints
    from notification_operator.observers.publisher import Transition
    from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces
    from notification_operator.watch.receivers.catalog import ReceiverCatalog
    from notification_operator.watch.receivers.references import ReceiverReferences


class ReceiverWatch:
    """Follows receivers, their Secrets, and the ConfigMaps with their templates.

    Args:
        served: the namespaces that this operator serves.
        watched: the namespaces whose notifications are watched; empty for all.
        enqueue: requests the reconciliation of a notification.
        clock: the wall-clock time.
    """

    def __init__(  # noqa: PLR0913 - what they are made of
        self,
        catalog: ReceiverCatalog,
        references: ReceiverReferences,
        *,
        endpoints: Endpoints,
        status: ReceiverStatusController,
        served: AllNamespaces | SelectedNamespaces,
        watched: Sequence[str],
        enqueue: Callable[[Key], None],
        clock: Callable[[], datetime],
    ) -> None:
        self.catalog = catalog
        self.status = status
        self._references = references
        self._endpoints = endpoints
        self._served = served
        self._watched = frozenset(watched)
        self._enqueue = enqueue
        self._clock = clock

    async def run(self, *, on_known: Callable[[], None]) -> None:
        """Work until cancelled; call `on_known` once, when all receivers were looked for."""
        self._served.observe(self.catalog.reselect)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self.catalog.run(on_known=on_known, on_change=self._on_receivers), name="receiver catalog"
            )
            tasks.create_task(self._references.run(self._on_references), name="receiver references")

    def _on_receivers(self, changed: frozenset[ReceiverKey]) -> None:
        self._references.update(changed)
        self._on_references(changed)

    def _on_references(self, changed: frozenset[ReceiverKey]) -> None:
        for notification in self._endpoints.replace(changed):
            self._enqueue(notification)
        for key in sorted(changed):
            self.status.note(key)

    def on_transition(self, transition: Transition) -> None:
        """Take in which receivers a drill has reached, as an observer of status writes."""
        for key, time in reached(transition.before, transition.after).items():
            self._endpoints.drilled(key, time)
            self.status.note(key)

    def states(self) -> Iterator[ReceiverState]:
        """Yield what the metrics show of each receiver."""
        usable, invalid = self.catalog.catalog.receivers, self.catalog.invalid
        for key, receiver in usable.items():
            ready, health = self._endpoints.readiness(receiver), self._endpoints.health(key)
            accepted = ready.reason is ReadyReason.ACCEPTED and ready.sendable and not health.problem
            yield ReceiverState(
                name=str(key),
                ready=accepted and key not in invalid,
                last_success=health.last_success,
                drilled=self._delivers_from(key.namespace) and is_drilled(receiver.spec),
                last_drill=self._last_drill(key, health),
            )
        for key in invalid.keys() - usable.keys():
            yield ReceiverState(
                name=str(key),
                ready=False,
                drilled=self._delivers_from(key.namespace),
                last_drill=self._last_drill(key, self._endpoints.health(key)),
            )

    def _delivers_from(self, namespace: str) -> bool:
        return namespace in self._served and (not self._watched or namespace in self._watched)

    def _last_drill(self, key: ReceiverKey, health: Health) -> datetime | None:
        declared = self.catalog.declared(key)
        return latest_drill(declared.last_drill if declared else None, health.last_drill, now=self._clock())
