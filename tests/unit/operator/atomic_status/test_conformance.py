"""The kit's stores conform, and the conformance suite detects a wrong store for each of its checks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from atomic_status import KubeStatusStore
from atomic_status.testing import (
    CONFORMANCE,
    FAULT_CONFORMANCE,
    ContractViolation,
    MemoryHarness,
    MemoryStore,
)
from tests.unit.operator.atomic_status.object_api import RESOURCE, ObjectApi, serving
from tests.unit.operator.atomic_status.wrong_stores import ALSO_WRONG, WRONG, Around

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from atomic_status.testing import FaultCheck, FaultHarness

CHECKS = (*CONFORMANCE, *FAULT_CONFORMANCE)


def name(check: Callable[..., Any]) -> str:
    return check.__name__


@contextlib.asynccontextmanager
async def over_http() -> AsyncIterator[FaultHarness]:
    api = ObjectApi()
    async with serving(api), ApiClient(Configuration(host=api.url)) as client:
        api.store = KubeStatusStore(client, RESOURCE, timeout=5)
        yield api


@contextlib.asynccontextmanager
async def in_memory() -> AsyncIterator[FaultHarness]:
    yield MemoryHarness()


@pytest.mark.parametrize("check", CHECKS, ids=name)
@pytest.mark.parametrize("harness", [in_memory, over_http], ids=["memory", "http"])
async def test_store_of_the_kit_conforms(
    harness: Callable[[], contextlib.AbstractAsyncContextManager[FaultHarness]],
    check: FaultCheck,
) -> None:
    async with harness() as created:
        await check(created)


@pytest.mark.parametrize(
    ("wrong", "check"),
    [*WRONG.items(), *ALSO_WRONG.items()],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_wrong_store_violates_its_check(wrong: type[Around], check: str) -> None:
    memory = MemoryStore()
    (violated,) = (each for each in CHECKS if name(each) == check)
    with pytest.raises(ContractViolation):
        await violated(MemoryHarness(memory, wrong(memory)))


def test_every_check_has_a_wrong_store() -> None:
    assert {*WRONG.values(), *ALSO_WRONG.values()} == {name(check) for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=name)
async def test_wrapping_store_conforms(
    check: FaultCheck,
) -> None:
    memory = MemoryStore()
    await check(MemoryHarness(memory, Around(memory)))
