"""The targets of a finished notification that did not get it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import Phase, TargetReason, TargetState
from notification_contract.kinds.target import TargetKey
from notification_domain.json_values import entries, mapping, text
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.targets import receiver_of
from notification_domain.status import phase_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

ANYWHERE: Final = ""
"""The place of a replay whose targets routing chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Targets, and where they lead to."""

    targets: tuple[str, ...]
    recorded: bool = True
    """Whether the object records any target at all."""
    rescued: bool = False
    """Whether targets are left out because their fallback has delivered the message."""
    channels: tuple[str, ...] = ()
    receivers: tuple[ReceiverKey, ...] = ()
    digits: frozenset[str] = frozenset()
    """The digits that stand for the recipients of the targets."""
    delivered_digits: Mapping[ReceiverKey, frozenset[str]] = field(default_factory=dict)
    """The digits of recipients of the same receivers that have got the message."""


def undelivered(
    obj: Mapping[str, Any],
    *,
    only: Callable[[ReceiverKey], bool] | None = None,
    include_rescued: bool = False,
    sent: AbstractSet[ReceiverKey | str] = frozenset(),
) -> Undelivered:
    """Return the targets that did not succeed, of any receiver or of some; on request also those whose fallback did.

    A fallback is left out: it joins again if what it stands for fails again. Targets in `sent`, the places of its
    replays, are left out, too.
    """
    namespace = obj["metadata"]["namespace"]
    delivered, missed = _recorded(obj)
    chosen = [target for target in missed if _wanted(target, namespace, only)]
    rescued = _rescued(obj)
    left_out = not (include_rescued or rescued.isdisjoint(chosen))
    if not include_rescued:
        chosen = [target for target in chosen if target not in rescued]
    elif phase_of(obj) is Phase.SENT:
        # Its other targets were suppressed on purpose.
        chosen = [target for target in chosen if target in rescued]
    named = _named(obj)
    first = [
        target
        for target in chosen
        if named is None or place_of(target, namespace) in named or _channel(target) in named
    ]
    beyond = [
        target
        for target in first or chosen
        if sent.isdisjoint(_ways(target, namespace, named or frozenset()))
    ]
    targets = () if ANYWHERE in sent else tuple(beyond)
    receivers = dict.fromkeys(key for target in targets if (key := receiver_of(target, namespace)))
    return Undelivered(
        targets=targets,
        recorded=bool(delivered or missed),
        rescued=left_out,
        channels=tuple(dict.fromkeys(target for target in targets if receiver_of(target, namespace) is None)),
        receivers=tuple(receivers),
        digits=frozenset(filter(None, map(_digits, targets))),
        delivered_digits={
            key: frozenset(
                filter(
                    None, (_digits(target) for target in delivered if receiver_of(target, namespace) == key)
                )
            )
            for key in receivers
        },
    )


def _recorded(obj: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the targets that have got the message, and the others."""
    status = mapping(obj.get("status"))
    targets = [mapping(each) for each in entries(status.get("targets"))]
    states = {text(each.get("name")): text(each.get("state")) for each in targets if each.get("name")}
    if not states:
        # The status of an operator that did not record targets.
        attempts = [mapping(each) for each in entries(status.get("deliveryAttempts"))]
        succeeded = {text(each.get("channel")) for each in attempts if each.get("status") == "success"}
        known = dict.fromkeys(
            [
                *_channels(obj),
                *map(text, entries(status.get("resolvedChannels"))),
                *(text(each.get("channel")) for each in attempts),
            ]
        )
        states = {name: TargetState.DELIVERED if name in succeeded else "" for name in known if name}
    delivered = [name for name, state in states.items() if state == TargetState.DELIVERED]
    return delivered, [name for name in states if name not in set(delivered)]


def _rescued(obj: Mapping[str, Any]) -> frozenset[str]:
    """Return the targets whose fallback has delivered the message."""
    targets = map(mapping, entries(mapping(obj.get("status")).get("targets")))
    return frozenset(
        text(each.get("name")) for each in targets if each.get("reason") == TargetReason.DELIVERED_BY_FALLBACK
    )


def _named(obj: Mapping[str, Any]) -> frozenset[ReceiverKey | str] | None:
    """Return the places that the spec names or that routing chose; None if neither is recorded."""
    namespace, spec, status = obj["metadata"]["namespace"], obj["spec"], mapping(obj.get("status"))
    resolved = [text(name) for name in entries(status.get("resolvedChannels"))]
    refs = [mapping(ref) for ref in entries(spec.get("receiverRefs"))]
    places: list[ReceiverKey | str] = [place_of(name, namespace) for name in (*_channels(obj), *resolved)]
    places += [ReceiverKey(text(ref.get("namespace")) or namespace, text(ref.get("name"))) for ref in refs]
    return frozenset(places) or None


def _channels(obj: Mapping[str, Any]) -> Iterable[str]:
    return map(text, entries(obj["spec"].get("channels")))


def place_of(target: str, namespace: str) -> ReceiverKey | str:
    """Return the receiver of a target, or the channel of the operator's settings."""
    return receiver_of(target, namespace) or target


def _ways(
    target: str, namespace: str, named: AbstractSet[ReceiverKey | str]
) -> AbstractSet[ReceiverKey | str]:
    """Return the places by which a replay reaches a target: a default receiver is also reached by its channel."""
    place, channel = place_of(target, namespace), _channel(target)
    return {place, channel} if channel in named and place not in named else {place}


def _channel(target: str) -> str:
    """Return the channel of a target: a default receiver stands for a channel of the spec."""
    return TargetKey.parse(target).channel


def _digits(target: str) -> str:
    return TargetKey.parse(target).address


def _wanted(target: str, namespace: str, only: Callable[[ReceiverKey], bool] | None) -> bool:
    if only is None:
        return True
    key = receiver_of(target, namespace)
    return key is not None and only(key)
