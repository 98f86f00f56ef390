"""An in-memory StatusStore for tests of controllers: versions, conflicts, failures, a stale cache."""

from __future__ import annotations

import copy
import itertools
from collections import deque
from typing import TYPE_CHECKING

from atomic_status._ports import JsonObject, ObjectRef, StatusStore
from atomic_status.errors import Conflict, Gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status.errors import Rejected, StatusError, Unavailable
    from atomic_status.testing._harness import Verb


class MemoryStore(StatusStore):
    """Keeps objects as an API server does: uid, resourceVersion, one status writer at a time.

    `calls` lists each call in order. `fail_next` injects failures. With `stale=True`, reads come from a
    cache that only `sync` updates: the mistake that SP-CACHE-001 forbids, for tests that demonstrate it.
    """

    def __init__(self, *, stale: bool = False) -> None:
        self.calls: list[tuple[Verb, str]] = []
        self.objects: dict[str, JsonObject] = {}
        """The stored objects by namespace and name; a test may change them in place, past every version check."""
        self._cache: dict[str, JsonObject] = {}
        self._stale = stale
        self._versions = itertools.count(1)
        self._faults: dict[Verb, deque[tuple[StatusError, bool]]] = {"GET": deque(), "PUT": deque()}
        self._before_write: deque[Callable[[], None]] = deque()

    def create(self, obj: JsonObject) -> JsonObject:
        """Store a new object; return a copy of it with uid and resourceVersion."""
        version = str(next(self._versions))
        meta = {"uid": f"uid-{version}", "generation": 1, **obj["metadata"], "resourceVersion": version}
        stored = copy.deepcopy({**obj, "metadata": meta})
        self.objects[_key(stored)] = stored
        self.sync()
        return copy.deepcopy(stored)

    def delete(self, ref: ObjectRef) -> None:
        """Remove the object, if it exists."""
        self.objects.pop(str(ref), None)

    def peek(self, ref: ObjectRef) -> JsonObject:
        """Return a copy of the stored object; not counted in `calls`."""
        return copy.deepcopy(self.objects[str(ref)])

    def write_status(self, ref: ObjectRef, status: JsonObject) -> None:
        """Replace the status as a competing writer does, without a version check."""
        stored = self.objects[str(ref)]
        stored["status"] = copy.deepcopy(status)
        self._touch(stored)

    def write_as_other(self, ref: ObjectRef, **fields: object) -> None:
        """Set status fields as a competing writer does; the others stay."""
        self.write_status(ref, {**self.objects[str(ref)].get("status", {}), **fields})

    def write_spec(self, ref: ObjectRef, spec: JsonObject) -> None:
        """Replace the spec as a user does; increments the generation."""
        stored = self.objects[str(ref)]
        stored["spec"] = copy.deepcopy(spec)
        stored["metadata"]["generation"] += 1
        self._touch(stored)

    def interfere_next(self, action: Callable[[], None]) -> None:
        """Run `action` just before the next write reaches the store, once."""
        self._before_write.append(action)

    def fail_next(self, verb: Verb, error: StatusError, *, applied: bool = False) -> None:
        """Let the next call fail; with `applied`, a write takes effect and its response is lost."""
        self._faults[verb].append((error, applied))

    def sync(self) -> None:
        """Update the stale cache."""
        self._cache = copy.deepcopy(self.objects)

    async def read(self, ref: ObjectRef) -> JsonObject:
        """See `StatusStore.read`."""
        self.calls.append(("GET", str(ref)))
        if self._faults["GET"]:
            raise self._faults["GET"].popleft()[0]
        source = self._cache if self._stale else self.objects
        if str(ref) not in source:
            raise Gone(ref)
        return copy.deepcopy(source[str(ref)])

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        """See `StatusStore.replace_status`."""
        self.calls.append(("PUT", _key(obj)))
        if self._before_write:
            self._before_write.popleft()()
        if not self._faults["PUT"]:
            return self._replace(obj)
        error, applied = self._faults["PUT"].popleft()
        if applied:
            self._replace(obj)
        raise error

    def _replace(self, obj: JsonObject) -> JsonObject:
        meta = obj["metadata"]
        stored = self.objects.get(_key(obj))
        if stored is None:
            raise Gone(_ref(obj))
        if any(stored["metadata"][field] != meta[field] for field in ("uid", "resourceVersion")):
            raise Conflict(_ref(obj))
        stored["status"] = copy.deepcopy(obj["status"])
        self._touch(stored)
        return copy.deepcopy(stored)

    def _touch(self, stored: JsonObject) -> None:
        stored["metadata"]["resourceVersion"] = str(next(self._versions))


class MemoryHarness:
    """The harness of a `MemoryStore`, or of a store that wraps one."""

    def __init__(self, memory: MemoryStore | None = None, store: StatusStore | None = None) -> None:
        self.memory = memory or MemoryStore()
        """The store that holds the objects."""
        self.store: StatusStore = store or self.memory
        """The store under test."""

    async def create(self, name: str, *, spec: JsonObject, status: JsonObject) -> ObjectRef:
        """See `StoreHarness.create`."""
        head = {"apiVersion": "example.org/v1", "kind": "Example"}
        meta = {"namespace": "examples", "name": name}
        return _ref(self.memory.create({**head, "metadata": meta, "spec": spec, "status": status}))

    async def write_status(self, ref: ObjectRef, status: JsonObject) -> None:
        """See `StoreHarness.write_status`."""
        self.memory.write_status(ref, status)

    async def write_spec(self, ref: ObjectRef, spec: JsonObject) -> None:
        """See `StoreHarness.write_spec`."""
        self.memory.write_spec(ref, spec)

    async def delete(self, ref: ObjectRef) -> None:
        """See `StoreHarness.delete`."""
        self.memory.delete(ref)

    async def fail_next(self, verb: Verb, error: Rejected | Unavailable, *, applied: bool = False) -> None:
        """See `FaultHarness.fail_next`."""
        self.memory.fail_next(verb, error, applied=applied)


def _ref(obj: JsonObject) -> ObjectRef:
    meta = obj["metadata"]
    return ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])


def _key(obj: JsonObject) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
