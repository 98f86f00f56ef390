"""The kit's stores keep every promise of a StatusStore, and a store that breaks one is found out by it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from atomic_status import KubeStatusStore
from atomic_status.testing import PROMISES, TROUBLE_PROMISES, BrokenPromise, MemoryBench, MemoryStore
from tests.unit.operator.atomic_status.object_api import RESOURCE, ObjectApi, serving
from tests.unit.operator.atomic_status.wrong_stores import ALSO_WRONG, WRONG, Around

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from atomic_status.testing import TroubledBench, TroublePromise

EVERY = (*PROMISES, *TROUBLE_PROMISES)


def name(promise: Callable[..., Any]) -> str:
    return promise.__name__


@contextlib.asynccontextmanager
async def over_http() -> AsyncIterator[TroubledBench]:
    api = ObjectApi()
    async with serving(api), ApiClient(Configuration(host=api.url)) as client:
        api.store = KubeStatusStore(client, RESOURCE, timeout=5)
        yield api


@contextlib.asynccontextmanager
async def in_memory() -> AsyncIterator[TroubledBench]:
    yield MemoryBench()


@pytest.mark.parametrize("promise", EVERY, ids=name)
@pytest.mark.parametrize("bench", [in_memory, over_http], ids=["memory", "http"])
async def test_each_of_the_kit_s_stores_keeps(
    bench: Callable[[], contextlib.AbstractAsyncContextManager[TroubledBench]],
    promise: TroublePromise,
) -> None:
    async with bench() as made:
        await promise(made)


@pytest.mark.parametrize(
    ("wrong", "promise"),
    [*WRONG.items(), *ALSO_WRONG.items()],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_a_wrong_store_is_found_out(wrong: type[Around], promise: str) -> None:
    memory = MemoryStore()
    (tried,) = (each for each in EVERY if name(each) == promise)
    with pytest.raises(BrokenPromise):
        await tried(MemoryBench(memory, wrong(memory)))


def test_there_is_a_wrong_store_for_each_promise() -> None:
    assert {*WRONG.values(), *ALSO_WRONG.values()} == {name(promise) for promise in EVERY}


@pytest.mark.parametrize("promise", EVERY, ids=name)
async def test_a_store_around_another_one_is_not_found_out_for_that(
    promise: TroublePromise,
) -> None:
    memory = MemoryStore()
    await promise(MemoryBench(memory, Around(memory)))
