"""Conformance of `StatusStore.replace_status`: one function per check."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING

from atomic_status._apply import apply
from atomic_status.errors import Conflict, Gone
from atomic_status.testing._fixtures import (
    ODD,
    SPEC,
    STATUS,
    create_one,
    raises,
    spoil,
    status_is,
    with_status,
)
from atomic_status.testing._harness import require

if TYPE_CHECKING:
    from atomic_status._ports import JsonObject
    from atomic_status.testing._harness import StoreHarness


async def argument_of_a_write_stays_unchanged(harness: StoreHarness) -> None:
    """A write neither changes its argument nor keeps a reference to it."""
    ref = await create_one(harness)
    mine = await with_status(harness, ref, ODD)
    before = copy.deepcopy(mine)
    await harness.store.replace_status(mine)
    require(mine == before, f"a write does not change its argument: {mine}")
    spoil(mine)
    await status_is(harness, ref, ODD, "the stored object shares nothing with the argument")


async def write_returns_the_stored_object(harness: StoreHarness) -> None:
    """The resourceVersion is new, and the next write can be based on the returned object."""
    ref = await create_one(harness)
    obj = await with_status(harness, ref, {"count": 1})
    written = await harness.store.replace_status(obj)
    read = await harness.store.read(ref)
    require(written == read, f"a write returns what the next read returns: {written} and {read}")
    old, new = obj["metadata"]["resourceVersion"], written["metadata"]["resourceVersion"]
    require(old != new, f"a write changes the resourceVersion: {old}")
    await harness.store.replace_status({**written, "status": {"count": 2}})
    await status_is(harness, ref, {"count": 2}, "a write can be based on the result of another one")


async def write_replaces_the_whole_status(harness: StoreHarness) -> None:
    """An omitted field is removed; nothing is merged."""
    ref = await create_one(harness)
    await harness.store.replace_status(await with_status(harness, ref, {"other": True}))
    await status_is(harness, ref, {"other": True}, "a status is replaced, not merged")


async def write_changes_nothing_but_the_status(harness: StoreHarness) -> None:
    """Spec, labels and generation stay, whatever the argument holds."""
    ref = await create_one(harness)
    before = await harness.store.read(ref)
    obj = copy.deepcopy({**before, "status": {"count": 1}, "spec": {"colour": "green"}})
    obj["metadata"]["labels"] = {"stray": "label"}
    written = await harness.store.replace_status(obj)
    require(written["status"] == {"count": 1}, f"the status is written: {written['status']}")
    require(written["spec"] == SPEC, f"a spec is never written: {written['spec']}")
    for key in ("labels", "generation", "uid", "name"):
        was, now = before["metadata"].get(key), written["metadata"].get(key)
        require(was == now, f"metadata.{key} is never written: {was} became {now}")


async def unknown_status_fields_survive(harness: StoreHarness) -> None:
    """A store knows no schema: fields, texts and nested values of any kind are kept."""
    ref = await create_one(harness)
    await harness.write_status(ref, ODD)
    fresh = await harness.store.read(ref)
    require(fresh["status"] == ODD, f"other writers' fields are read unchanged: {fresh['status']}")
    both = {**ODD, "count": 1}
    await harness.store.replace_status({**fresh, "status": both})
    await status_is(harness, ref, both, "other writers' fields survive a write")


async def write_on_an_older_status_conflicts(harness: StoreHarness) -> None:
    """Optimistic concurrency: a write never overwrites a change made since the read."""
    ref = await create_one(harness)
    stale = await with_status(harness, ref, {"count": 1})
    await harness.write_status(ref, {"count": 7})
    await raises(Conflict, harness.store.replace_status(stale), ref, "a write on an older status conflicts")
    await status_is(harness, ref, {"count": 7}, "a conflicting write changes nothing")


async def write_on_an_older_spec_conflicts(harness: StoreHarness) -> None:
    """A status describes a spec, so a status decided on an older spec is not written."""
    ref = await create_one(harness)
    stale = await with_status(harness, ref, {"count": 1})
    await harness.write_spec(ref, {"colour": "blue"})
    await raises(Conflict, harness.store.replace_status(stale), ref, "a write on an older spec conflicts")
    await status_is(harness, ref, STATUS, "a conflicting write changes nothing")


async def one_of_two_writes_on_one_read_succeeds(harness: StoreHarness) -> None:
    """The other one conflicts, also when both run concurrently."""
    ref = await create_one(harness)
    rivals = [await with_status(harness, ref, {"winner": number}) for number in range(2)]
    results = await asyncio.gather(
        *(harness.store.replace_status(rival) for rival in rivals), return_exceptions=True
    )
    lost = [result for result in results if isinstance(result, BaseException)]
    require(len(lost) == 1 and isinstance(lost[0], Conflict), f"one of two writes conflicts: {results}")
    winner = next(index for index, result in enumerate(results) if isinstance(result, dict))
    await status_is(harness, ref, {"winner": winner}, "the successful write is stored")


async def concurrent_writers_lose_no_update(harness: StoreHarness) -> None:
    """A counter that several writers increment concurrently through `apply` counts every step."""
    ref = await create_one(harness)
    writers, steps = 4, 5

    def count(obj: JsonObject) -> JsonObject:
        return {**obj["status"], "count": obj["status"]["count"] + 1}

    async def write() -> None:
        for _ in range(steps):
            base = await harness.store.read(ref)
            await asyncio.sleep(0)  # lets the others read the same version, also in a store that never waits
            await apply(harness.store, ref, count, base=base, max_attempts=writers * steps + 1, retry_delay=0)

    await asyncio.gather(*(write() for _ in range(writers)))
    await status_is(harness, ref, {**STATUS, "count": writers * steps}, "no update is lost")


async def write_changes_no_other_object(harness: StoreHarness) -> None:
    """A write affects only the object of its name."""
    mine, another = await create_one(harness), await harness.create("two", spec=SPEC, status=STATUS)
    other = await harness.store.read(another)
    await harness.store.replace_status(await with_status(harness, mine, {"count": 1}))
    now = await harness.store.read(another)
    require(now == other, f"a write changes no other object: {other} became {now}")


async def deleted_object_raises_gone(harness: StoreHarness) -> None:
    """For readers and for writers; a write does not create the object again."""
    ref = await create_one(harness)
    mine = await with_status(harness, ref, {"count": 1})
    await harness.delete(ref)
    await raises(Gone, harness.store.read(ref), ref, "reading a deleted object raises Gone")
    await raises(Gone, harness.store.replace_status(mine), ref, "writing a deleted object raises Gone")
    await raises(Gone, harness.store.read(ref), ref, "a write does not create the object again")


async def other_incarnation_is_never_written(harness: StoreHarness) -> None:
    """An object that was deleted and created again since the read is another object."""
    first = await create_one(harness)
    mine = await with_status(harness, first, {"count": 1})
    await harness.delete(first)
    second = await create_one(harness)
    fresh = await harness.store.read(second)
    require(fresh["metadata"]["uid"] == second.uid != first.uid, "the new object has its own uid")
    same_version = copy.deepcopy({**fresh, "status": {"count": 1}})
    same_version["metadata"]["uid"] = first.uid
    for obj in (mine, same_version):
        expectation = "a write to an earlier incarnation fails, also with the version of the new one"
        await raises((Conflict, Gone), harness.store.replace_status(obj), first, expectation)
        await status_is(harness, second, STATUS, "another incarnation is never written")
    loop = apply(harness.store, first, lambda _: {"count": 1}, retry_delay=0)
    await raises(Gone, loop, first, "apply raises Gone for an earlier incarnation")


WRITES = (
    argument_of_a_write_stays_unchanged,
    write_returns_the_stored_object,
    write_replaces_the_whole_status,
    write_changes_nothing_but_the_status,
    unknown_status_fields_survive,
    write_on_an_older_status_conflicts,
    write_on_an_older_spec_conflicts,
    one_of_two_writes_on_one_read_succeeds,
    concurrent_writers_lose_no_update,
    write_changes_no_other_object,
    deleted_object_raises_gone,
    other_incarnation_is_never_written,
)
