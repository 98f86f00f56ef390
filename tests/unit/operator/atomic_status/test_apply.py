"""`apply`: fresh read, change in memory, one write, repeated only on a conflict."""

import asyncio
from typing import Any

import pytest

from atomic_status import (
    Applied,
    Conflict,
    ConflictExhausted,
    Gone,
    JsonObject,
    ObjectRef,
    Rejected,
    Unavailable,
    Unchanged,
    apply,
)
from atomic_status.testing import MemoryStore

REF = ObjectRef(namespace="shop", name="order-1")


def stored(**kind: bool) -> MemoryStore:
    store = MemoryStore(**kind)
    store.create(
        {
            "metadata": {"namespace": "shop", "name": "order-1"},
            "spec": {"colour": "red"},
            "status": {"count": 1, "foreign": {"kept": [1, 2]}},
        }
    )
    return store


def add_one(obj: JsonObject) -> JsonObject:
    return {**obj["status"], "count": obj["status"]["count"] + 1}


def verbs(store: MemoryStore) -> list[str]:
    return [verb for verb, _ in store.calls]


async def test_change_costs_one_read_and_one_write() -> None:
    store = stored()
    result = await apply(store, REF, add_one)
    assert isinstance(result, Applied)
    assert verbs(store) == ["GET", "PUT"]
    assert result.attempts == 1
    assert result.before["status"]["count"] == 1
    assert result.after == store.peek(REF)
    assert store.peek(REF)["status"]["count"] == 2


async def test_every_call_reads_again() -> None:
    store = stored()
    for _ in range(3):
        await apply(store, REF, add_one)
    assert verbs(store) == ["GET", "PUT"] * 3
    assert store.peek(REF)["status"]["count"] == 4


async def test_unchanged_status_is_not_written() -> None:
    store = stored()
    result = await apply(store, REF, lambda obj: dict(obj["status"]))
    assert isinstance(result, Unchanged)
    assert result.current == store.peek(REF)
    assert verbs(store) == ["GET"]


async def test_object_without_a_status_gets_its_first_one() -> None:
    store = MemoryStore()
    store.create({"metadata": {"namespace": "shop", "name": "order-1"}, "spec": {}})
    result = await apply(store, REF, lambda obj: {"ready": "status" not in obj})
    assert isinstance(result, Applied)
    assert store.peek(REF)["status"] == {"ready": True}


async def test_base_replaces_the_first_read() -> None:
    store = stored()
    base = await store.read(REF)
    result = await apply(store, REF, add_one, base=base)
    assert isinstance(result, Applied)
    assert verbs(store) == ["GET", "PUT"]


async def test_base_is_not_used_after_a_conflict() -> None:
    store = stored()
    base = await store.read(REF)
    store.write_as_other(REF, count=10)
    seen: list[int] = []

    def change(obj: JsonObject) -> JsonObject:
        seen.append(obj["status"]["count"])
        return add_one(obj)

    result = await apply(store, REF, change, base=base, retry_delay=0)
    assert isinstance(result, Applied)
    assert result.attempts == 2
    assert seen == [1, 10]
    assert verbs(store) == ["GET", "PUT", "GET", "PUT"]


async def test_conflict_repeats_the_change_on_a_new_read() -> None:
    store = stored()
    store.interfere_next(lambda: store.write_as_other(REF, other="here", count=5))
    result = await apply(store, REF, add_one, retry_delay=0)
    assert isinstance(result, Applied)
    assert (result.attempts, result.before["status"]["count"]) == (2, 5)
    assert store.peek(REF)["status"] == {"count": 6, "other": "here", "foreign": {"kept": [1, 2]}}


async def test_conflict_is_repeated_after_a_delay_that_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    store, numbers = stored(), iter((0.0, 0.5))
    for _ in range(2):
        store.interfere_next(lambda: store.write_as_other(REF, tick=object()))
    await apply(store, REF, add_one, retry_delay=2, spread=lambda: next(numbers))
    assert slept == [2.0, pytest.approx(2.1)]


async def test_change_made_by_another_writer_is_not_written_again() -> None:
    store = stored()
    store.interfere_next(lambda: store.write_as_other(REF, count=7))
    result = await apply(store, REF, lambda obj: {**obj["status"], "count": 7}, retry_delay=0)
    assert isinstance(result, Unchanged)
    assert verbs(store) == ["GET", "PUT", "GET"]


