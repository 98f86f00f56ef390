"""The routing document, kept up to date from its ConfigMap (DD-ROUTING-001)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from notification_contract.routing.document import read_table
from notification_contract.routing.table import RoutingTableError
from notification_operator.domain.routing.state import RoutingState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import Counter

    from notification_contract.routing.table import RoutingTable
    from notification_operator.watch.config_map import ConfigMapWatch

MOST_PROBLEMS = 20
"""Problems of a document that the log lists; there may be as many as it has lines."""

logger = structlog.get_logger(__name__)


class RoutingSource:
    """Holds the rules in force; a change replaces them as a whole, between two passes."""

    def __init__(
        self,
        watch: ConfigMapWatch,
        key: str,
        *,
        known: Callable[[], None],
        refused: Callable[[Mapping[str, Any], tuple[str, ...]], None],
        refusals: Counter,
    ) -> None:
        self._watch = watch
        self._key = key
        self._on_known = known
        """Called once, as soon as it is known what there is: a document, or none."""
        self._on_refused = refused
        """Called with the ConfigMap and the problems of a document that cannot be used."""
        self._refusals = refusals
        self._seen: tuple[bool, object] = (False, None)
        """Whether there was a ConfigMap, and the text under its key."""
        self.state = RoutingState()
        self.known = False
        """Whether it is known what there is; until then nobody can tell where a notification goes."""

    @property
    def trouble(self) -> str:
        """Why the ConfigMap cannot be read or followed just now; empty while it can."""
        return self._watch.error

    async def run(self) -> None:
        """Follow the document until cancelled."""
        async for config_map in self._watch.changes():
            await self._take(config_map)
            if not self.known:
                self.known = True
                self._on_known()

    async def _take(self, config_map: Mapping[str, Any] | None) -> None:
        """Go by what the ConfigMap holds now; the same text again changes nothing."""
        text = None if config_map is None else (config_map.get("data") or {}).get(self._key)
        seen = (config_map is not None, text)
        if seen == self._seen:
            return
        self._seen = seen
        if config_map is None:
            self.state = self.state.remove()
            logger.info("routing document removed", generation=self.state.generation)
            return
        try:
            # A long document keeps the processor busy for a while; a thread lets deliveries go on.
            table = await asyncio.to_thread(self._table, text)
        except RoutingTableError as error:
            self._refuse(config_map, tuple(error.problems))
        else:
            self.state = self.state.accept(table)
            logger.info("routing document loaded", generation=self.state.generation)

    def _table(self, text: str | None) -> RoutingTable:
        if text is None:
            raise RoutingTableError([f"the ConfigMap has no key {self._key}; put the document under it"])
        return read_table(text)

    def _refuse(self, config_map: Mapping[str, Any], problems: tuple[str, ...]) -> None:
        self.state = self.state.refuse(problems)
        logger.error(
            "routing document refused",
            goes_on_with="the last good one" if self.state.table else "the fallback channel",
            generation=self.state.generation,
            problems=problems[:MOST_PROBLEMS],
        )
        self._refusals.inc()
        self._on_refused(config_map, problems)
