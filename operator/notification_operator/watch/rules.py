"""The rules in force: those of routing, and the receivers that exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from notification_operator.domain.receivers.catalog import EMPTY, Catalog
from notification_operator.domain.receivers.targets import Resolver
from notification_operator.domain.rules import Rules

if TYPE_CHECKING:
    from notification_operator.domain.routing.state import RoutingState


class RoutingSource(Protocol):
    """Holds the routing rules."""

    @property
    def state(self) -> RoutingState:
        """The rules in force."""
        ...

    @property
    def known(self) -> bool:
        """Whether they were looked for."""
        ...


class CatalogSource(Protocol):
    """Holds the receivers."""

    @property
    def catalog(self) -> Catalog:
        """The receivers that exist."""
        ...

    @property
    def known(self) -> bool:
        """Whether they were looked for."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCatalog:
    """A catalog that does not change: of an operator without receivers, and of tests."""

    catalog: Catalog = EMPTY
    known: bool = True


NO_CATALOG: Final = FixedCatalog()


class RuleBook:
    """Combines the sources; no notification is reconciled before all of them are known."""

    def __init__(self, routing: RoutingSource, receivers: CatalogSource, *, channels: frozenset[str]) -> None:
        self._routing = routing
        self._receivers = receivers
        self._channels = channels
        self._rules = self._combined()

    @property
    def known(self) -> bool:
        """Whether notifications can be routed."""
        return self._routing.known and self._receivers.known

    @property
    def rules(self) -> Rules:
        """The rules in force: the same object until one of the sources changes."""
        rules = self._rules
        if rules.routing is not self._routing.state or rules.resolver.catalog is not self._receivers.catalog:
            rules = self._rules = self._combined()
        return rules

    def _combined(self) -> Rules:
        resolver = Resolver(catalog=self._receivers.catalog, configured=self._channels)
        return Rules(routing=self._routing.state, resolver=resolver)
