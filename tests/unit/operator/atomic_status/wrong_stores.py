"""Stores that are wrong in one point each, as stores have been."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING

from atomic_status import Conflict, Gone, ObjectRef, Rejected, StatusError, Unavailable

if TYPE_CHECKING:
    from atomic_status import JsonObject
    from atomic_status.testing import MemoryStore


class Around:
    """A store around another one, to be made wrong in one point."""

    def __init__(self, memory: MemoryStore) -> None:
        self.memory = memory

    async def read(self, ref: ObjectRef) -> JsonObject:
        return await self.memory.read(ref)

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        return await self.memory.replace_status(obj)

    def stored(self, ref: ObjectRef) -> JsonObject:
        """Return what the memory itself holds, to be changed in place."""
        return self.memory._objects[str(ref)]


def ref_of(obj: JsonObject) -> ObjectRef:
    meta = obj["metadata"]
    return ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])


class TellsNoStatus(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        return {**await self.memory.read(ref), "status": {}}


class ReadsOnce(Around):
    """Keeps what it has read, until it writes itself."""

    cache: JsonObject

    async def read(self, ref: ObjectRef) -> JsonObject:
        self.cache = getattr(self, "cache", None) or await self.memory.read(ref)
        return copy.deepcopy(self.cache)

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        self.cache = {}
        return await self.memory.replace_status(obj)


class ReadsWhatWasBeforeItsWrite(Around):
    """Answers the first read after its own write from before that write, as a cache that lags does."""

    old: JsonObject | None = None

    async def read(self, ref: ObjectRef) -> JsonObject:
        old, self.old = self.old, None
        return old or await self.memory.read(ref)

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        self.old = self.memory.peek(ref_of(obj))
        return await self.memory.replace_status(obj)


class LeavesTraces(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        found = await self.memory.read(ref)
        self.memory.write_as_other(ref)
        return found


class HandsOutWhatItKeeps(Around):
    """Copies no deeper than the first floor."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        found = await self.memory.read(ref)
        return {**found, "status": {**self.stored(ref)["status"]}}


class KeepsWhatItIsGiven(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        written = await self.memory.replace_status(obj)
        self.stored(ref_of(obj))["status"] = obj["status"]
        return written


class ChangesItsArgument(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        written = await self.memory.replace_status(obj)
        obj["metadata"]["resourceVersion"] = written["metadata"]["resourceVersion"]
        return written


class AnswersWithWhatItWasGiven(Around):
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


class KnowsItsFields(Around):
    """Writes what a model of the status has, as generated clients do."""

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        known = {key: value for key, value in obj["status"].items() if key in {"count", "list", "other"}}
        return await self.memory.replace_status({**obj, "status": known})


class Overwrites(Around):
    """Takes the newest version and writes anyway, as a patch without a version does."""

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        with contextlib.suppress(KeyError):
            obj = {**obj, "metadata": self.memory.peek(ref_of(obj))["metadata"]}
        return await self.memory.replace_status(obj)


class ComparesStatusOnly(Around):
    """Takes a write for well based as long as the status is the one it has handed out."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        found = await self.memory.read(ref)
        self.last = copy.deepcopy(found["status"])
        return found

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
    """Has lost the name on the way."""

    async def replace_status(self, obj: JsonObject) -> JsonObject:
        written = await self.memory.replace_status(obj)
        for other in self.memory._objects.values():
            other["status"] = copy.deepcopy(obj["status"])
        return written


class TakesGoneForEmpty(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Gone:
            return {"metadata": {"namespace": ref.namespace, "name": ref.name}, "spec": {}, "status": {}}


class TakesGoneForRefusal(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Gone:
            raise Rejected(ref, code=404, reason="not found") from None


class Revives(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        try:
            return await self.memory.replace_status(obj)
        except Gone:
            return self.memory.create(obj)


class IgnoresTheUid(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        uid = self.memory.peek(ref_of(obj))["metadata"]["uid"]
        return await self.memory.replace_status({**obj, "metadata": {**obj["metadata"], "uid": uid}})


class NamesAnother(Around):
    """Raises the right errors about the wrong object."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Gone:
            raise Gone(ObjectRef(namespace=ref.namespace, name="unknown")) from None


class Repeats(Around):
    """Tries again what fails, behind the caller's back."""

    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except StatusError:
            return await self.memory.read(ref)


class RepeatsWrites(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        try:
            return await self.memory.replace_status(obj)
        except Unavailable:
            with contextlib.suppress(Conflict):
                return await self.memory.replace_status(obj)
            return self.memory.peek(ref_of(obj))


class TakesTroubleForAnEnd(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Unavailable:
            raise Gone(ref) from None


class TakesRefusalForTrouble(Around):
    async def replace_status(self, obj: JsonObject) -> JsonObject:
        try:
            return await self.memory.replace_status(obj)
        except Rejected as error:
            raise Unavailable(error.ref, reason=str(error)) from None


class LosesThePause(Around):
    async def read(self, ref: ObjectRef) -> JsonObject:
        try:
            return await self.memory.read(ref)
        except Unavailable as error:
            raise Unavailable(error.ref, reason="busy") from None


WRONG: dict[type[Around], str] = {
    TellsNoStatus: "a_read_shows_the_whole_object",
    ReadsOnce: "a_read_sees_what_others_wrote_just_before",
    ReadsWhatWasBeforeItsWrite: "a_read_sees_what_this_store_wrote_just_before",
    LeavesTraces: "a_read_changes_nothing",
    HandsOutWhatItKeeps: "an_object_handed_out_is_the_caller_s_own",
    KeepsWhatItIsGiven: "an_object_handed_in_stays_the_caller_s_own",
    ChangesItsArgument: "an_object_handed_in_stays_the_caller_s_own",
    AnswersWithWhatItWasGiven: "a_write_answers_with_the_object_as_stored",
    Merges: "a_write_replaces_the_whole_status",
    WritesTheSpec: "a_write_touches_nothing_but_the_status",
    WritesLabels: "a_write_touches_nothing_but_the_status",
    KnowsItsFields: "every_status_field_survives",
    Overwrites: "a_write_on_an_older_status_conflicts",
    ComparesStatusOnly: "a_write_on_an_older_spec_conflicts",
    SwallowsConflicts: "of_two_writes_on_one_read_one_goes_through",
    WritesToAll: "a_write_touches_no_other_object",
    TakesGoneForEmpty: "what_never_was_is_gone",
    NamesAnother: "what_never_was_is_gone",
    TakesGoneForRefusal: "what_was_deleted_is_gone",
    Revives: "what_was_deleted_is_gone",
    IgnoresTheUid: "another_incarnation_is_never_written",
    TakesRefusalForTrouble: "a_refused_call_is_rejected",
    Repeats: "a_call_without_an_answer_is_unavailable",
    TakesTroubleForAnEnd: "a_call_without_an_answer_is_unavailable",
    LosesThePause: "a_pause_that_is_asked_for_is_handed_on",
    RepeatsWrites: "a_write_whose_answer_is_lost_is_unavailable",
}
"""By wrong store: the promise that has to find it out."""
ALSO_WRONG = {Overwrites: "no_update_of_many_writers_is_lost"}
