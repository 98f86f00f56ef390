"""The routing document, kept up to date from its ConfigMap (DD-ROUTING-001), and the rules in force with the receivers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from notification_contract.routing.document import read_table
from notification_contract.routing.table import RoutingTableError
from notification_domain.receivers.catalog import EMPTY
from notification_domain.receivers.targets import Resolver, routed_receivers
from notification_domain.routing import RoutingState, Rules
from notification_runtime.kube.collection_watch import Changed, Collection, CollectionWatch, Listed, Removed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.aio.client import ApiClient
    from prometheus_client import Counter

    from atomic_status import ObjectRef
    from notification_contract.routing.table import RoutingTable
    from notification_domain.receivers.catalog import Catalog
    from notification_operator.watch.receivers import ReceiverCatalog

logger = structlog.get_logger(__name__)


MOST_PROBLEMS = 20
"""Problems of a document that are logged; a document may have as many as lines."""


def config_map_watch(client: ApiClient, ref: ObjectRef) -> CollectionWatch[Mapping[str, Any]]:
    """Return the watch of one ConfigMap by its name, so that permission for this one is enough."""
    collection = Collection(
        path=f"/api/v1/namespaces/{ref.namespace}/configmaps",
        name=f"ConfigMap {ref.name} in namespace {ref.namespace}",
        field_selector=f"metadata.name={ref.name}",
    )
    return CollectionWatch(client, collection, keep=lambda config_map: config_map)


class RoutingConfig:
    """Holds the rules in force; a change replaces them as a whole, between two reconciliations.

    Args:
        documents: the watch of the ConfigMap.
        key: the key of the ConfigMap that holds the document.
        refused: called with the ConfigMap and the problems of a document that cannot be used.
    """

    def __init__(
        self,
        documents: CollectionWatch[Mapping[str, Any]],
        key: str,
        *,
        refused: Callable[[Mapping[str, Any], tuple[str, ...]], None],
        ignored: Callable[[Mapping[str, Any], tuple[str, ...]], None],
        refusals: Counter,
    ) -> None:
        self._documents = documents
        self._key = key
        self._refused = refused
        self._ignored = ignored
        self._refusals = refusals
        self._seen: tuple[bool, object] = (False, None)
        """Whether the ConfigMap existed, and the text under its key."""
        self.state = RoutingState()
        """The rules in force."""
        self.known = False
        """Whether the document was looked for; until then no notification can be routed."""

    @property
    def error(self) -> str:
        """Why the ConfigMap cannot be read or followed now; empty if it can."""
        return self._documents.error

    async def run(self, *, on_known: Callable[[], None]) -> None:
        """Follow the document until cancelled; call `on_known` once, after the first look at the ConfigMap."""
        async for event in self._documents.changes():
            match event:
                case Listed(items=items):
                    await self._take(next(iter(items), None))
                case Changed(item=config_map):
                    await self._take(config_map)
                case Removed():
                    await self._take(None)
                case _:
                    continue  # a failure, which is retried
            if not self.known:
                self.known = True
                on_known()

    async def _take(self, config_map: Mapping[str, Any] | None) -> None:
        """Apply what the ConfigMap holds now; the same text changes nothing."""
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
            # Parsing a long document takes a while; a thread does not block deliveries.
            table = await asyncio.to_thread(self._table, text)
        except RoutingTableError as error:
            self._refuse(config_map, tuple(error.problems))
        except Exception as error:
            logger.exception("routing document caused an unexpected error")
            self._refuse(config_map, (f"the document cannot be used: {error!r}",))
        else:
            self.accept(table)
            if table.ignored:
                logger.warning("keys of the routing document have no effect", keys=table.ignored)
                self._report(self._ignored, config_map, table.ignored)

    def accept(self, table: RoutingTable) -> None:
        """Put the rules of a table in force."""
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
            in_force="the last valid document" if self.state.table else "the fallback channel",
            generation=self.state.generation,
            problems=problems[:MOST_PROBLEMS],
        )
        self._refusals.inc()
        self._report(self._refused, config_map, problems)

    @staticmethod
    def _report(
        report: Callable[[Mapping[str, Any], tuple[str, ...]], None],
        config_map: Mapping[str, Any],
        texts: tuple[str, ...],
    ) -> None:
        try:
            report(config_map, texts)
        except Exception:
            logger.exception("problem of the routing document not reported")


class RuleBook:
    """Combines the sources; no notification is reconciled before all of them are known.

    Args:
        routing: the routing rules.
        receivers: None if receivers are disabled.
        channels: the channels of the settings.
    """

    def __init__(
        self, routing: RoutingConfig, receivers: ReceiverCatalog | None, *, channels: frozenset[str]
    ) -> None:
        self._routing = routing
        self._receivers = receivers
        self._channels = channels
        self._rules = self._combined()

    @property
    def known(self) -> bool:
        """Whether notifications can be routed."""
        return self._routing.known and (self._receivers is None or self._receivers.known)

    @property
    def rules(self) -> Rules:
        """The rules in force: the same object until one of the sources changes."""
        rules = self._rules
        if rules.routing is not self._routing.state or rules.resolver.catalog is not self._catalog:
            rules = self._rules = self._combined()
        return rules

    @property
    def _catalog(self) -> Catalog:
        return EMPTY if self._receivers is None else self._receivers.catalog

    def _combined(self) -> Rules:
        table = self._routing.state.table
        resolver = Resolver(
            catalog=self._catalog,
            configured=self._channels,
            routed=routed_receivers(table.channels if table else (), self._catalog),
        )
        return Rules(routing=self._routing.state, resolver=resolver)
