"""The receivers, Secrets and namespaces of the simulated API server, and the streams of their changes."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import orjson

from notification_contract import names
from tests.simulation.cluster import ConflictError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_runtime.kube.collection_watch import Collection

PATH = re.compile(r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<kind>[^/]+)$")


class Kind(StrEnum):
    """The plural of a kind, as paths have it."""

    RECEIVERS = names.RECEIVER_PLURAL
    SOURCES = names.SOURCE_PLURAL
    SECRETS = "secrets"
    CONFIG_MAPS = "configmaps"
    NAMESPACES = "namespaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an object is; the namespace is empty for a kind without namespaces."""

    kind: Kind
    namespace: str = ""
    name: str

    def __str__(self) -> str:
        """Return it as a trace shows it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The objects of a collection."""

    kind: Kind
    namespace: str | None
    """None for all namespaces."""
    name: str = ""
    """Empty for all names."""

    @classmethod
    def of(cls, collection: Collection) -> Self:
        """Return what a collection contains."""
        path = PATH.search(collection.path)
        assert path is not None, collection.path
        name = collection.field_selector.removeprefix("metadata.name=")
        return cls(kind=Kind(path["kind"]), namespace=path["namespace"], name=name)

    def __contains__(self, place: Place) -> bool:
        """Return whether an object belongs to it."""
        same = self.kind is place.kind and self.namespace in {None, place.namespace}
        return same and self.name in {"", place.name}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an object."""

    type: str
    """As in an event of a watch."""
    place: Place
    data: bytes

    @property
    def object(self) -> dict[str, Any]:
        """A copy of the object after the change, or before its deletion."""
        obj: dict[str, Any] = orjson.loads(self.data)
        return obj


@dataclass(slots=True)
class ApiObjects:
    """The objects as they are; every process observes them late, or not at all."""

    uid: Callable[[int], str] = "receiver-{}".format
    """Returns the uid of the nth object."""
    followers: list[Callable[[Change], None]] = field(default_factory=list)
    """Called with each change, at once."""
    _objects: dict[Place, bytes] = field(default_factory=dict)
    _version: int = 0
    _uids: int = 0

    def __contains__(self, place: Place) -> bool:
        """Return whether an object exists."""
        return place in self._objects

    def create(self, place: Place, **parts: Any) -> dict[str, Any]:
        """Store a new object."""
        self._uids += 1
        meta = {
            "name": place.name,
            "uid": self.uid(self._uids),
            "generation": 1,
            "annotations": {},
            "labels": {},
        }
        meta |= {"namespace": place.namespace} if place.namespace else {}
        return self._store("ADDED", place, {"metadata": meta, **parts})

    def change(self, place: Place, change: Callable[[dict[str, Any]], None]) -> None:
        """Change an object in place; another spec is another generation."""
        obj = self.read(place)
        before = orjson.dumps(obj.get("spec"))
        change(obj)
        if orjson.dumps(obj.get("spec")) != before:
            obj["metadata"]["generation"] += 1
        self._store("MODIFIED", place, obj)

    def delete(self, place: Place) -> None:
        """Delete an object, if it exists."""
        data = self._objects.pop(place, None)
        if data is not None:
            self._version += 1
            obj = orjson.loads(data)
            obj["metadata"]["resourceVersion"] = str(self._version)
            self._notify(Change("DELETED", place, orjson.dumps(obj)))

    def read(self, place: Place) -> dict[str, Any]:
        """Return a copy of an object; raises `MissingError`."""
        data = self._objects.get(place)
        if data is None:
            raise MissingError(str(place))
        obj: dict[str, Any] = orjson.loads(data)
        return obj

    def list(self, selection: Selection) -> list[tuple[Place, bytes]]:
        """Return the objects of a collection."""
        return [(place, data) for place, data in self._objects.items() if place in selection]

    def replace_status(
        self,
        place: Place,
        obj: Mapping[str, Any],
        *,
        on_write: Callable[[dict[str, Any], dict[str, Any]], None],
    ) -> dict[str, Any]:
        """Replace a status by optimistic concurrency; raises `ConflictError` or `MissingError`.

        `on_write` is called with the object before and after.
        """
        stored, meta = self.read(place), obj["metadata"]
        if any(stored["metadata"][key] != meta[key] for key in ("uid", "resourceVersion")):
            raise ConflictError
        if stored.get("status", {}) == obj["status"]:
            return stored
        after = {**stored, "status": orjson.loads(orjson.dumps(obj["status"]))}
        on_write(stored, after)
        return self._store("MODIFIED", place, after)

    def _store(self, kind: str, place: Place, obj: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        self._objects[place] = orjson.dumps(obj)
        change = Change(kind, place, self._objects[place])
        self._notify(change)
        return change.object

    def _notify(self, change: Change) -> None:
        for follower in tuple(self.followers):
            follower(change)


def secret_data(values: Mapping[str, str]) -> dict[str, str]:
    """Return the data of a Secret."""
    return {key: b64encode(value.encode()).decode() for key, value in values.items()}
