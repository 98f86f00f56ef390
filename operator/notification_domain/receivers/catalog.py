"""The catalog: every NotificationReceiver that can be used, as one immutable snapshot.

A reconciliation takes the snapshot once, so that all its decisions follow the same receivers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from notification_contract.kinds.choices import NamespacesFrom
from notification_contract.placeholders import placeholders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notification_contract.kinds.receiver import ReceiverSpec


class ReceiverKey(NamedTuple):
    """Namespace and name of a receiver."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One receiver, with its last valid spec."""

    key: ReceiverKey
    uid: str
    generation: int
    """The object's generation with this spec."""
    spec: ReceiverSpec
    is_default: bool = False
    """Whether it gets what names only the channel of its type."""
    placeholder: str = field(init=False, compare=False)
    """The path of a text of the spec that has the placeholder of an example; empty if there is none."""

    def __post_init__(self) -> None:
        """Search the spec once for all times that the channel is built."""
        spec = self.spec.model_dump(by_alias=True, exclude_unset=True)
        object.__setattr__(self, "placeholder", next(placeholders(spec, "spec"), ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The receivers by key.

    `home` is the operator's own namespace; `labels` holds the labels of the namespaces that selectors were
    matched with.
    """

    home: str = ""
    receivers: Mapping[ReceiverKey, Receiver] = field(default_factory=dict)
    problems: Mapping[ReceiverKey, Sequence[str]] = field(default_factory=dict)
    """Why the present spec is refused, of each receiver of which it is; an older one may be in force."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    labels_known: bool = True
    """Whether the labels were looked for, or no receiver selects by them."""
    _defaults: Mapping[tuple[str, str], Sequence[Receiver]] = field(init=False, repr=False, compare=False)
    """The default receivers by namespace and type, in the order of their names."""

    def __post_init__(self) -> None:
        """Group the defaults: each notification that names a channel without settings asks for one."""
        defaults: dict[tuple[str, str], list[Receiver]] = {}
        chosen = [each for each in self.receivers.values() if each.is_default]
        for each in sorted(chosen, key=lambda each: each.key):
            defaults.setdefault((each.key.namespace, each.spec.type), []).append(each)
        object.__setattr__(self, "_defaults", defaults)

    def get(self, key: ReceiverKey) -> Receiver | None:
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
        assert_never(allowed.source)

    def is_undecided(self, receiver: Receiver, namespace: str) -> bool:
        """Return whether labels decide about a namespace and are not known yet: the namespace may be new."""
        selects = receiver.spec.allowed_namespaces.source is NamespacesFrom.SELECTOR
        return selects and receiver.key.namespace != namespace and namespace not in self.labels

    def awaits_labels(self, namespace: str) -> bool:
        """Return whether labels may decide about a namespace and are being read."""
        return not self.labels_known and namespace not in self.labels

    def default(self, channel: str, namespace: str) -> Receiver | None:
        """Return the default receiver of a channel: first of the own namespace, then of the operator's if it allows.

        Of several in one namespace the first by name counts.
        """
        candidates = (
            each
            for home in dict.fromkeys((namespace, self.home))
            for each in self._defaults.get((home, channel), ())
        )
        usable = (
            each for each in candidates if self.allows(each, namespace) or self.is_undecided(each, namespace)
        )
        return next(usable, None)


EMPTY: Final = Catalog()
