"""The simulated API server: objects with resourceVersions, and watches of them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from notification_domain.key import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "simulated"
OTHER_NAMESPACES = {"c": "other"}
"""Names whose objects are in another namespace."""
BEHIND = 0.0, 0.0, 0.02, 0.0, 1.0, 0.0, 5.0
"""Seconds by which the memory is behind, one after another."""
CATCHES_UP_WITHIN = 3.0
"""Seconds that a request waits for it, as those of a real API server."""


class ConflictError(Exception):
    """The resourceVersion of a write is not the stored one."""


class TooOldError(Exception):
    """The memory of the API server is older than an answer may be."""


class MissingError(Exception):
    """There is no such object, or it is another incarnation."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a watch."""

    kind: str
    name: str
    uid: str
    data: bytes

    @property
    def object(self) -> dict[str, Any]:
        """A copy of the object at that time."""
        return orjson.loads(self.data)


class Memory:
    """What the API server answers from where an answer may be old: it is behind the truth, by seconds at times."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._version = 0
        self._coming: deque[tuple[Event, int]] = deque()
        """Events that it has not taken in yet: a loop runs timers of the same time in any order."""
        self._due = 0.0

    def observe(self, event: Event, version: int) -> None:
        """Take an event in, later, and after those before it."""
        loop = asyncio.get_running_loop()
        self._due = max(self._due, loop.time() + BEHIND[version % len(BEHIND)])
        self._coming.append((event, version))
        loop.call_at(self._due, self._take_next)

    async def at(self, version: int) -> Mapping[str, bytes]:
        """Return the objects at a version, or at a later one; raises `TooOldError` if it is still behind after a while."""
        if self._version < version:
            await asyncio.sleep(CATCHES_UP_WITHIN)
        if self._version < version:
            raise TooOldError
        return self._objects

    def _take_next(self) -> None:
        event, self._version = self._coming.popleft()
        if event.kind == "DELETED":
            self._objects.pop(event.name, None)
        else:
            self._objects[event.name] = event.data


@dataclass(slots=True)
class Cluster:
    """The truth; every process observes it late, or not at all."""

    objects: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Of every object that was ever created, by uid."""
    shard_keys: dict[str, str] = field(default_factory=dict)
    """What the shard of each of them is found by, by uid."""
    version: int = 0
    watchers: list[Callable[[Event], None]] = field(default_factory=list)
    on_write: Callable[[dict[str, Any], dict[str, Any], str], None] = lambda _before, _after, _who: None
    """Called with the object before and after each status write, and the writer."""
    uid: Callable[[int], str] = "uid-{}".format
    """Returns the uid of the nth object."""
    memory: Memory = field(default_factory=Memory)
    _uids: int = 0

    def create(
        self,
        name: str,
        spec: dict[str, Any],
        created: str,
        *,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
    ) -> str:
        """Store a new object as the CRD's defaults make it, and return its uid."""
        self._uids += 1
        uid = self.uid(self._uids)
        self.names[uid] = name
        namespace, incident = OTHER_NAMESPACES.get(name, NAMESPACE), spec.get("dedupKey")
        self.shard_keys[uid] = Key(namespace, name, uid, incident or "").shard_key
        meta = {
            "namespace": namespace,
            "name": name,
            "uid": uid,
            "generation": 1,
            "creationTimestamp": created,
            "labels": labels or {},
            **({"annotations": annotations} if annotations else {}),
        }
        head = {"apiVersion": "kubernaut.ai/v1alpha1", "kind": "NotificationRequest"}
        self._store("ADDED", {**head, "metadata": meta, "spec": spec, "status": {"phase": "Pending"}})
        return uid

    def read(self, name: str) -> dict[str, Any]:
        """Return a copy of an object; raises `MissingError`."""
        data = self.objects.get(name)
        if data is None:
            raise MissingError(name)
        return orjson.loads(data)

    def delete(self, name: str) -> None:
        """Delete an object, if it exists."""
        data = self.objects.pop(name, None)
        if data is not None:
            self.version += 1
            obj = orjson.loads(data)
            obj["metadata"]["resourceVersion"] = str(self.version)
            self._notify("DELETED", obj, orjson.dumps(obj))

    def hold(self, name: str, when: str) -> None:
        """Delete an object that a finalizer keeps: it stays, and says since when it is deleted."""
        obj = self.read(name)
        obj["metadata"] |= {"deletionTimestamp": when, "finalizers": ["simulated/hold"]}
        self._store("MODIFIED", obj)

    def label(self, name: str, value: str) -> None:
        """Change something that is not status, as a user does."""
        obj = self.read(name)
        obj["metadata"]["labels"]["touched"] = value
        self._store("MODIFIED", obj)

    def replace_status(self, obj: dict[str, Any], *, who: str, blindly: bool = False) -> dict[str, Any]:
        """Replace a status by optimistic concurrency; raises `ConflictError` or `MissingError`.

        `blindly` accepts a write without a resourceVersion, like a patch.
        """
        meta = obj["metadata"]
        stored = self.read(meta["name"])
        if stored["metadata"]["uid"] != meta["uid"]:
            raise ConflictError
        if not blindly and stored["metadata"]["resourceVersion"] != meta["resourceVersion"]:
            raise ConflictError
        before = stored["status"]
        if before == obj["status"]:
            return stored
        # A copy as the wire carries it, so that later changes in place do not reach the stored object.
        after = orjson.loads(orjson.dumps(obj["status"]))
        self.on_write({**stored, "status": before}, {**stored, "status": after}, who)
        return self._store("MODIFIED", {**stored, "status": after})

    def _store(self, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        data = self.objects[obj["metadata"]["name"]] = orjson.dumps(obj)
        self._notify(kind, obj, data)
        return orjson.loads(data)

    def _notify(self, kind: str, obj: dict[str, Any], data: bytes) -> None:
        event = Event(kind, obj["metadata"]["name"], obj["metadata"]["uid"], data)
        self.memory.observe(event, self.version)
        for watcher in self.watchers:
            watcher(event)


def attempts_of(obj: dict[str, Any]) -> str:
    """Return the attempts that a status holds, for a trace."""
    attempts = obj["status"].get("deliveryAttempts", ())
    return (
        "; ".join(f"{each['channel']} {each['attempt']} {each['status']}" for each in attempts)
        or "no attempts"
    )