@pytest.mark.parametrize("attempts", [1, 3, 5])
async def test_apply_gives_up_after_max_attempts(attempts: int) -> None:
    store = stored()
    for _ in range(attempts + 1):
        store.interfere_next(lambda: store.write_as_other(REF, tick=object()))
    ran = 0

    def change(obj: JsonObject) -> JsonObject:
        nonlocal ran
        ran += 1
        return add_one(obj)

    with pytest.raises(
        ConflictExhausted, match=f"shop/order-1: gave up after {attempts} conflicting writes"
    ) as caught:
        await apply(store, REF, change, max_attempts=attempts, retry_delay=0)
    assert (ran, caught.value.attempts, caught.value.ref) == (attempts, attempts, REF)
    assert verbs(store) == ["GET", "PUT"] * attempts
    assert store.peek(REF)["status"]["count"] == 1


async def test_unknown_object_raises_gone() -> None:
    with pytest.raises(Gone, match="shop/order-1"):
        await apply(MemoryStore(), REF, add_one)


async def test_object_deleted_between_read_and_write_raises_gone() -> None:
    store = stored()
    store.interfere_next(lambda: store.delete(REF))
    with pytest.raises(Gone):
        await apply(store, REF, add_one)


async def recreated(store: MemoryStore) -> None:
    store.delete(REF)
    store.create({"metadata": {"namespace": "shop", "name": "order-1"}, "status": {"count": 100}})


async def test_other_incarnation_than_the_named_one_is_never_written() -> None:
    store = stored()
    first = ObjectRef(namespace="shop", name="order-1", uid=store.peek(REF)["metadata"]["uid"])
    await recreated(store)
    with pytest.raises(Gone):
        await apply(store, first, add_one)
    assert verbs(store) == ["GET"]
    assert store.peek(REF)["status"]["count"] == 100


async def test_other_incarnation_than_the_base_is_never_written() -> None:
    store = stored()
    base = await store.read(REF)
    await recreated(store)
    with pytest.raises(Gone):
        await apply(store, REF, add_one, base=base, retry_delay=0)
    assert store.peek(REF)["status"]["count"] == 100


async def test_base_of_another_incarnation_is_refused() -> None:
    store = stored()
    base = await store.read(REF)
    with pytest.raises(Gone):
        await apply(store, ObjectRef(namespace="shop", name="order-1", uid="another"), add_one, base=base)
    assert "PUT" not in verbs(store)


@pytest.mark.parametrize(
    "fault",
    [Unavailable(REF, reason="500 broken"), Rejected(REF, code=422, reason="status.phase"), Gone(REF)],
    ids=["unavailable", "rejected", "gone"],
)
@pytest.mark.parametrize("verb", ["GET", "PUT"])
async def test_other_error_is_raised_at_once(fault: Any, verb: Any) -> None:
    store = stored()
    store.fail_next(verb, fault)
    with pytest.raises(type(fault)) as caught:
        await apply(store, REF, add_one, retry_delay=0)
    assert caught.value is fault
    assert verbs(store) == (["GET"] if verb == "GET" else ["GET", "PUT"])


async def test_conflict_raised_by_a_read_is_not_retried() -> None:
    store = stored()
    store.fail_next("GET", Conflict(REF))
    with pytest.raises(Conflict):
        await apply(store, REF, add_one)


async def test_failing_change_writes_nothing() -> None:
    store = stored()
    with pytest.raises(ZeroDivisionError):
        await apply(store, REF, lambda _: {"count": 1 // 0})
    assert verbs(store) == ["GET"]


async def test_change_in_place_is_written() -> None:
    store = stored()

    def in_place(obj: JsonObject) -> JsonObject:
        status: JsonObject = obj["status"]
        status["count"] += 1
        status["foreign"]["kept"].append(3)
        return status

    result = await apply(store, REF, in_place)
    assert isinstance(result, Applied)
    assert result.before["status"] == {"count": 1, "foreign": {"kept": [1, 2]}}
    assert store.peek(REF)["status"] == {"count": 2, "foreign": {"kept": [1, 2, 3]}}


async def test_change_cannot_modify_the_base_or_the_written_object() -> None:
    store = stored()
    base = await store.read(REF)
    before = store.peek(REF)

    def destructive(obj: JsonObject) -> JsonObject:
        status = add_one(obj)
        obj["metadata"].clear()
        obj["spec"]["colour"] = "blue"
        return status

    result = await apply(store, REF, destructive, base=base)
    assert isinstance(result, Applied)
    assert base == before
    assert store.peek(REF)["spec"] == {"colour": "red"}


async def test_stale_reads_conflict_until_apply_gives_up() -> None:
    """Why reads go past every cache (SP-CACHE-001): a cached one cannot recover from a conflict."""
    store = stored(stale=True)
    store.write_as_other(REF, count=2)
    with pytest.raises(ConflictExhausted):
        await apply(store, REF, add_one, retry_delay=0)
    store.sync()
    assert isinstance(await apply(store, REF, add_one), Applied)
    assert store.peek(REF)["status"]["count"] == 3
