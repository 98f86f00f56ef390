"""The catalog: every NotificationReceiver that can be used, as one immutable snapshot.

A reconciliation takes the snapshot once, so that all its decisions follow the same receivers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from notification_contract.receivers.kinds import NamespacesFrom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.receivers.spec import ReceiverSpec


class ReceiverKey(NamedTuple):
    """Namespace and name of a receiver."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return both as people write them."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One receiver, with its last valid spec."""

    key: ReceiverKey
    uid: str
    generation: int
    """Of the object, when it had this spec."""
    spec: ReceiverSpec
    is_default: bool = False
    """Whether it gets what names only the channel of its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The receivers by key.

    `home` is the operator's own namespace; `labels` holds the labels of the namespaces that selectors were
    matched with.
    """

    home: str = ""
    receivers: Mapping[ReceiverKey, Receiver] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, key: ReceiverKey) -> Receiver | None:
        """Return a receiver, if it exists."""
        return self.receivers.get(key)

    def allows(self, receiver: Receiver, namespace: str) -> bool:
        """Return whether the notifications of a namespace may use a receiver."""
        if receiver.key.namespace == namespace:
            return True
        allowed = receiver.spec.allowed_namespaces
        match allowed.source:
            case NamespacesFrom.SAME:
                return False
            case NamespacesFrom.ALL:
                return True
            case NamespacesFrom.SELECTOR:
                assert allowed.selector is not None, "the spec requires a selector"
                labels = self.labels.get(namespace, {})
                return all(labels.get(key) == value for key, value in allowed.selector.match_labels.items())

    def default(self, channel: str, namespace: str) -> Receiver | None:
        """Return the default receiver of a channel: first of the own namespace, then of the operator's if it allows.

        Of several in one namespace the first by name counts.
        """
        for home in dict.fromkeys((namespace, self.home)):
            candidates = [
                each
                for each in self.receivers.values()
                if each.is_default
                and each.spec.type == channel
                and each.key.namespace == home
                and self.allows(each, namespace)
            ]
            if candidates:
                return min(candidates, key=lambda each: each.key.name)
        return None


EMPTY: Final = Catalog()
