"""The key of a target: where one message of a notification goes. Pure.

| key | target |
|---|---|
| `slack` | a channel of the operator's settings |
| `slack/checkout` | a NotificationReceiver of the notification's namespace |
| `pagerduty/platform/on-call` | a NotificationReceiver of another namespace |
| `email/smtp#1f3a9c20` | a recipient that the notification names, where a channel addresses people |
| `email/smtp#7b019d44c02e` | a recipient that the receiver lists |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from typing import Final

MAX_TARGETS: Final = 20
"""Targets of one notification."""
UNKNOWN_TYPE: Final = "receiver"
"""Stands in a key for the type of a receiver that is not known: routing does not look receivers up."""
ADDRESS_DIGITS: Final = 8
"""Hexadecimal digits that stand for an address: a status shows no address of a person."""
OBJECT_DIGITS: Final = 4
"""Hexadecimal digits before those of a listed recipient, that stand for the object of the receiver."""
LISTED_DIGITS: Final = OBJECT_DIGITS + ADDRESS_DIGITS

WITHOUT_EFFECT: Final = ("slack", "teams", "webhookURL")
"""The addresses of a recipient that make no target, because no channel uses them; those of the kinds email and phone do."""


def without_effect(field: str) -> str:
    """Return what is wrong with such an address, in a sentence without its full stop."""
    return f"spec.recipients[].{field} has no effect, because no channel uses it; name a receiver in spec.receiverRefs"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetKey:
    """A key in its parts; `receiver` is empty for a channel of the operator's settings."""

    channel: str
    namespace: str = ""
    """The namespace of the receiver; empty: that of the notification."""
    receiver: str = ""
    address: str = ""
    """The digits that stand for the recipient; empty where the receiver addresses nobody in particular."""

    def __str__(self) -> str:
        """Return the key as the status has it."""
        parts = "/".join(filter(None, (self.channel, self.namespace, self.receiver)))
        return f"{parts}#{self.address}" if self.address else parts

    @classmethod
    def parse(cls, text: str) -> TargetKey:
        """Return the parts of a key; a text that is no key is the name of a channel."""
        path, mark, address = text.partition("#")
        if mark and not address:
            return cls(channel=text)
        match path.split("/"):
            case [channel, receiver] if channel and receiver:
                return cls(channel=channel, receiver=receiver, address=address)
            case [channel, namespace, receiver] if channel and namespace and receiver:
                return cls(channel=channel, namespace=namespace, receiver=receiver, address=address)
        return cls(channel=text)

    def to(self, digits: str) -> TargetKey:
        """Return the key of one recipient, by the digits that stand for the address."""
        return replace(self, address=digits)


def address_digits(address: str) -> str:
    """Return the digits of a recipient that a notification names."""
    return sha256(address.encode()).hexdigest()[:ADDRESS_DIGITS]


def listed_digits(address: str, uid: str) -> str:
    """Return the digits of a recipient that the receiver with this uid lists.

    Only who can read the receiver can compute them: a status would otherwise tell its readers whom a receiver lists, by
    the numbers that they try (DD-TARGET-001).
    """
    return object_digits(uid) + _keyed(address, uid, ADDRESS_DIGITS)


def object_digits(uid: str) -> str:
    """Return the digits that all recipients of a receiver have in common; a receiver that is created again has others."""
    return _keyed("", uid, OBJECT_DIGITS)


def _keyed(text: str, uid: str, digits: int) -> str:
    return blake2b(text.encode(), key=uid.encode()[: blake2b.MAX_KEY_SIZE]).hexdigest()[:digits]
