"""Stores with one defect each, of kinds that real stores have had."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING

from atomic_status import Conflict, Gone, ObjectRef, Rejected, StatusError, Unavailable

if TYPE_CHECKING:
    from atomic_status import JsonObject
    from atomic_status.testing import MemoryStore


class Around:
    """A store that wraps another one; subclasses add one defect."""

    def __init__(self, memory: MemoryStore) -> None:
        self.memory = memory

    async def read(self, ref: ObjectRef) -> JsonObject:
        return await self.memory.read(ref)

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        return await self.memory.replace_status(obj)

    def stored(self, ref: ObjectRef) -> JsonObject:
        """Return the stored object itself, to change it in place."""
        return self.memory.objects[str(ref)]


def ref_of(obj: JsonObject) -> ObjectRef:
    meta = obj["metadata"]
    return ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])


class HidesTheStatus(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        return {**await self.memory.read(ref), "status": {}}


class CachesReads(Around):
    """Caches a read until its own next write."""

    cache: JsonObject

    async def read(self, ref: ObjectRef) -> JsonObject:
        self.cache = getattr(self, "cache", None) or await self.memory.read(ref)
        return copy.deepcopy(self.cache)

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        self.cache = {}
        return await self.memory.replace_status(obj)


class ReadsBehindItsWrites(Around):
    """Returns, for the first read after its own write, the object before it, as a lagging cache does."""

    old: JsonObject | None = None

    async def read(self, ref: ObjectRef) -> JsonObject:
        old, self.old = self.old, None
        return old or await self.memory.read(ref)

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        self.old = self.memory.peek(ref_of(obj))
        return await self.memory.replace_status(obj)


class WritesOnRead(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        obj = await self.memory.read(ref)
        self.memory.write_as_other(ref)
        return obj


class ReturnsItsOwnObject(Around):
    """Copies only the first level."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        obj = await self.memory.read(ref)
        return {**obj, "status": {**self.stored(ref)["status"]}}


class KeepsItsArgument(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        written = await self.memory.replace_status(obj)
        self.stored(ref_of(obj))["status"] = obj["status"]
        return written


class ChangesItsArgument(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        written = await self.memory.replace_status(obj)
        obj["metadata"]["resourceVersion"] = written["metadata"]["resourceVersion"]
        return written


class ReturnsItsArgument(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        await self.memory.replace_status(obj)
        return copy.deepcopy(obj)


class Merges(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        merged = {**self.memory.peek(ref_of(obj))["status"], **obj["status"]}
        return await self.memory.replace_status({**obj, "status": merged})


class WritesTheSpec(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        await self.memory.replace_status(obj)
        self.stored(ref_of(obj))["spec"] = copy.deepcopy(obj["spec"])
        return self.memory.peek(ref_of(obj))


class WritesLabels(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        await self.memory.replace_status(obj)
        self.stored(ref_of(obj))["metadata"]["labels"] = obj["metadata"].get("labels")
        return self.memory.peek(ref_of(obj))


class DropsUnknownFields(Around):
    """Writes only the fields of a status model, as generated clients do."""

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        known = {key: value for key, value in obj["status"].items() if key in {"count", "list", "other"}}
        return await self.memory.replace_status({**obj, "status": known})


class Overwrites(Around):
    """Writes whatever the stored version is, as a patch without a resourceVersion does."""

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        with contextlib.suppress(KeyError):
            obj = {**obj, "metadata": self.memory.peek(ref_of(obj))["metadata"]}
        return await self.memory.replace_status(obj)


class ComparesStatusOnly(Around):
    """Accepts a write as long as the status is the one that it returned last."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        obj = await self.memory.read(ref)
        self.last = copy.deepcopy(obj["status"])
        return obj

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        stored = self.memory.peek(ref_of(obj))
        if stored["status"] == self.last:
            obj = {**obj, "metadata": stored["metadata"]}
        return await self.memory.replace_status(obj)


class SwallowsConflicts(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        try:
            return await self.memory.replace_status(obj)
        except Conflict:
            return self.memory.peek(ref_of(obj))


class WritesToAll(Around):
    """Ignores the name."""

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        written = await self.memory.replace_status(obj)
        for other in self.memory.objects.values():
            other["status"] = copy.deepcopy(obj["status"])
        return written


class ReturnsEmptyForGone(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Gone:
            return {"metadata": {"namespace": ref.namespace, "name": ref.name}, "spec": {}, "status": {}}


class RejectsForGone(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Gone:
            raise Rejected(ref, code=404, reason="not found") from None


class Recreates(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        try:
            return await self.memory.replace_status(obj)
        except Gone:
            return self.memory.create(obj)


class IgnoresTheUid(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        uid = self.memory.peek(ref_of(obj))["metadata"]["uid"]
        return await self.memory.replace_status({**obj, "metadata": {**obj["metadata"], "uid": uid}})


class NamesAnotherObject(Around):
    """Raises the right error about the wrong object."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Gone:
            raise Gone(ObjectRef(namespace=ref.namespace, name="another")) from None


class RetriesReads(Around):
    """Retries failed calls."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except StatusError:
            return await self.memory.read(ref)


class RetriesWrites(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        try:
            return await self.memory.replace_status(obj)
        except Unavailable:
            with contextlib.suppress(Conflict):
                return await self.memory.replace_status(obj)
            return self.memory.peek(ref_of(obj))


class RaisesGoneForUnavailable(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Unavailable:
            raise Gone(ref) from None


class RaisesUnavailableForRejected(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        try:
            return await self.memory.replace_status(obj)
        except Rejected as error:
            raise Unavailable(error.ref, reason=str(error)) from None


class DropsRetryAfter(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Unavailable as error:
            raise Unavailable(error.ref, reason="busy") from None


WRONG: dict[type[Around], str] = {
    HidesTheStatus: "read_returns_the_whole_object",
    CachesReads: "read_sees_the_latest_write_of_others",
    ReadsBehindItsWrites: "read_sees_the_latest_write_of_this_store",
    WritesOnRead: "read_changes_nothing",
    ReturnsItsOwnObject: "returned_object_belongs_to_the_caller",
    KeepsItsArgument: "argument_of_a_write_stays_unchanged",
    ChangesItsArgument: "argument_of_a_write_stays_unchanged",
    ReturnsItsArgument: "write_returns_the_stored_object",
    Merges: "write_replaces_the_whole_status",
    WritesTheSpec: "write_changes_nothing_but_the_status",
    WritesLabels: "write_changes_nothing_but_the_status",
    DropsUnknownFields: "unknown_status_fields_survive",
    Overwrites: "write_on_an_older_status_conflicts",
    ComparesStatusOnly: "write_on_an_older_spec_conflicts",
    SwallowsConflicts: "one_of_two_writes_on_one_read_succeeds",
    WritesToAll: "write_changes_no_other_object",
    ReturnsEmptyForGone: "unknown_name_raises_gone",
    NamesAnotherObject: "unknown_name_raises_gone",
    RejectsForGone: "deleted_object_raises_gone",
    Recreates: "deleted_object_raises_gone",
    IgnoresTheUid: "other_incarnation_is_never_written",
    RaisesUnavailableForRejected: "refused_call_raises_rejected",
    RetriesReads: "failed_call_raises_unavailable",
    RaisesGoneForUnavailable: "failed_call_raises_unavailable",
    DropsRetryAfter: "retry_after_is_passed_on",
    RetriesWrites: "lost_response_raises_unavailable",
}
"""The check that must detect each wrong store."""
ALSO_WRONG = {Overwrites: "concurrent_writers_lose_no_update"}
