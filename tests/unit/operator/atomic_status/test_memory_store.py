"""The in-memory store behaves as an API server does, or the tests built on it prove nothing."""

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


async def test_a_new_object_has_an_identity_of_its_own(store: MemoryStore) -> None:
    first = await store.read(REF)
    store.delete(REF)
    store.create(OBJECT)
    second = await store.read(REF)
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert first["metadata"]["generation"] == 1


async def test_given_identities_are_kept() -> None:
    store = MemoryStore()
    meta = {**OBJECT["metadata"], "uid": "mine", "generation": 7}
    created = store.create({**OBJECT, "metadata": meta})
    assert (created["metadata"]["uid"], created["metadata"]["generation"]) == ("mine", 7)


async def test_each_write_gives_a_new_version_and_touches_nothing_but_the_status(store: MemoryStore) -> None:
    read = await store.read(REF)
    written = await store.replace_status({**read, "spec": {"a": 2}, "status": {"n": 1}})
    assert written["metadata"]["resourceVersion"] != read["metadata"]["resourceVersion"]
    assert (written["spec"], written["status"]) == ({"a": 1}, {"n": 1})
    assert written == store.peek(REF)


async def test_a_second_writer_with_the_same_version_conflicts(store: MemoryStore) -> None:
    read = await store.read(REF)
    await store.replace_status({**read, "status": {"n": 1}})
    with pytest.raises(Conflict):
        await store.replace_status({**read, "status": {"n": 2}})
    assert store.peek(REF)["status"] == {"n": 1}


async def test_a_write_to_another_incarnation_conflicts(store: MemoryStore) -> None:
    read = await store.read(REF)
    meta = {**read["metadata"], "uid": "another"}
    with pytest.raises(Conflict):
        await store.replace_status({**read, "metadata": meta})


async def test_a_deleted_object_is_gone_for_readers_and_writers(store: MemoryStore) -> None:
    read = await store.read(REF)
    store.delete(REF)
    store.delete(REF)
    with pytest.raises(Gone):
        await store.read(REF)
    with pytest.raises(Gone):
        await store.replace_status(read)


async def test_nothing_handed_out_or_taken_in_is_shared(store: MemoryStore) -> None:
    read = await store.read(REF)
    read["status"]["n"] = 99
    written = await store.replace_status(read)
    read["status"]["n"] = 100
    written["status"]["n"] = 101
    store.peek(REF)["status"]["n"] = 102
    assert store.peek(REF)["status"] == {"n": 99}


async def test_another_writer_sets_fields_and_moves_the_version(store: MemoryStore) -> None:
    before = store.peek(REF)
    store.write_as_other(REF, extra=True)
    after = store.peek(REF)
    assert after["status"] == {"n": 0, "extra": True}
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]


async def test_a_scripted_fault_hits_one_call_of_its_verb(store: MemoryStore) -> None:
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


async def test_a_lost_answer_leaves_the_write_in_place(store: MemoryStore) -> None:
    read = await store.read(REF)
    store.fail_next("PUT", Unavailable(REF, reason="cut"), applied=True)
    with pytest.raises(Unavailable):
        await store.replace_status({**read, "status": {"n": 1}})
    assert store.peek(REF)["status"] == {"n": 1}


async def test_a_stale_store_answers_from_the_past_until_it_is_synced() -> None:
    store = MemoryStore(stale=True)
    store.create(OBJECT)
    store.write_as_other(REF, n=1)
    assert (await store.read(REF))["status"] == {"n": 0}
    store.sync()
    assert (await store.read(REF))["status"] == {"n": 1}


async def test_every_call_is_on_record_and_a_peek_is_none(store: MemoryStore) -> None:
    read = await store.read(REF)
    store.peek(REF)
    await store.replace_status(read)
    assert store.calls == [("GET", "shop/order-1"), ("PUT", "shop/order-1")]
