"""The targets of a notification: from the channels and receivers that it names to keys, and what holds for each.

An attempt belongs to a target. Once a status records targets they stay, so that retries go where the first attempt
went, whatever becomes of default receivers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.block import OBJECT_NAME
from notification_contract.kinds.channel_names import ADDRESSES, ReceiverType
from notification_contract.kinds.target import (
    ADDRESS_DIGITS,
    LISTED_DIGITS,
    MAX_TARGETS,
    UNKNOWN_TYPE,
    TargetKey,
    address_digits,
    listed_digits,
    object_digits,
)
from notification_domain.receivers.catalog import ReceiverKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from notification_domain.model import Content, Notification
    from notification_domain.receivers.catalog import Catalog, Receiver

PLACEHOLDER: Final = f"{UNKNOWN_TYPE}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRules:
    """What the receiver of a target demands."""

    max_attempts: int | None = None
    """The most attempts; None: as many as the notification allows."""
    muted: bool = False
    """Whether the receiver is not for messages of this priority."""
    fallback: tuple[str, ...] = ()
    """The targets that get what this one does not."""
    fallback_after: float | None = None
    """Seconds after the creation from which the fallback also gets what is not delivered yet; None for never."""
    also: bool = False
    """Whether attempts go on although the fallback has delivered the message."""
    routed: bool = False
    """Whether the routing document leads to the receiver, whatever namespaces that allows."""
    owed: bool = False
    """Whether no other target can stand for this one: an incident was reported here, and its end belongs here."""


NO_RULES: Final = TargetRules()


def receiver_of(target: str, namespace: str) -> ReceiverKey | None:
    """Return the receiver of a target, as a notification of this namespace means it; None for a channel."""
    if "/" not in target:
        return None
    key = TargetKey.parse(target)
    return ReceiverKey(key.namespace or namespace, key.receiver) if key.receiver else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Turns names into targets, by one catalog.

    `configured` holds the channels of the operator's settings, and `routed` the receivers of the operator's namespace that its
    routing document may lead to, with their fallbacks.
    """

    catalog: Catalog
    configured: frozenset[str]
    routed: AbstractSet[ReceiverKey] = frozenset()

    def routes(self, notification: Notification, key: ReceiverKey) -> bool:
        """Return whether the routing document in force may lead a notification to a receiver; its spec may not name any target.

        The status does not decide that: anybody may have written it.
        """
        return key in self.routed and not notification.names_targets

    def allows(self, notification: Notification, receiver: Receiver) -> bool:
        """Return whether a notification may go to a receiver: by the namespaces of that, or by the routing document."""
        return self.routes(notification, receiver.key) or self.catalog.allows(
            receiver, notification.namespace
        )

    def targets(self, notification: Notification, channels: Iterable[str]) -> tuple[str, ...]:
        """Return the targets of some channels and target keys, and of the receivers that the spec names."""
        targets: dict[str, None] = {}
        for name in channels:
            targets.update(dict.fromkeys(self._named(notification, name)))
        for key in notification.receiver_refs:
            targets.update(dict.fromkeys(self.of_receiver(notification, key)))
        return tuple(targets)

    def kept(self, notification: Notification, recorded: Iterable[str]) -> tuple[str, ...]:
        """Return recorded targets; the placeholder of a receiver that can be used now is replaced."""
        targets: dict[str, None] = {}
        for name in recorded:
            key = receiver_of(name, notification.namespace) if name.startswith(PLACEHOLDER) else None
            targets.update(dict.fromkeys((name,) if key is None else self.of_receiver(notification, key)))
        return tuple(targets)

    def _named(self, notification: Notification, name: str) -> Iterable[str]:
        receiver = receiver_of(name, notification.namespace)
        if receiver is not None:
            return self.of_receiver(notification, receiver)
        if name in self.configured or name not in _TYPES:
            return (name,)
        default = self.catalog.default(name, notification.namespace)
        return (name,) if default is None else self.of_receiver(notification, default.key)

    def of_receiver(self, notification: Notification, key: ReceiverKey) -> tuple[str, ...]:
        """Return the targets of a receiver; a placeholder for one that does not exist, or does not allow the namespace.

        So a status shows nothing of a receiver that its notification may not use: neither a type nor digits of recipients.
        """
        receiver = self.catalog.get(key)
        if receiver is not None and self.allows(notification, receiver):
            return tuple(addressed(receiver, notification))
        return (str(_target(UNKNOWN_TYPE, key, notification.namespace)),)

    def rules(self, notification: Notification, targets: Iterable[str]) -> Mapping[str, TargetRules]:
        """Return the rules of targets with a receiver, and of all their fallbacks."""
        rules: dict[str, TargetRules] = {}
        by_receiver: dict[ReceiverKey, TargetRules] = {}
        waiting = list(targets)
        while waiting:
            target = waiting.pop()
            key = receiver_of(target, notification.namespace)
            receiver = None if key is None or target in rules else self.catalog.get(key)
            if receiver is None:
                continue
            if receiver.key not in by_receiver:
                by_receiver[receiver.key] = self._rules(notification, receiver)
                waiting += by_receiver[receiver.key].fallback
            rules[target] = by_receiver[receiver.key]
        return rules

    def leads(self, notification: Notification, target: str, recorded: Collection[str]) -> bool:
        """Return whether a target leads a notification anywhere that does not name it: not if its receiver or recipient is gone.

        It is one of some `recorded` targets of another notification.
        """
        key = receiver_of(target, notification.namespace)
        if key is None:
            return target in self.configured
        receiver = self.catalog.get(key)
        if receiver is None:
            # It may exist, and be one too many.
            return key in self.catalog.problems
        if target.partition("/")[0] != receiver.spec.type:
            return False
        undecided = self.catalog.is_undecided(receiver, notification.namespace)
        if not (undecided or self.allows(notification, receiver)):
            return False
        if not receiver.spec.addresses_people:
            return True
        return bool(recipient_of(target, receiver, notification.content, recorded))

    def _rules(self, notification: Notification, receiver: Receiver) -> TargetRules:
        spec, fallback = receiver.spec, receiver.spec.fallback
        if not self.allows(notification, receiver):
            return NO_RULES
        following: tuple[str, ...] = ()
        if fallback is not None and not re.fullmatch(OBJECT_NAME, fallback.name):
            # Stored before the schema had a pattern.
            fallback = None
        if fallback is not None:
            following = self.of_receiver(notification, ReceiverKey(receiver.key.namespace, fallback.name))
        return TargetRules(
            max_attempts=spec.retry_policy.max_attempts if spec.retry_policy else None,
            muted=bool(spec.priorities) and notification.content.priority not in spec.priorities,
            fallback=following,
            fallback_after=fallback.after_seconds if fallback else None,
            also=fallback.also if fallback else False,
            routed=self.routes(notification, receiver.key),
        )


