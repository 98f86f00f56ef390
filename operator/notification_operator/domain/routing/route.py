"""Which channels a notification goes to: those it names, else those that routing chooses for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from notification_contract.routing.receivers import FALLBACK_CHANNEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notification_contract.routing.table import Match, RoutingTable
    from notification_operator.domain.model import Notification

LABEL_DOMAIN: Final = "kubernaut.ai/"
"""Labels of this domain are the ones that say what a notification is about."""
ROUTING_RESOLVED: Final = "RoutingResolved"
"""The condition that keeps how the channels were chosen."""
LONGEST_MESSAGE: Final = 1024
"""Characters: a document may hold rules of any length, a condition may not."""


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


def resolve(notification: Notification, table: RoutingTable | None = None, *, broken: str = "") -> Route:
    """Return the route of a notification.

    A choice that the status holds stays, with its reason, so that retries keep their channels
    whatever becomes of the table.

    Args:
        notification: as just read.
        table: the rules; None where there is no routing document, or none that can be used.
        broken: why the document that there is cannot be used, if no earlier one can stand in for it.
    """
    if notification.channels:
        return Route(channels=notification.channels)
    if notification.resolved_channels:
        return _recorded(notification)
    chosen = table.match(notification.content.labels) if table else ()
    if chosen:
        return _chosen(chosen, notification.content.labels)
    return _fallback(broken)


def _recorded(notification: Notification) -> Route:
    channels, conditions = notification.resolved_channels, notification.status.get("conditions") or ()
    said: Mapping[str, str] = next((each for each in conditions if each["type"] == ROUTING_RESOLVED), {})
    reason = next((known for known in RoutingReason if known == said.get("reason")), None)
    if reason is not None:
        return Route(channels=channels, reason=reason, message=said.get("message", ""))
    return _route(channels, RoutingReason.FALLBACK, f"Chosen in an earlier pass: {', '.join(channels)}")


def _chosen(choices: Sequence[Match], labels: Mapping[str, str]) -> Route:
    """Return the route of the rules chosen: the channels of all of them, each once."""
    receivers = ", ".join(dict.fromkeys(choice.receiver.name for choice in choices))
    channels = tuple(dict.fromkeys(channel for choice in choices for channel in choice.receiver.channels))
    to = f"receiver {receivers} delivers to {', '.join(channels)}"
    matched = [choice for choice in choices if not choice.by_default]
    if not matched:
        message = f"No routing rule matches {_described(labels)}; the default {to}"
        return _route(channels, RoutingReason.FALLBACK, message)
    rules = " and ".join(map(str, matched))
    return _route(channels, RoutingReason.RULE_MATCHED, f"Rule {rules} matches {_described(labels)}; {to}")


def _described(labels: Mapping[str, str]) -> str:
    """Return the labels that say what a notification is about, without their common prefix."""
    known = sorted(key for key in labels if key.startswith(LABEL_DOMAIN))
    listed = ", ".join(f"{key.removeprefix(LABEL_DOMAIN)}={labels[key]}" for key in known)
    return f"the labels {listed}" if listed else "its labels"


def _fallback(broken: str) -> Route:
    to = f"delivering to the fallback channel {FALLBACK_CHANNEL}"
    if broken:
        message = f"The routing document cannot be used, {to}: {broken}"
        return _route((FALLBACK_CHANNEL,), RoutingReason.FAILED, message)
    return _route((FALLBACK_CHANNEL,), RoutingReason.FALLBACK, f"No routing rule applies; {to}")


def _route(channels: tuple[str, ...], reason: RoutingReason, message: str) -> Route:
    if len(message) > LONGEST_MESSAGE:
        message = message[: LONGEST_MESSAGE - 1] + "…"
    return Route(channels=channels, reason=reason, message=message)
