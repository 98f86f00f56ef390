"""Which channels a notification goes to: those it names, else those chosen for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from notification_operator.domain.model import Notification

FALLBACK_CHANNEL: Final = "console"


class RoutingReason(StrEnum):
    """The reason of the condition RoutingResolved."""

    RULE_MATCHED = "RoutingRuleMatched"
    FALLBACK = "RoutingFallback"
    FAILED = "RoutingFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The channels of one notification; `reason` and `message` are empty where its spec names them."""

    channels: tuple[str, ...]
    reason: RoutingReason | None = None
    message: str = ""


def resolve(notification: Notification) -> Route:
    """Return the route; a choice made in an earlier pass holds, so that retries keep their channels."""
    if notification.channels:
        return Route(channels=notification.channels)
    channels = notification.resolved_channels or (FALLBACK_CHANNEL,)
    return Route(
        channels=channels,
        reason=RoutingReason.FALLBACK,
        message=f"No routing rule applies; delivering to the fallback channel {', '.join(channels)}",
    )
