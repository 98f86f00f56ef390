"""Pages of bounded size: a page of large objects is requested again with fewer of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from notification_runtime.kube import objects
from notification_runtime.kube.objects import RESOURCE, KubeObjects, collection, pages
from notification_runtime.kube.requests import KubeError
from tests.unit.operator.kube_api import expired
from tests.unit.operator.notifications_api import NotificationsApi, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = collection(RESOURCE)
BOUND = 20_000


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NotificationsApi]:
    monkeypatch.setattr(objects, "PAGE_BYTES", BOUND)
    async with running(NotificationsApi()) as server:
        yield server


async def sizes(api: NotificationsApi) -> list[int]:
    """List everything; return the number of objects of each page."""
    async with ApiClient(Configuration(host=api.url)) as client:
        return [len(page) async for page in pages(client, PATH)]


def limits(api: NotificationsApi) -> list[int]:
    return [int(query["limit"]) for query in api.lists]


async def test_small_objects_are_listed_by_the_hundred(api: NotificationsApi) -> None:
    for number in range(30):
        api.put(f"small-{number:02}")
    assert (await sizes(api), limits(api)) == ([30], [100])


async def test_page_of_large_objects_is_requested_again_with_fewer(api: NotificationsApi) -> None:
    for number in range(30):
        api.put(f"large-{number:02}", annotations={"text": "x" * 6_000})
    counts = await sizes(api)
    assert sum(counts) == 30
    assert max(counts) <= BOUND // 6_000
    assert limits(api)[:4] == [100, 25, 6, 1]


async def test_object_beyond_the_bound_is_listed_alone(api: NotificationsApi) -> None:
    for number in range(3):
        api.put(f"huge-{number}", annotations={"text": "x" * 2 * BOUND})
    assert await sizes(api) == [1, 1, 1]


async def test_pages_grow_again_after_the_large_objects(api: NotificationsApi) -> None:
    api.put("a", annotations={"text": "x" * 2 * BOUND})
    for number in range(60):
        api.put(f"small-{number:02}")
    counts = await sizes(api)
    assert sum(counts) == 61
    assert counts[0] == 1
    assert max(counts) > 25


async def inconsistent_sizes(api: NotificationsApi) -> list[int]:
    async with ApiClient(Configuration(host=api.url)) as client:
        return [len(page) async for page in KubeObjects(client, RESOURCE).inconsistent_pages(None)]


async def test_expired_listing_goes_on_where_it_may_be_inconsistent(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE", 2)
    for number in range(5):
        api.put(f"small-{number}")
    api.expired_pages = 1
    with pytest.raises(KubeError) as caught:
        await sizes(api)
    assert caught.value.expired
    api.expired_pages = 2
    assert await inconsistent_sizes(api) == [2, 2, 1]


async def test_listing_ends_if_the_new_token_has_expired_as_well(api: NotificationsApi) -> None:
    api.refuse["GET"] = expired("2")
    with pytest.raises(KubeError):
        await inconsistent_sizes(api)
    assert [query.get("continue") for query in api.lists] == [None, "02"]


async def of_incident(api: NotificationsApi, version: str) -> list[int]:
    async with ApiClient(Configuration(host=api.url)) as client:
        objects_of = KubeObjects(client, RESOURCE).of_incident("shop", "disk", version)
        return [len(page) async for page in objects_of]


def from_memory(api: NotificationsApi) -> list[tuple[str | None, str | None]]:
    return [(query.get("resourceVersion"), query.get("resourceVersionMatch")) for query in api.lists]


@pytest.mark.parametrize(
    ("version", "asked"), [("7", ("7", "NotOlderThan")), ("", (None, None))], ids=["old", "consistent"]
)
async def test_incident_is_listed_as_old_as_allowed(
    api: NotificationsApi, version: str, asked: tuple[str | None, str | None]
) -> None:
    for number in range(3):
        api.put(f"small-{number}", incident="disk")
    assert (await of_incident(api, version), from_memory(api)) == ([3], [asked])


async def test_large_incident_is_not_listed_from_memory_which_ignores_limits(api: NotificationsApi) -> None:
    for number in range(3):
        api.put(f"large-{number}", incident="disk", annotations={"text": "x" * BOUND})
    assert sum(await of_incident(api, "7")) == 3
    assert from_memory(api) == [("7", "NotOlderThan"), *[(None, None)] * (len(api.lists) - 1)]


async def test_later_pages_of_an_incident_are_requested_by_their_token_alone(
    api: NotificationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE", 2)
    for number in range(3):
        api.put(f"small-{number}", incident="disk")
    assert (await of_incident(api, "7"), from_memory(api)) == ([2, 1], [("7", "NotOlderThan"), (None, None)])
