"""Conformance of `StatusStore.read`: one function per check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atomic_status._ports import ObjectRef
from atomic_status.errors import Gone
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
    from atomic_status.testing._harness import StoreHarness


async def read_returns_the_whole_object(harness: StoreHarness) -> None:
    """Identity, spec and status are returned as stored."""
    ref = await create_one(harness)
    obj = await harness.store.read(ref)
    meta = obj["metadata"]
    actual = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
    require(actual == ref, f"a read returns the object {ref}, uid {ref.uid}: {meta}")
    require(isinstance(meta.get("resourceVersion"), str), f"resourceVersion is a string: {meta}")
    require(obj["spec"] == SPEC and obj["status"] == STATUS, f"spec and status are returned as stored: {obj}")


async def read_sees_the_latest_write_of_others(harness: StoreHarness) -> None:
    """Reads bypass every cache (SP-CACHE-001)."""
    ref = await create_one(harness)
    for count in range(1, 4):
        await harness.store.read(ref)
        await harness.write_status(ref, {"count": count})
        await status_is(harness, ref, {"count": count}, "the next read sees another writer's status")
    await harness.write_spec(ref, {"colour": "blue"})
    spec = (await harness.store.read(ref))["spec"]
    require(spec == {"colour": "blue"}, f"the next read sees a user's spec: {spec}")


async def read_sees_the_latest_write_of_this_store(harness: StoreHarness) -> None:
    """A reconciliation right after another one sees its write."""
    ref = await create_one(harness)
    for count in range(1, 4):
        await harness.store.replace_status(await with_status(harness, ref, {"count": count}))
        await status_is(harness, ref, {"count": count}, "the next read sees the store's own status")


async def read_changes_nothing(harness: StoreHarness) -> None:
    """Two consecutive reads are equal, the resourceVersion included."""
    ref = await create_one(harness)
    first, second = await harness.store.read(ref), await harness.store.read(ref)
    require(first == second, f"two consecutive reads are equal: {first} and {second}")


async def returned_object_belongs_to_the_caller(harness: StoreHarness) -> None:
    """Changes by the caller reach neither the next reader nor the stored object."""
    ref = await create_one(harness)
    spoil(await harness.store.read(ref))
    await status_is(harness, ref, STATUS, "changes by a reader stay with that reader")
    written = await harness.store.replace_status(await with_status(harness, ref, ODD))
    spoil(written)
    await status_is(harness, ref, ODD, "changes to a returned object stay with the caller")


async def unknown_name_raises_gone(harness: StoreHarness) -> None:
    """Reading a name without an object raises Gone, no other error."""
    ref = await create_one(harness)
    unknown = replace(ref, name="unknown", uid=None)
    await raises(Gone, harness.store.read(unknown), unknown, "a name without an object raises Gone")


READS = (
    read_returns_the_whole_object,
    read_sees_the_latest_write_of_others,
    read_sees_the_latest_write_of_this_store,
    read_changes_nothing,
    returned_object_belongs_to_the_caller,
    unknown_name_raises_gone,
)
