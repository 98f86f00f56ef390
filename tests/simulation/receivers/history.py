"""What the receivers and namespaces have been, whoever saw it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import orjson

from notification_contract.kinds.choices import NamespacesFrom, OnReceiverError
from notification_domain.receivers.declared import examine
from tests.simulation.receivers.api_objects import Kind, Place
from tests.simulation.receivers.seen import HOME, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notification_contract.kinds.receiver import ReceiverSpec
    from tests.simulation.receivers.api_objects import Change


class History:
    """Follows every change at once."""

    def __init__(self) -> None:
        self._specs: defaultdict[Place, list[ReceiverSpec | None]] = defaultdict(list)
        """Each spec of a receiver, None for one that is refused, and for a receiver that does not exist."""
        self._values: dict[tuple[Place, str], dict[str, str]] = {}
        """What a Secret held at each version."""
        self._relabeled = False
        self._truth = Seen()

    def take(self, change: Change) -> None:
        """Take in a change."""
        if change.place.kind is Kind.NAMESPACES and change.type == "MODIFIED" and self._specs:
            self._relabeled = True
        if change.place.kind is Kind.NAMESPACES:
            self._truth.changed(change.place, change.data)
        obj = orjson.loads(change.data)
        if change.place.kind is Kind.SECRETS:
            self._values[change.place, obj["metadata"]["resourceVersion"]] = obj["data"]
        if change.place.kind is Kind.RECEIVERS:
            gone = change.type == "DELETED"
            spec = None if gone else examine(obj["spec"], namespace=change.place.namespace, home=HOME).spec
            self._specs[change.place].append(spec)

    def begin(self, places: Iterable[Place]) -> None:
        """Take in the receivers that may exist, after the first ones were created."""
        for place in places:
            if not self._specs[place]:
                self._specs[place].append(None)

    def always_exists(self, place: Place) -> bool:
        """Return whether a receiver has existed all the time, with valid specs."""
        return None not in self._specs[place]

    def always_holds(self, place: Place) -> bool:
        """Return whether a receiver has let messages wait all the time."""
        return self.always_exists(place) and all(
            spec is not None and spec.on_receiver_error is OnReceiverError.HOLD for spec in self._specs[place]
        )

    def same_values(self, secret: Place, version: str, other: str) -> bool:
        """Return whether a Secret held the same values at two versions."""
        values = self._values.get((secret, version))
        return values is not None and values == self._values.get((secret, other))

    def only_spec(self, place: Place, namespace: str) -> ReceiverSpec | None:
        """Return the spec of a receiver that has never changed, nor who may use it; None if a namespace may not."""
        specs = self._specs[place]
        spec = specs[0]
        if spec is None or any(each != spec for each in specs):
            return None
        selects = spec.allowed_namespaces.source is NamespacesFrom.SELECTOR
        if selects and self._relabeled:
            return None
        return spec if self._truth.allows(place, spec, namespace) else None
