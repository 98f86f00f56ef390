"""The in-memory store behaves as an API server does."""

import pytest

from atomic_status import Conflict, Gone, JsonObject, ObjectRef, Unavailable
from atomic_status.testing import MemoryStore

REF = ObjectRef(namespace="shop", name="order-1")
OBJECT: JsonObject = {
    "metadata": {"namespace": "shop", "name": "order-1"},
    "spec": {"a": 1},
    "status": {"n": 0},
}


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.create(OBJECT)
    return store


async def test_new_object_has_its_own_identity(store: MemoryStore) -> None:
    first = await store.read(REF)
    store.delete(REF)
    store.create(OBJECT)
    second = await store.read(REF)
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert first["metadata"]["generation"] == 1


async def test_specified_identity_is_kept() -> None:
    store = MemoryStore()
    meta = {**OBJECT["metadata"], "uid": "mine", "generation": 7}
    created = store.create({**OBJECT, "metadata": meta})
    assert (created["metadata"]["uid"], created["metadata"]["generation"]) == ("mine", 7)


async def test_write_changes_version_and_status_only(store: MemoryStore) -> None:
    read = await store.read(REF)
    written = await store.replace_status({**read, "spec": {"a": 2}, "status": {"n": 1}})
    assert written["metadata"]["resourceVersion"] != read["metadata"]["resourceVersion"]
    assert (written["spec"], written["status"]) == ({"a": 1}, {"n": 1})
    assert written == store.peek(REF)


async def test_second_write_on_the_same_version_conflicts(store: MemoryStore) -> None:
    read = await store.read(REF)
    await store.replace_status({**read, "status": {"n": 1}})
    with pytest.raises(Conflict):
        await store.replace_status({**read, "status": {"n": 2}})
    assert store.peek(REF)["status"] == {"n": 1}


async def test_write_to_another_incarnation_conflicts(store: MemoryStore) -> None:
    read = await store.read(REF)
    meta = {**read["metadata"], "uid": "another"}
    with pytest.raises(Conflict):
        await store.replace_status({**read, "metadata": meta})


async def test_deleted_object_raises_gone(store: MemoryStore) -> None:
    read = await store.read(REF)
    store.delete(REF)
    store.delete(REF)
    with pytest.raises(Gone):
        await store.read(REF)
    with pytest.raises(Gone):
        await store.replace_status(read)


async def test_returned_and_accepted_objects_are_copies(store: MemoryStore) -> None:
    read = await store.read(REF)
    read["status"]["n"] = 99
    written = await store.replace_status(read)
    read["status"]["n"] = 100
    written["status"]["n"] = 101
    store.peek(REF)["status"]["n"] = 102
    assert store.peek(REF)["status"] == {"n": 99}


async def test_other_writer_sets_fields_and_changes_the_version(store: MemoryStore) -> None:
    before = store.peek(REF)
    store.write_as_other(REF, extra=True)
    after = store.peek(REF)
    assert after["status"] == {"n": 0, "extra": True}
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]


async def test_injected_failure_hits_one_call_of_its_verb(store: MemoryStore) -> None:
    read = await store.read(REF)
    store.fail_next("GET", Unavailable(REF, reason="down"))
    store.fail_next("PUT", Unavailable(REF, reason="down"))
    with pytest.raises(Unavailable):
        await store.read(REF)
    with pytest.raises(Unavailable):
        await store.replace_status({**read, "status": {"n": 1}})
    assert store.peek(REF)["status"] == {"n": 0}
    await store.read(REF)
    await store.replace_status({**read, "status": {"n": 2}})


async def test_lost_response_leaves_the_write_in_place(store: MemoryStore) -> None:
    read = await store.read(REF)
    store.fail_next("PUT", Unavailable(REF, reason="cut"), applied=True)
    with pytest.raises(Unavailable):
        await store.replace_status({**read, "status": {"n": 1}})
    assert store.peek(REF)["status"] == {"n": 1}


async def test_stale_store_returns_old_objects_until_synced() -> None:
    store = MemoryStore(stale=True)
    store.create(OBJECT)
    store.write_as_other(REF, n=1)
    assert (await store.read(REF))["status"] == {"n": 0}
    store.sync()
    assert (await store.read(REF))["status"] == {"n": 1}


async def test_calls_are_listed_without_peeks(store: MemoryStore) -> None:
    read = await store.read(REF)
    store.peek(REF)
    await store.replace_status(read)
    assert store.calls == [("GET", "shop/order-1"), ("PUT", "shop/order-1")]
