"""The rules in force: routing and receivers, as one snapshot.

A reconciliation takes the snapshot once, so that all its decisions follow the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notification_operator.domain.receivers.targets import together

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_operator.domain.model import Notification
    from notification_operator.domain.receivers.targets import Resolver, TargetRules
    from notification_operator.domain.routing.route import Route
    from notification_operator.domain.routing.state import RoutingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides where a notification goes."""

    routing: RoutingState
    resolver: Resolver

    def route(self, notification: Notification, tracked: Route | None = None) -> Route:
        """Return the route of a notification.

        Args:
            notification: as just read.
            tracked: the route of its tracked attempts. Its targets and their fallbacks stay, in addition to those
                that the status records; what else the receivers demand is what they demand now, so that a target whose first
                attempt is still to come follows it.
        """
        if tracked is None:
            return self.routing.route(notification, self.resolver)
        targets = together(tracked.targets, notification)
        if targets is not tracked.targets:
            tracked = replace(tracked, targets=targets)
        present = self.resolver.rules(notification, targets)
        return replace(tracked, rules=_merged(tracked.rules, present)) if present else tracked


def _merged(
    tracked: Mapping[str, TargetRules], present: Mapping[str, TargetRules]
) -> Mapping[str, TargetRules]:
    """Return the present rules, with the fallbacks that were known before: an attempt of one may be running."""
    rules = dict(present)
    for target, earlier in tracked.items():
        latest = present.get(target, earlier)
        rules[target] = (
            replace(latest, fallback=earlier.fallback, fallback_after=earlier.fallback_after)
            if earlier.fallback
            else latest
        )
    return rules
