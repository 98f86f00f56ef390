"""Follows the receivers and what they refer to, and lets the operator take in each change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.controller.receiver_status import ReceiverStatusController
    from notification_operator.domain.key import Key
    from notification_operator.domain.receivers.catalog import ReceiverKey
    from notification_operator.endpoints.registry import Endpoints
    from notification_operator.watch.namespaces import AllNamespaces, SelectedNamespaces
    from notification_operator.watch.receivers.catalog import ReceiverCatalog
    from notification_operator.watch.receivers.references import ReceiverReferences


class ReceiverWatch:
    """Follows receivers, their Secrets, and the ConfigMaps with their templates.

    Args:
        enqueue: requests the reconciliation of a notification.
    """

    def __init__(  # noqa: PLR0913 - what they are made of
        self,
        catalog: ReceiverCatalog,
        references: ReceiverReferences,
        *,
        endpoints: Endpoints,
        status: ReceiverStatusController,
        namespaces: AllNamespaces | SelectedNamespaces,
        enqueue: Callable[[Key], None],
    ) -> None:
        self._catalog = catalog
        self._references = references
        self._endpoints = endpoints
        self._status = status
        self._namespaces = namespaces
        self._enqueue = enqueue

    async def run(self, *, on_known: Callable[[], None]) -> None:
        """Work until cancelled; call `on_known` once, when all receivers were looked for."""
        self._namespaces.observe(self._catalog.reselect)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self._catalog.run(on_known=on_known, on_change=self._on_receivers), name="receiver catalog"
            )
            tasks.create_task(self._references.run(self._on_references), name="receiver references")

    def _on_receivers(self, changed: frozenset[ReceiverKey]) -> None:
        self._references.update(changed)
        self._on_references(changed)

    def _on_references(self, changed: frozenset[ReceiverKey]) -> None:
        for notification in self._endpoints.replace(changed):
            self._enqueue(notification)
        for key in sorted(changed):
            self._status.note(key)
