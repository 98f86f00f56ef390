"""The routing rules in force, and how a new document changes them.

A reconciliation takes the state once, so that all its decisions follow the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notification_operator.domain.routing.route import NO_RECEIVERS, Route, resolve

if TYPE_CHECKING:
    from notification_contract.routing.table import RoutingTable
    from notification_operator.domain.model import Notification
    from notification_operator.domain.receivers.targets import Resolver


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingState:
    """The rules in force; without any, every notification goes to the fallback channel."""

    table: RoutingTable | None = None
    """The rules of the document, or of the last valid one before it."""
    problems: tuple[str, ...] = ()
    """Why the present document is invalid; empty where it is valid, or does not exist."""
    generation: int = 0
    """The number of changes that took effect: documents accepted, refused and removed."""

    @property
    def loaded(self) -> bool:
        """Whether a document exists and its rules are in force."""
        return self.table is not None and not self.problems

    def route(self, notification: Notification, resolver: Resolver = NO_RECEIVERS) -> Route:
        """Return the route of a notification by these rules, with the receivers that the resolver finds."""
        broken = "" if self.table else "; ".join(self.problems)
        return resolve(notification, self.table, broken=broken, resolver=resolver)

    def accept(self, table: RoutingTable) -> RoutingState:
        """Return the state with a new table in force."""
        return RoutingState(table=table, generation=self.generation + 1)

    def refuse(self, problems: tuple[str, ...]) -> RoutingState:
        """Return the state that keeps its table, after an invalid document."""
        return replace(self, problems=problems, generation=self.generation + 1)

    def remove(self) -> RoutingState:
        """Return the state without a document."""
        return RoutingState(generation=self.generation + 1)
