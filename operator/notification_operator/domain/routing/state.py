"""What routing goes by at a moment, and what a new document makes of it.

A pass takes the state once, so that all that it decides is decided by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notification_operator.domain.routing.route import Route, resolve

if TYPE_CHECKING:
    from notification_contract.routing.table import RoutingTable
    from notification_operator.domain.model import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingState:
    """The rules in force; without any, everything goes to the fallback."""

    table: RoutingTable | None = None
    """The rules of the document, or of the last good one before it."""
    problems: tuple[str, ...] = ()
    """Why the document that there is cannot be used; empty where it can, or where there is none."""
    generation: int = 0
    """How many changes have taken effect: documents accepted, refused and removed."""

    @property
    def loaded(self) -> bool:
        """Whether there is a document, and its rules are those in force."""
        return self.table is not None and not self.problems

    def route(self, notification: Notification) -> Route:
        """Return the route of a notification by these rules."""
        broken = "" if self.table else "; ".join(self.problems)
        return resolve(notification, self.table, broken=broken)

    def accept(self, table: RoutingTable) -> RoutingState:
        """Return the state that goes by a new table."""
        return RoutingState(table=table, generation=self.generation + 1)

    def refuse(self, problems: tuple[str, ...]) -> RoutingState:
        """Return the state that keeps its table, for a new document that cannot be used."""
        return replace(self, problems=problems, generation=self.generation + 1)

    def remove(self) -> RoutingState:
        """Return the state without a document."""
        return RoutingState(generation=self.generation + 1)
