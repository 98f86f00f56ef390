"""Lists the open notifications again when the work queue has room for the ones that it dropped (DD-BOUNDS-001)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from notification_operator.kube.requests import KubeError
from notification_operator.watch import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notification_operator.controller.workqueue import Backlog
    from notification_operator.kube.objects import Pages
    from notification_operator.watch.event_handler import EventHandler

logger = structlog.get_logger(__name__)


class BacklogListing:
    """Lists all open notifications whenever the backlog requests it, each time to the end.

    A listing that stopped where the queue is full again would prefer the namespaces that come first.

    Args:
        pages: lists the open notifications.
        namespaces: the namespaces that are watched; empty for all.
        accepting_work: tells whether no shutdown has begun.
    """

    def __init__(
        self,
        pages: Pages,
        *,
        namespaces: Sequence[str],
        backlog: Backlog,
        handler: EventHandler,
        accepting_work: Callable[[], bool],
    ) -> None:
        self._pages = pages
        self._namespaces = tuple(namespaces) or (None,)
        self._backlog = backlog
        self._handler = handler
        self._accepting_work = accepting_work

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
        async for page in self._pages(namespace):
            for obj in page:
                if not self._accepting_work():
                    return
                self._handler.handle(None, obj)
            await asyncio.sleep(0)
