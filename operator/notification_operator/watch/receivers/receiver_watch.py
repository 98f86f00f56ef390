"""Follows the receivers and what they refer to, and lets the operator take in each change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.controller.receiver_status import ReceiverStatusController
    from notification_operator.delivery.receivers.changes import ReceiverChanges
    from notification_operator.delivery.receivers.health_book import HealthBook
    from notification_operator.domain.key import Key
    from notification_operator.domain.receivers.catalog import ReceiverKey
    from notification_operator.watch.receivers.catalog import ReceiverCatalog
    from notification_operator.watch.receivers.references import ReceiverReferences


class Namespaces(Protocol):
    """The namespaces that are served."""

    def observe(self, on_change: Callable[[str], None]) -> None:
        """Call a function with each namespace that begins or ceases to be served, from now on."""
        ...


class ReceiverWatch:
    """Follows receivers, their Secrets, and the ConfigMaps with their templates."""

    def __init__(  # noqa: PLR0913 - what they are made of
        self,
        catalog: ReceiverCatalog,
        references: ReceiverReferences,
        *,
        changes: ReceiverChanges[Key],
        health: HealthBook,
        status: ReceiverStatusController,
        namespaces: Namespaces,
    ) -> None:
        self._catalog = catalog
        self._references = references
        self._changes = changes
        self._health = health
        self._status = status
        self._namespaces = namespaces

    async def run(self, *, on_known: Callable[[], None]) -> None:
        """Work until cancelled; call `on_known` once, when all receivers were looked for."""
        self._namespaces.observe(self._catalog.reselect)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self._catalog.run(on_known=on_known, on_change=self._on_receivers), name="receiver catalog"
            )
            tasks.create_task(self._references.run(self._on_references), name="receiver references")

    def _on_receivers(self, changed: frozenset[ReceiverKey]) -> None:
        for key in changed:
            declared = self._catalog.declared(key)
            self._health.forget_earlier(key, None if declared is None else declared.uid)
        self._references.update(changed)
        self._on_references(changed)

    def _on_references(self, changed: frozenset[ReceiverKey]) -> None:
        self._changes.apply(changed)
        for key in sorted(changed):
            self._status.note(key)
