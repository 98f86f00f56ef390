"""What every `StatusStore` promises a writer, one function a promise, named as a sentence."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING

from atomic_status._apply import apply
from atomic_status.errors import Conflict, Gone
from atomic_status.testing._bench import demand
from atomic_status.testing._steps import ODD, SPEC, STATUS, one, raises, spoil, status_is, with_status

if TYPE_CHECKING:
    from atomic_status._ports import JsonObject
    from atomic_status.testing._bench import Bench


async def an_object_handed_in_stays_the_caller_s_own(bench: Bench) -> None:
    """A write takes what it was given as it was then, and leaves it as it is."""
    ref = await one(bench)
    mine = await with_status(bench, ref, ODD)
    before = copy.deepcopy(mine)
    await bench.store.replace_status(mine)
    demand(mine == before, f"a write does not change its argument: {mine}")
    spoil(mine)
    await status_is(bench, ref, ODD, "what is stored is no part of the argument")


async def a_write_answers_with_the_object_as_stored(bench: Bench) -> None:
    """Its version is a new one, and the next write can be based on it."""
    ref = await one(bench)
    given = await with_status(bench, ref, {"count": 1})
    written = await bench.store.replace_status(given)
    found = await bench.store.read(ref)
    demand(written == found, f"a write returns what the next read returns: {written} and {found}")
    old, new = given["metadata"]["resourceVersion"], written["metadata"]["resourceVersion"]
    demand(old != new, f"a write makes a new resourceVersion: {old}")
    await bench.store.replace_status({**written, "status": {"count": 2}})
    await status_is(bench, ref, {"count": 2}, "a write can follow on the answer to another one")


async def a_write_replaces_the_whole_status(bench: Bench) -> None:
    """A field that is left out is gone; nothing is merged."""
    ref = await one(bench)
    await bench.store.replace_status(await with_status(bench, ref, {"other": True}))
    await status_is(bench, ref, {"other": True}, "a status is replaced, not merged")


async def a_write_touches_nothing_but_the_status(bench: Bench) -> None:
    """Spec, labels and generation stay, whatever the object that is handed in says of them."""
    ref = await one(bench)
    before = await bench.store.read(ref)
    given = copy.deepcopy({**before, "status": {"count": 1}, "spec": {"colour": "green"}})
    given["metadata"]["labels"] = {"stray": "label"}
    written = await bench.store.replace_status(given)
    demand(written["status"] == {"count": 1}, f"the status is written: {written['status']}")
    demand(written["spec"] == SPEC, f"a spec is never written: {written['spec']}")
    for key in ("labels", "generation", "uid", "name"):
        was, now = before["metadata"].get(key), written["metadata"].get(key)
        demand(was == now, f"metadata.{key} is never written: {was} became {now}")


async def every_status_field_survives(bench: Bench) -> None:
    """A store knows no schema: fields, texts and depths that it has never heard of come back."""
    ref = await one(bench)
    await bench.write_status(ref, ODD)
    fresh = await bench.store.read(ref)
    demand(fresh["status"] == ODD, f"other writers' fields are read as they are: {fresh['status']}")
    both = {**ODD, "count": 1}
    await bench.store.replace_status({**fresh, "status": both})
    await status_is(bench, ref, both, "other writers' fields survive a write")


async def a_write_on_an_older_status_conflicts(bench: Bench) -> None:
    """Optimistic concurrency: nothing that was written since the read is overwritten."""
    ref = await one(bench)
    stale = await with_status(bench, ref, {"count": 1})
    await bench.write_status(ref, {"count": 7})
    await raises(Conflict, bench.store.replace_status(stale), ref, "a write on an older status conflicts")
    await status_is(bench, ref, {"count": 7}, "a write that conflicts changes nothing")


async def a_write_on_an_older_spec_conflicts(bench: Bench) -> None:
    """A status says something of a spec, so one that was decided on an older spec is not written."""
    ref = await one(bench)
    stale = await with_status(bench, ref, {"count": 1})
    await bench.write_spec(ref, {"colour": "blue"})
    await raises(Conflict, bench.store.replace_status(stale), ref, "a write on an older spec conflicts")
    await status_is(bench, ref, STATUS, "a write that conflicts changes nothing")


async def of_two_writes_on_one_read_one_goes_through(bench: Bench) -> None:
    """Also when both are under way at once."""
    ref = await one(bench)
    rivals = [await with_status(bench, ref, {"winner": number}) for number in range(2)]
    ends = await asyncio.gather(
        *(bench.store.replace_status(rival) for rival in rivals), return_exceptions=True
    )
    lost = [end for end in ends if isinstance(end, BaseException)]
    demand(len(lost) == 1 and isinstance(lost[0], Conflict), f"one of two writes conflicts: {ends}")
    winner = next(index for index, end in enumerate(ends) if isinstance(end, dict))
    await status_is(bench, ref, {"winner": winner}, "what is stored is the write that went through")


async def no_update_of_many_writers_is_lost(bench: Bench) -> None:
    """Counting up from several sides at once, by the kit's own loop, counts every step."""
    ref = await one(bench)
    writers, steps = 4, 5

    def count(obj: JsonObject) -> JsonObject:
        return {**obj["status"], "count": obj["status"]["count"] + 1}

    async def write() -> None:
        for _ in range(steps):
            base = await bench.store.read(ref)
            await asyncio.sleep(0)  # so that others read the same, also in a store that never waits
            await apply(bench.store, ref, count, base=base, tries=writers * steps + 1, pause=0)

    await asyncio.gather(*(write() for _ in range(writers)))
    await status_is(bench, ref, {**STATUS, "count": writers * steps}, "no update is lost")


