"""The rules in force: routing and receivers, as one snapshot.

A reconciliation takes the snapshot once, so that all its decisions follow the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notification_operator.domain.model import Notification
    from notification_operator.domain.receivers.targets import Resolver
    from notification_operator.domain.routing.route import Route
    from notification_operator.domain.routing.state import RoutingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides where a notification goes."""

    routing: RoutingState
    resolver: Resolver

    def route(self, notification: Notification) -> Route:
        """Return the route of a notification."""
        return self.routing.route(notification, self.resolver)