def routed_receivers(channels: Iterable[str], catalog: Catalog) -> AbstractSet[ReceiverKey]:
    """Return the receivers of the operator's namespace among the targets of its routing document, and their fallbacks."""
    waiting = {key for name in channels if (key := receiver_of(name, "")) and key.namespace == catalog.home}
    found: set[ReceiverKey] = set()
    while waiting:
        key = waiting.pop()
        found.add(key)
        receiver = catalog.get(key)
        if receiver is not None and receiver.spec.fallback is not None:
            waiting |= {ReceiverKey(key.namespace, receiver.spec.fallback.name)} - found
    return found


_TYPES: Final = frozenset(ReceiverType)


def recipient_of(target: str, receiver: Receiver, content: Content, recorded: Collection[str]) -> str:
    """Return the recipient of a target, as `address_of` does; empty also if the receiver does not accept it.

    It accepts those that it lists. A recipient whom a notification names has to be allowed even if the receiver lists it: else
    the author of the notification learns from the state of the target who is listed.
    """
    address = address_of(target, receiver, content, recorded)
    return address if _is_listed(target) or receiver.spec.recipients.allows(address) else ""


def address_of(target: str, receiver: Receiver, content: Content, recorded: Collection[str]) -> str:
    """Return the recipient that the digits of a target stand for; empty if no recipient has them any more.

    The target is one of the `recorded` ones. If the receiver was deleted and created again since, the recipients that it
    lists have other digits; as long as it lists as many, the target belongs to the recipient in its place.
    """
    digits = _digits(target)
    if not _is_listed(target):
        return _with_digits(digits, _named(receiver, content), address_digits)
    if digits.startswith(object_digits(receiver.uid)):
        return _with_digits(digits, _listed(receiver), lambda each: listed_digits(each, receiver.uid))
    prefix = target[:-ADDRESS_DIGITS]
    before = [each for each in recorded if each.startswith(prefix)]
    places = dict(zip(before, _listed(receiver), strict=False))
    return places.get(target, "") if len(before) == len(_listed(receiver)) else ""


