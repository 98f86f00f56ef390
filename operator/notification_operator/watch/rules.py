"""The rules in force: those of routing, and the receivers that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_operator.domain.receivers.catalog import EMPTY
from notification_operator.domain.receivers.targets import Resolver
from notification_operator.domain.rules import Rules

if TYPE_CHECKING:
    from notification_operator.domain.receivers.catalog import Catalog
    from notification_operator.watch.receivers.catalog import ReceiverCatalog
    from notification_operator.watch.routing_config import RoutingConfig


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
        resolver = Resolver(catalog=self._catalog, configured=self._channels)
        return Rules(routing=self._routing.state, resolver=resolver)
