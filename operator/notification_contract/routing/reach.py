"""Whether a message reaches anyone outside the operator's log, by the routing rules. Pure.

A message that names channels or receivers, or that a rule with matchers selects, goes where its author chose. Only the
default decides about the others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notification_contract.routing.receivers import Receiver
    from notification_contract.routing.table import RoutingTable, Rule
    from notification_contract.sources.source import SourceSpec

LOGS: Final = frozenset({"console", "log"})
"""Channels that write to the operator's log."""
ONLY_LOGGED: Final = (
    "only the operator's log gets this message: no channel, receiver or routing rule is chosen; set "
    "receiverRefs, or add a routing rule"
)


class Reach(StrEnum):
    """Where the messages of a source go."""

    ROUTED = "Routed"
    REACHES_NOBODY = "ReachesNobody"
    DEPENDS = "Depends"
    """The labels of the single message decide."""

    @property
    def message(self) -> str:
        """The sentence for people; empty where there is nothing to do."""
        return _MESSAGES.get(self, "")


_MESSAGES: Final[Mapping[Reach, str]] = {
    Reach.REACHES_NOBODY: "only the operator's log gets the messages of this source: spec.receiverRefs is empty, and the "
    "routing rules lead nowhere else; set spec.receiverRefs, or add a routing rule",
    Reach.DEPENDS: "only the operator's log gets the messages of this source that no routing rule matches; set "
    "spec.receiverRefs, or the default receiver of the routing rules",
}


def only_logs(channels: Iterable[str], *, by_default: bool) -> bool:
    """Return whether no channel, receiver or rule was chosen, and each target is the operator's log."""
    return by_default and LOGS.issuperset(channels)


def message_only_logs(table: RoutingTable | None, labels: Mapping[str, str]) -> bool:
    """Return whether only the operator's log gets a message that names neither channels nor receivers."""
    matches = table.match(labels) if table else ()
    return only_logs(
        (channel for match in matches for channel in match.receiver.channels),
        by_default=all(match.by_default for match in matches),
    )


def source_reach(spec: SourceSpec, table: RoutingTable | None) -> Reach:
    """Return where the messages of a source go, whatever their labels are."""
    refs = (spec.heartbeat.receiver_refs if spec.heartbeat else ()) or spec.receiver_refs
    if refs:
        return Reach.ROUTED
    receivers, depends = _by_default((table.root,)) if table else ((), False)
    if not only_logs((name for each in receivers for name in each.channels), by_default=True):
        return Reach.ROUTED
    return Reach.DEPENDS if depends else Reach.REACHES_NOBODY


def _by_default(rules: Sequence[Rule]) -> tuple[tuple[Receiver, ...], bool]:
    """Return the receivers that get a message which no rule with matchers selects, and whether such a rule may select it."""
    chosen: tuple[Receiver, ...] = ()
    depends = False
    for rule in rules:
        if rule.matchers:
            depends = True
            continue
        below, conditional = _by_default(rule.rules)
        chosen += below or (rule.receiver,)
        depends |= conditional
        if not rule.continue_matching:
            break
    return chosen, depends
