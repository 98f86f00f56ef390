"""Lists the open notifications again when the work queue has room for the ones that it dropped (DD-BOUNDS-001)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from notification_operator.kube.errors import KubeError
from notification_operator.watch import backoff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from notification_operator.controller.backlog import Backlog
    from notification_operator.watch.event_handler import EventHandler

logger = structlog.get_logger(__name__)


class Objects(Protocol):
    """The notifications of the cluster."""

    def pages(self, namespace: str | None, *, selector: str = "") -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Return the pages of the objects in a namespace, or in all, that a field selector chooses."""
        ...


class Ownership(Protocol):
    """Decides whether this process takes on work."""

    @property
    def accepting_work(self) -> bool:
        """Whether no shutdown has begun."""
        ...


class BacklogListing:
    """Lists all open notifications whenever the backlog requests it, each time to the end.

    A listing that stopped where the queue is full again would prefer the namespaces that come first.

    Args:
        namespaces: the namespaces that are watched; empty for all.
    """

    def __init__(
        self,
        objects: Objects,
        *,
        namespaces: Sequence[str],
        backlog: Backlog,
        handler: EventHandler,
        ownership: Ownership,
    ) -> None:
        self._objects = objects
        self._namespaces = tuple(namespaces) or (None,)
        self._backlog = backlog
        self._handler = handler
        self._ownership = ownership
        self.selector = ""
        """The field selector of open notifications; an empty one selects all."""

    async def run(self) -> None:
        """List until cancelled."""
        failures = 0
        while True:
            await self._backlog.listing_due.wait()
            self._backlog.begin_listing()
            logger.info("listing open notifications again: the work queue had dropped some")
            error = await self._list_all()
            if error is None:
                failures = 0
                continue
            failures += 1
            logger.warning("open notifications not listed; retrying", error=str(error))
            await asyncio.sleep(backoff.delay(failures))
            self._backlog.repeat_listing()

    async def _list_all(self) -> KubeError | None:
        """Return the failure that a repetition may overcome. The watch of a refused namespace lists it again itself."""
        failure = None
        for namespace in self._namespaces:
            try:
                await self._list(namespace)
            except KubeError as error:
                if not (error.denied or error.not_found):
                    failure = error
        return failure

    async def _list(self, namespace: str | None) -> None:
        async for page in self._objects.pages(namespace, selector=self.selector):
            for obj in page:
                if not self._ownership.accepting_work:
                    return
                self._handler.handle(None, obj)
            await asyncio.sleep(0)