async def a_write_touches_no_other_object(bench: Bench) -> None:
    """Objects are told apart by their names."""
    mine, another = await one(bench), await bench.create("two", spec=SPEC, status=STATUS)
    other = await bench.store.read(another)
    await bench.store.replace_status(await with_status(bench, mine, {"count": 1}))
    now = await bench.store.read(another)
    demand(now == other, f"a write touches no other object: {other} became {now}")


async def what_was_deleted_is_gone(bench: Bench) -> None:
    """For readers and for writers, and a write does not bring it back."""
    ref = await one(bench)
    mine = await with_status(bench, ref, {"count": 1})
    await bench.delete(ref)
    await raises(Gone, bench.store.read(ref), ref, "a deleted object is gone for a reader")
    await raises(Gone, bench.store.replace_status(mine), ref, "a deleted object is gone for a writer")
    await raises(Gone, bench.store.read(ref), ref, "a write does not bring it back")


async def another_incarnation_is_never_written(bench: Bench) -> None:
    """Who has read an object that was deleted and made anew since then has read another object."""
    first = await one(bench)
    mine = await with_status(bench, first, {"count": 1})
    await bench.delete(first)
    second = await one(bench)
    fresh = await bench.store.read(second)
    demand(fresh["metadata"]["uid"] == second.uid != first.uid, "the new object has a uid of its own")
    same_version = copy.deepcopy({**fresh, "status": {"count": 1}})
    same_version["metadata"]["uid"] = first.uid
    for given in (mine, same_version):
        what = "a write meant for an earlier incarnation is refused, also with the version of the new one"
        await raises((Conflict, Gone), bench.store.replace_status(given), first, what)
        await status_is(bench, second, STATUS, "another incarnation is never written")
    loop = apply(bench.store, first, lambda _: {"count": 1}, pause=0)
    await raises(Gone, loop, first, "the kit's loop ends in Gone for an earlier incarnation")


WRITES = (
    an_object_handed_in_stays_the_caller_s_own,
    a_write_answers_with_the_object_as_stored,
    a_write_replaces_the_whole_status,
    a_write_touches_nothing_but_the_status,
    every_status_field_survives,
    a_write_on_an_older_status_conflicts,
    a_write_on_an_older_spec_conflicts,
    of_two_writes_on_one_read_one_goes_through,
    no_update_of_many_writers_is_lost,
    a_write_touches_no_other_object,
    what_was_deleted_is_gone,
    another_incarnation_is_never_written,
)
