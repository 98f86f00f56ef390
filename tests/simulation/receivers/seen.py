"""What the watches of one process have reported so far: what a correct process knows, and keeps to."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from notification_contract.kinds.choices import NamespacesFrom
from notification_domain.receivers.declared import examine
from tests.simulation.receivers.api_objects import Kind, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notification_contract.kinds.receiver import ReceiverSpec
    from tests.simulation.receivers.api_objects import Selection

HOME = "platform"
"""The operator's own namespace."""


class Seen:
    """The latest reported state of each object, and every valid spec of each receiver."""

    def __init__(self) -> None:
        self._objects: dict[Place, bytes] = {}
        self._listed: set[Selection] = set()
        self._in_force: dict[Place, tuple[str, ReceiverSpec]] = {}
        """The last valid spec of each receiver, with the uid."""
        self.specs: defaultdict[Place, list[ReceiverSpec]] = defaultdict(list)
        """Every valid spec that was ever reported, in this order."""

        self.first: dict[Place, float] = {}
        """When the first valid spec was reported, on the loop's clock."""
        self.since: dict[str, float] = {}
        """When each incarnation of a receiver was first reported, by uid."""

    def listed(self, selection: Selection, items: Iterable[tuple[Place, bytes]]) -> None:
        """Take in a listing."""
        self._listed.add(selection)
        for place in [each for each in self._objects if each in selection]:
            del self._objects[place]
        for place, data in items:
            self.changed(place, data)

    def changed(self, place: Place, data: bytes) -> None:
        """Take in an object."""
        self._objects[place] = data
        if place.kind is Kind.RECEIVERS:
            obj = orjson.loads(data)
            uid = obj["metadata"]["uid"]
            self.since.setdefault(uid, asyncio.get_running_loop().time())
            if self._in_force.get(place, ("",))[0] != uid:
                self._in_force.pop(place, None)
            spec = examine(obj["spec"], namespace=place.namespace, home=HOME).spec
            if spec is not None:
                self._in_force[place] = uid, spec
                self.specs[place].append(spec)
                self.first.setdefault(place, asyncio.get_running_loop().time())

    def removed(self, place: Place) -> None:
        """Take in a deletion."""
        self._objects.pop(place, None)

    def identity(self, place: Place) -> tuple[object, ...]:
        """Return uid, generation and annotations of a receiver; nothing if it does not exist."""
        data = self._objects.get(place)
        if data is None:
            return ()
        meta = orjson.loads(data)["metadata"]
        return meta["uid"], meta["generation"], *meta["annotations"].items()

    def spec(self, place: Place) -> ReceiverSpec | None:
        """Return the spec that is in force of a receiver; None if it does not exist, or never had a valid one."""
        force = self._in_force.get(place) if place in self._objects else None
        return None if force is None else force[1]

    def secret(self, place: Place) -> Mapping[str, str] | None:
        """Return the values of a Secret; None if it does not exist, or was not reported."""
        data = self._objects.get(place)
        if data is None:
            return None
        return {key: b64decode(value).decode() for key, value in orjson.loads(data)["data"].items()}

    def allows(self, place: Place, spec: ReceiverSpec, namespace: str) -> bool:
        """Return whether a spec lets the notifications of a namespace use its receiver."""
        allowed = spec.allowed_namespaces
        if place.namespace == namespace or allowed.source is NamespacesFrom.ALL:
            return True
        if allowed.selector is None:
            return False
        labels = self._labels(namespace)
        return all(labels.get(key) == value for key, value in allowed.selector.match_labels.items())

    def _labels(self, namespace: str) -> Mapping[str, Any]:
        data = self._objects.get(Place(kind=Kind.NAMESPACES, name=namespace))
        labels: Mapping[str, Any] = {} if data is None else orjson.loads(data)["metadata"]["labels"]
        return labels
