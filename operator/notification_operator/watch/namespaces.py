"""The namespaces that are served: all of them, or the ones that match a label selector.

The API server applies the selector. A namespace that begins to match is ADDED to this watch; a namespace
that no longer matches is DELETED.
"""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import TYPE_CHECKING

import structlog

from notification_operator.kube.requests import KubeError
from notification_operator.watch import backoff
from notification_operator.watch.event_handler import DELETED, Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.kube.objects import Pages
    from notification_operator.watch.event_handler import EventHandler

logger = structlog.get_logger(__name__)


class AllNamespaces:
    """Serves every namespace."""

    def __contains__(self, _name: object) -> bool:
        return True

    def observe(self, on_change: Callable[[str], None]) -> None:
        """Call nobody: the namespaces never change."""


class SelectedNamespaces:
    """Serves the namespaces that match; the notifications of a namespace that begins to match are listed once.

    Args:
        pages: lists the open notifications.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._names: set[str] = set()
        self._on_change: list[Callable[[str], None]] = []

    def observe(self, on_change: Callable[[str], None]) -> None:
        """Call a function with each namespace that begins or ceases to match, from now on."""
        self._on_change.append(on_change)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    async def note(self, event_type: str | None, name: str, handler: EventHandler) -> None:
        """Handle an event of the namespace watch."""
        if event_type == DELETED:
            self.leave(name)
        elif name not in self._names:
            self._names.add(name)
            logger.info("namespace joined", namespace=name)
            self._report(name)
            await self._list(name, handler)

    def begin_listing(self, _namespace: str | None) -> Listing[str]:
        """Begin to compare a listing of the namespaces that match with the served ones.

        Kopf's handler is called with each of them, because it lists what is in the namespace.
        """
        return Listing(self._names, key_of=itemgetter("name"), on_missing=self.leave)

    def leave(self, name: str) -> None:
        """Serve a namespace no longer."""
        self._names.discard(name)
        logger.info("namespace left", namespace=name)
        self._report(name)

    def _report(self, name: str) -> None:
        for on_change in self._on_change:
            on_change(name)

    async def _list(self, name: str, handler: EventHandler) -> None:
        """Enqueue the existing notifications; retry until the API server answers."""
        failures = 0
        while name in self._names:
            try:
                async for page in self._pages(name):
                    for obj in page:
                        handler.handle(None, obj)
            except KubeError as error:
                failures += 1
                logger.warning("namespace not listed; retrying", namespace=name, error=str(error))
                await asyncio.sleep(backoff.delay(failures))
            else:
                return
