"""Receivers of the routing document: named lists of channels with their details. Pure.

There are two ways to write the same receiver::

    - name: oncall                       - name: oncall
      channels:                            slack_configs:
        - slack: {channel: "#oncall"}        - {channel: "#oncall"}
        - console                          console_configs: [{}]

A receiver can also refer to a NotificationReceiver, or to several with a list::

    - name: oncall
      receiverRef: {name: on-call, namespace: notification-system}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from reprlib import repr as shown
from typing import Any, Final

from notification_contract.kinds.channel_names import CHANNELS, ROUTING_KINDS
from notification_contract.kinds.target import UNKNOWN_TYPE, TargetKey

FIRST: Final = ("slack", "pagerduty", "email", "webhook", "console")
KINDS: Final[Mapping[str, str]] = {kind: ROUTING_KINDS[kind] for kind in (*FIRST, *ROUTING_KINDS)}
"""The channel of each kind of `<kind>_configs`; a receiver with several kinds delivers in this order."""

FALLBACK_CHANNEL: Final = "console"
REFERENCE: Final = "receiverRef"
DNS_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
REFERENCE_PATTERNS: Final = {"name": r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", "namespace": DNS_LABEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One channel of a receiver, with its details from the document."""

    channel: str
    """Its name; for a NotificationReceiver `receiver/NAMESPACE/NAME`."""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """The destination of a rule's notifications; a receiver without targets delivers to the console."""

    name: str
    targets: tuple[Target, ...] = (Target(channel=FALLBACK_CHANNEL),)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels without repetitions, in the order of the targets."""
        return tuple(dict.fromkeys(target.channel for target in self.targets))


def parse_receivers(document: object, problems: list[str]) -> dict[str, Receiver]:
    """Parse the list of receivers and append what is invalid to `problems`."""
    if not isinstance(document, list) or not document:
        problems.append("receivers: must be a list with at least one mapping that has a name")
        return {}
    receivers: dict[str, Receiver] = {}
    for index, entry in enumerate(document):
        path = f"receivers[{index}]"
        receiver = _receiver(entry, path, problems)
        if receiver is not None and receiver.name in receivers:
            problems.append(f"{path}.name: duplicate receiver {receiver.name!r}; choose another name")
        elif receiver is not None:
            receivers[receiver.name] = receiver
    return receivers


def _receiver(entry: object, path: str, problems: list[str]) -> Receiver | None:
    if not isinstance(entry, Mapping):
        problems.append(f"{path}: must be a mapping with a name (got {shown(entry)})")
        return None
    name = entry.get("name")
    targets = _listed(entry.get("channels"), f"{path}.channels", problems)
    for kind, channel in KINDS.items():
        for key in (key for key in entry if _kind(key) == kind):
            targets += _configured(entry[key], channel, f"{path}.{key}", problems)
    targets += _references(entry.get(REFERENCE), f"{path}.{REFERENCE}", problems)
    problems += [
        f"{path}.{key}: unknown key; the keys are name, channels, {REFERENCE} and {_kinds()}"
        for key in entry
        if key not in {"name", "channels", REFERENCE} and _kind(key) is None
    ]
    if not isinstance(name, str) or not name:
        problems.append(f"{path}.name: must be a string that routes can refer to (got {shown(name)})")
        return None
    return Receiver(name=name, targets=tuple(targets)) if targets else Receiver(name=name)


def _listed(value: object, path: str, problems: list[str]) -> list[Target]:
    """Parse `channels`: names, or mappings of a name to its details."""
    if value is None:
        return []
    if not isinstance(value, list):
        problems.append(f"{path}: must be a list of channels (got {shown(value)})")
        return []
    targets: list[Target] = []
    for index, entry in enumerate(value):
        items = entry.items() if isinstance(entry, Mapping) else [(entry, None)]
        for channel, details in items:
            if channel in CHANNELS:
                targets += _configured(details, channel, f"{path}[{index}].{channel}", problems)
            else:
                known = ", ".join(CHANNELS)
                problems.append(
                    f"{path}[{index}]: unknown channel {shown(channel)}; the channels are {known}"
                )
    return targets


def _references(value: object, path: str, problems: list[str]) -> list[Target]:
    """Parse a reference to a NotificationReceiver, or a list of those."""
    if value is None:
        return []
    targets = []
    for ref in value if isinstance(value, list) else [value]:
        names = ref if isinstance(ref, Mapping) and ref.keys() == REFERENCE_PATTERNS.keys() else {}
        if names and all(
            isinstance(name, str) and re.fullmatch(REFERENCE_PATTERNS[key], name)
            for key, name in names.items()
        ):
            target = TargetKey(channel=UNKNOWN_TYPE, namespace=names["namespace"], receiver=names["name"])
            targets.append(Target(channel=str(target)))
        else:
            problems.append(
                f"{path}: must be a mapping with the name and the namespace of a NotificationReceiver (got {shown(ref)})"
            )
    return targets


def _configured(value: object, channel: str, path: str, problems: list[str]) -> list[Target]:
    """Parse the details of a channel: a mapping, nothing, or a list of those."""
    targets = []
    for details in value if isinstance(value, list) else [value]:
        if details is None or isinstance(details, Mapping):
            targets.append(Target(channel=channel, details=dict(details or {})))
        else:
            problems.append(f"{path}: must be a mapping of details (got {shown(details)})")
    return targets


def _kind(key: object) -> str | None:
    """Return the kind of a key such as slack, slack_configs or slackConfigs."""
    kind = str(key).removesuffix("Configs").removesuffix("_configs")
    return kind if kind in KINDS else None


def _kinds() -> str:
    return ", ".join(f"{kind}_configs" for kind in KINDS)