def _digits(target: str) -> str:
    return target.partition("#")[2]


def _is_listed(target: str) -> bool:
    """Return whether a target belongs to a recipient that its receiver lists, or listed when the target was recorded."""
    return len(_digits(target)) == LISTED_DIGITS


def _with_digits(digits: str, addresses: Iterable[str], digits_of: Callable[[str], str]) -> str:
    return next((each for each in addresses if digits_of(each) == digits), "")


def _listed(receiver: Receiver) -> tuple[str, ...]:
    return tuple(dict.fromkeys(receiver.spec.own_addresses))


def _named(receiver: Receiver, content: Content) -> tuple[str, ...]:
    """Return the recipients that a notification names, if the receiver allows any.

    One that it does not allow is among them, so that its target can say so.
    """
    field = ADDRESSES[receiver.spec.type]
    named = [entry.get(field, "") for entry in content.recipients] if receiver.spec.recipients.allow else []
    return tuple(dict.fromkeys(filter(None, named)))


def too_many(targets: Iterable[str]) -> str:
    """Return why a notification has too many targets; empty if it has not."""
    count = len(tuple(targets))
    if count <= MAX_TARGETS:
        return ""
    return (
        f"the notification has {count} targets, but at most {MAX_TARGETS} are possible; name fewer receivers "
        "or recipients, or create several NotificationRequests"
    )


def fits(recorded: Iterable[str], notification: Notification) -> bool:
    """Return whether recorded targets are those of the spec, which a forged status may deny."""
    targets = [TargetKey.parse(each) for each in recorded]
    channels = {target.channel for target in targets}
    receivers = {receiver_of(str(target), notification.namespace) for target in targets}
    return channels >= set(notification.channels) and receivers >= set(notification.receiver_refs)


def together(tracked: tuple[str, ...], notification: Notification) -> tuple[str, ...]:
    """Return the targets of tracked attempts and the recorded ones, which another process may have added since.

    A placeholder gives way to the targets of its receiver. Recorded targets that a forged status may hold are ignored.
    """
    recorded = notification.status.target_names
    if set(recorded) <= set(tracked) or not fits(recorded, notification):
        return tracked
    targets = dict.fromkeys((*recorded, *tracked))
    known = {
        receiver_of(name, notification.namespace) for name in targets if not name.startswith(PLACEHOLDER)
    }
    joined = tuple(
        name
        for name in targets
        if not (name.startswith(PLACEHOLDER) and receiver_of(name, notification.namespace) in known)
    )
    return recorded if too_many(joined) else joined


def addressed(receiver: Receiver, notification: Notification) -> Iterator[str]:
    """Yield the targets of a receiver: one, or one for each recipient; listed ones keep their recorded digits.

    A recipient that is both listed and named has two targets, and gets two messages, where the receiver is one of another namespace:
    the number of targets must not tell who is listed.
    """
    key, content = _target(receiver.spec.type, receiver.key, notification.namespace), notification.content
    people = receiver.spec.addresses_people
    listed, named = (_listed(receiver), _named(receiver, content)) if people else ((), ())
    if not (listed or named):
        yield str(key)
        return
    names = notification.status.target_names
    recorded = {
        address_of(each, receiver, content, names): each
        for each in names
        if each.startswith(f"{key}#") and _is_listed(each)
    }
    for address in listed:
        yield recorded.get(address) or str(key.to(listed_digits(address, receiver.uid)))
    for address in named:
        if key.namespace or address not in listed:
            yield str(key.to(address_digits(address)))


def _target(kind: str, key: ReceiverKey, namespace: str) -> TargetKey:
    own = key.namespace == namespace
    return TargetKey(channel=kind, namespace="" if own else key.namespace, receiver=key.name)
