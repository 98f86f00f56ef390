"""The route of a notification: its targets, which follow from its spec, or from the rules in force.

A reconciliation takes the rules once, so that all its decisions follow the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import ConditionStatus
from notification_contract.kinds.target import MAX_TARGETS
from notification_contract.routing.reach import only_logs
from notification_contract.routing.receivers import FALLBACK_CHANNEL
from notification_domain.conditions import Condition
from notification_domain.receivers.catalog import EMPTY
from notification_domain.receivers.targets import Resolver, fits, together, too_many
from notification_domain.status import ROUTING_RESOLVED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notification_contract.routing.table import Match, RoutingTable
    from notification_domain.model import Notification
    from notification_domain.receivers.targets import TargetRules


LABEL_DOMAIN: Final = "kubernaut.ai/"
"""The domain of the labels that describe a notification."""
MAX_MESSAGE: Final = 1024
"""Characters: a document may hold rules of any length, a condition may not."""


NO_TARGET_RULES: Final[Mapping[str, TargetRules]] = MappingProxyType({})
NO_RECEIVERS: Final = Resolver(catalog=EMPTY, configured=frozenset())


class RoutingReason(StrEnum):
    """The reason of the condition RoutingResolved."""

    RULE_MATCHED = "RoutingRuleMatched"
    FALLBACK = "RoutingFallback"
    FAILED = "RoutingFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The targets of one notification; `reason` and `message` are empty where its spec names them."""

    targets: tuple[str, ...]
    reason: RoutingReason | None = None
    message: str = ""
    rules: Mapping[str, TargetRules] = field(default_factory=lambda: NO_TARGET_RULES)
    """What the receivers demand, by target: of these targets, and of the fallbacks that may join them."""
    refusal: str = ""
    """Why nothing can be sent; empty if it can."""

    @property
    def only_logs(self) -> bool:
        """Whether no channel, receiver or routing rule was chosen, and each target is the operator's log."""
        by_default = self.reason in {RoutingReason.FALLBACK, RoutingReason.FAILED}
        return only_logs(self.targets, by_default=by_default)


def choose(notification: Notification, table: RoutingTable | None = None, *, broken: str = "") -> Route:
    """Return the channels of a notification, before receivers are looked up.

    A choice that the status records stays, with its reason, so that retries keep their channels when the
    table changes.

    Args:
        notification: as just read.
        table: the rules; None where there is no routing document, or no valid one.
        broken: why the present document is invalid, if no earlier one is in force.
    """
    if notification.names_targets:
        return Route(targets=notification.channels)
    if notification.resolved_channels:
        return _recorded(notification)
    chosen = table.match(notification.content.labels) if table else ()
    if chosen:
        return _chosen(chosen, notification.content.labels)
    return _fallback(broken)


def resolve(
    notification: Notification,
    table: RoutingTable | None = None,
    *,
    broken: str = "",
    resolver: Resolver = NO_RECEIVERS,
) -> Route:
    """Return the route of a notification; the arguments are those of `choose`, and how receivers are found.

    Targets that the status records stay. A placeholder among them, for a receiver that did not exist, is
    replaced when the receiver exists; unless there are too many targets then.
    """
    route = choose(notification, table, broken=broken)
    recorded = notification.status.target_names
    keep = bool(recorded) and fits(recorded, notification)
    targets = resolver.kept(notification, recorded) if keep else resolver.targets(notification, route.targets)
    refusal = too_many(targets)
    if refusal:
        return replace(route, targets=recorded if keep else targets[:MAX_TARGETS], refusal=refusal)
    rules = resolver.rules(notification, targets)
    return replace(route, targets=targets, rules=rules or NO_TARGET_RULES)


def routing_condition(route: Route) -> tuple[Condition, ...]:
    """Return the condition RoutingResolved; nothing where the spec names the channels."""
    if route.reason is None:
        return ()
    status = ConditionStatus(str(route.reason is not RoutingReason.FAILED))
    return (
        Condition(type=ROUTING_RESOLVED, status=status, reason=route.reason.value, message=route.message),
    )


def _recorded(notification: Notification) -> Route:
    channels, condition = notification.resolved_channels, notification.status.condition(ROUTING_RESOLVED)
    if condition is not None and condition.reason in set(RoutingReason):
        return Route(targets=channels, reason=RoutingReason(condition.reason), message=condition.message)
    message = f"Chosen in an earlier reconciliation: {', '.join(channels)}"
    return _route(channels, RoutingReason.FALLBACK, message)


def _chosen(choices: Sequence[Match], labels: Mapping[str, str]) -> Route:
    """Return the route of the chosen rules: the channels of all of them, each once."""
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
    """Return the labels that describe a notification, without their common prefix."""
    known = sorted(key for key in labels if key.startswith(LABEL_DOMAIN))
    listed = ", ".join(f"{key.removeprefix(LABEL_DOMAIN)}={labels[key]}" for key in known)
    return f"the labels {listed}" if listed else "its labels"


def _fallback(broken: str) -> Route:
    to = f"delivering to the fallback channel {FALLBACK_CHANNEL}, which is the operator's log"
    if broken:
        message = f"The routing document is invalid, {to}: {broken}"
        return _route((FALLBACK_CHANNEL,), RoutingReason.FAILED, message)
    return _route((FALLBACK_CHANNEL,), RoutingReason.FALLBACK, f"No routing rule applies; {to}")


def _route(channels: tuple[str, ...], reason: RoutingReason, message: str) -> Route:
    if len(message) > MAX_MESSAGE:
        message = message[: MAX_MESSAGE - 1] + "…"
    return Route(targets=channels, reason=reason, message=message)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides where a notification goes: routing and receivers, as one snapshot."""

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
            replace(
                latest, fallback=earlier.fallback, fallback_after=earlier.fallback_after, also=earlier.also
            )
            if earlier.fallback
            else latest
        )
    return rules
