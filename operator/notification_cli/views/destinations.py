"""Where a user wants a message to go: the values of `--to`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from notification_contract.kinds.channel_names import CHANNELS, ReceiverType
from notification_contract.kinds.target import UNKNOWN_TYPE

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")
_TYPES: Final = frozenset({*ReceiverType, UNKNOWN_TYPE})
FORMS: Final = (
    "write a channel such as slack, CHANNEL/RECEIVER, NAMESPACE/RECEIVER, or CHANNEL/NAMESPACE/RECEIVER"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A channel, or a receiver."""

    channel: str = ""
    """The channel; for a receiver its type, or empty for any."""
    receiver: str = ""
    """The name of the receiver; empty for a channel."""
    namespace: str = ""
    """The receiver's namespace; empty for that of the notification."""

    @property
    def reference(self) -> str:
        """The receiver as `NAME` or `NAMESPACE/NAME`."""
        return f"{self.namespace}/{self.receiver}" if self.namespace else self.receiver


def parse_destination(text: str) -> Destination:
    """Return the destination of a text.

    Raises:
        ValueError: it has another form.
    """
    match text.split("/"):
        case [channel] if channel in CHANNELS:
            return Destination(channel=channel)
        case [kind, name] if kind in _TYPES and _NAME.fullmatch(name):
            return Destination(channel=_type(kind), receiver=name)
        case [namespace, name] if _LABEL.fullmatch(namespace) and _NAME.fullmatch(name):
            return Destination(namespace=namespace, receiver=name)
        case [kind, namespace, name] if (
            kind in _TYPES and _LABEL.fullmatch(namespace) and _NAME.fullmatch(name)
        ):
            return Destination(channel=_type(kind), namespace=namespace, receiver=name)
    if "#" in text:
        raise ValueError(
            f"{text!r}: a message goes to a receiver, not to one of its recipients; leave out # and what follows"
        )
    channels = ", ".join(CHANNELS)
    raise ValueError(f"{text!r} is no channel and no receiver; {FORMS}; the channels are {channels}")


def _type(kind: str) -> str:
    return "" if kind == UNKNOWN_TYPE else kind
