"""What every `StatusStore` promises a reader, one function a promise, named as a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atomic_status._ports import ObjectRef
from atomic_status.errors import Gone
from atomic_status.testing._bench import demand
from atomic_status.testing._steps import ODD, SPEC, STATUS, one, raises, spoil, status_is, with_status

if TYPE_CHECKING:
    from atomic_status.testing._bench import Bench


async def a_read_shows_the_whole_object(bench: Bench) -> None:
    """Identity, spec and status are there as they are stored."""
    ref = await one(bench)
    obj = await bench.store.read(ref)
    meta = obj["metadata"]
    named = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
    demand(named == ref, f"a read names the object {ref}, uid {ref.uid}: {meta}")
    demand(isinstance(meta.get("resourceVersion"), str), f"resourceVersion is a text: {meta}")
    demand(obj["spec"] == SPEC and obj["status"] == STATUS, f"spec and status are as stored: {obj}")


async def a_read_sees_what_others_wrote_just_before(bench: Bench) -> None:
    """Reads go past every cache (SP-CACHE-001)."""
    ref = await one(bench)
    for count in range(1, 4):
        await bench.store.read(ref)
        await bench.write_status(ref, {"count": count})
        await status_is(bench, ref, {"count": count}, "another writer's status is read at once")
    await bench.write_spec(ref, {"colour": "blue"})
    found = await bench.store.read(ref)
    demand(found["spec"] == {"colour": "blue"}, f"a user's spec is read at once: {found['spec']}")


async def a_read_sees_what_this_store_wrote_just_before(bench: Bench) -> None:
    """A pass that follows another one at once does not decide on the world before it."""
    ref = await one(bench)
    for count in range(1, 4):
        await bench.store.replace_status(await with_status(bench, ref, {"count": count}))
        await status_is(bench, ref, {"count": count}, "one's own status is read at once")


async def a_read_changes_nothing(bench: Bench) -> None:
    """Two reads with nothing between them are equal, the resourceVersion included."""
    ref = await one(bench)
    first, second = await bench.store.read(ref), await bench.store.read(ref)
    demand(first == second, f"two reads are equal: {first} and {second}")


async def an_object_handed_out_is_the_caller_s_own(bench: Bench) -> None:
    """What a caller does to it reaches neither the next reader nor what is stored."""
    ref = await one(bench)
    spoil(await bench.store.read(ref))
    await status_is(bench, ref, STATUS, "a reader's changes stay with that reader")
    written = await bench.store.replace_status(await with_status(bench, ref, ODD))
    spoil(written)
    await status_is(bench, ref, ODD, "changes of a write's answer stay with the caller")


async def what_never_was_is_gone(bench: Bench) -> None:
    """A name without an object is no error of its own kind."""
    ref = await one(bench)
    nobody = replace(ref, name="nobody", uid=None)
    await raises(Gone, bench.store.read(nobody), nobody, "a name without an object is gone")


READS = (
    a_read_shows_the_whole_object,
    a_read_sees_what_others_wrote_just_before,
    a_read_sees_what_this_store_wrote_just_before,
    a_read_changes_nothing,
    an_object_handed_out_is_the_caller_s_own,
    what_never_was_is_gone,
)
