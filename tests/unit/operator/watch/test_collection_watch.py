"""The watch of a collection on a real server: a listing first, then each change, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from notification_operator.watch.receivers import CRD_HINT
from notification_runtime.kube import collection_watch, objects, requests
from notification_runtime.kube.collection_watch import (
    Changed,
    Collection,
    Failed,
    KubeWatches,
    Listed,
    Removed,
)
from notification_runtime.kube.objects import RECEIVER_RESOURCE
from tests.unit.operator.collections_api import CollectionsApi, running, watching_client
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kubernetes.aio.client import ApiClient

    from notification_runtime.kube.collection_watch import CollectionWatch

CRD = "notificationreceivers"
PATH = f"/apis/kubernaut.ai/v1alpha1/{CRD}"
ALL = Collection(path=PATH, name="receivers", crd=RECEIVER_RESOURCE)
SECRET = Collection(
    path="/api/v1/namespaces/own/secrets",
    name="Secret hook in namespace own",
    field_selector="metadata.name=hook",
    quiet=True,
)
FIRST = 0.02


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_watch, "FIRST_DELAY", FIRST)
    monkeypatch.setattr(collection_watch, "LONGEST_DELAY", 0.1)
    monkeypatch.setattr(collection_watch, "LONGEST_DELAY_REFUSED", 0.1)


@pytest.fixture
async def api() -> AsyncIterator[CollectionsApi]:
    async with running() as server:
        yield server


@pytest.fixture
async def client(api: CollectionsApi) -> AsyncIterator[ApiClient]:
    async with watching_client(api) as watching:
        yield watching


def name_of(obj: Mapping[str, Any]) -> str:
    name: str = obj["metadata"]["name"]
    return name


class Recorder:
    """Follows a collection and records what it yields, as short texts."""

    def __init__(self, client: ApiClient, collection: Collection = ALL) -> None:
        self.watch: CollectionWatch[str] = KubeWatches(client, hint=CRD_HINT).open(collection, name_of)
        self.events: list[str] = []
        self.times: list[float] = []
        """The time of each event."""

    async def _run(self) -> None:
        async for event in self.watch.changes():
            self.times.append(asyncio.get_running_loop().time())
            match event:
                case Listed(items=items):
                    self.events.append(f"listed {' '.join(items)}".strip())
                case Changed(item=item):
                    self.events.append(f"changed {item}")
                case Removed(item=item):
                    self.events.append(f"removed {item}")
                case Failed(error=error):
                    self.events.append(f"failed {error.status}")

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def saw(self, *events: str) -> None:
        await until(lambda: self.events == list(events), f"{events}; saw {self.events}")


async def test_listing_comes_first_and_each_change_after_it(api: CollectionsApi, client: ApiClient) -> None:
    api.put(CRD, "shop", "a", spec=1)
    recorder = Recorder(client)
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.put(CRD, "shop", "b", spec=1)
        api.put(CRD, "shop", "a", spec=2)
        api.remove(CRD, "shop", "b")
        await recorder.saw("listed a", "changed b", "changed a", "removed b")
    assert recorder.watch.error == ""


async def test_listing_is_complete_although_it_has_pages(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE", 3)
    for number in range(8):
        api.put(CRD, "shop", f"r{number}")
    recorder = Recorder(client)
    async with recorder.at_work():
        await recorder.saw("listed r0 r1 r2 r3 r4 r5 r6 r7")
    assert sum("continue" in query for _, _, query in api.requests) == 2


async def test_listing_that_expires_on_a_later_page_starts_again(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE", 3)
    for number in range(4):
        api.put(CRD, "shop", f"r{number}")
    api.expired_pages = 1
    recorder = Recorder(client)
    with capture_logs() as logs:
        async with recorder.at_work():
            await recorder.saw("listed r0 r1 r2 r3")
    assert api.listings() == 2
    assert not [line for line in logs if line["log_level"] == "warning"]


async def test_watch_that_ends_in_order_goes_on_without_a_listing(
    api: CollectionsApi, client: ApiClient
) -> None:
    recorder = Recorder(client)
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.put(CRD, "shop", "a")
        await recorder.saw("listed", "changed a")
        api.cut()
        api.put(CRD, "shop", "b")
        await recorder.saw("listed", "changed a", "changed b")
        assert (api.listings(), len(versions(api))) == (1, 2)


async def test_bookmark_moves_the_version_that_the_next_watch_starts_from(
    api: CollectionsApi, client: ApiClient
) -> None:
    recorder = Recorder(client, SECRET)
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.put("secrets", "own", "another")
        api.send_bookmarks()
        api.cut()
        await until(lambda: len(versions(api)) == 2)
        await recorder.saw("listed")
    assert versions(api)[-1] == api.version
    assert all(query["allowWatchBookmarks"] == "true" for _, _, query in api.requests if "watch" in query)


def versions(api: CollectionsApi) -> list[int]:
    """The versions that watches started from."""
    return [int(query["resourceVersion"]) for _, _, query in api.requests if "watch" in query]


@pytest.mark.parametrize("code", [410, 500, 403])
async def test_watch_that_breaks_is_followed_by_a_listing(
    api: CollectionsApi, client: ApiClient, code: int
) -> None:
    recorder = Recorder(client)
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.put(CRD, "shop", "a")
        await recorder.saw("listed", "changed a")
        # As while a watch is broken: nobody reports this deletion.
        del api.objects[CRD, "shop", "a"]
        api.send_error(code)
        failure = () if code == 410 else (f"failed {code}",)
        await recorder.saw("listed", "changed a", *failure, "listed")
        await until(lambda: recorder.watch.error == "")


async def test_missing_crd_is_an_empty_listing_with_one_warning(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.crds.clear()
    recorder = Recorder(client)
    with capture_logs() as logs:
        async with recorder.at_work():
            await until(lambda: len(api.requests) > 8)
            assert recorder.events == ["listed"]
            assert recorder.watch.error == "CRD notificationreceivers.kubernaut.ai is not installed"
            api.install(CRD)
            api.put(CRD, "shop", "a")
            await recorder.saw("listed", "listed a")
            await until(lambda: recorder.watch.error == "")
    (warning,) = [line for line in logs if line["log_level"] == "warning"]
    assert warning["crd"] == "notificationreceivers.kubernaut.ai"
    assert "apply the CRD notificationreceivers.kubernaut.ai" in warning["hint"]


async def test_group_without_any_crd_is_an_empty_listing_too(api: CollectionsApi, client: ApiClient) -> None:
    api.crds.clear()
    api.group_exists = False
    recorder = Recorder(client)
    async with recorder.at_work():
        await recorder.saw("listed")


async def test_crd_that_is_deleted_empties_the_collection(api: CollectionsApi, client: ApiClient) -> None:
    api.put(CRD, "shop", "a")
    recorder = Recorder(client)
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.uninstall(CRD)
        await recorder.saw("listed a", "listed")


async def test_404_page_of_a_load_balancer_empties_nothing(api: CollectionsApi, client: ApiClient) -> None:
    api.put(CRD, "shop", "a")
    recorder = Recorder(client)
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.plain_404 = True
        api.send_error(500)
        await until(lambda: len(recorder.events) > 3)
        assert set(recorder.events[1:]) == {"failed 500", "failed 404"}
        api.plain_404 = False
        await until(lambda: recorder.events[-1] == "listed a")


@pytest.mark.parametrize(
    "answer", [{}, [], {"groups": None, "resources": None}, {"groups": [{"versions": [1]}]}]
)
async def test_discovery_of_another_shape_does_not_end_the_watch(
    api: CollectionsApi, client: ApiClient, answer: object
) -> None:
    api.crds.clear()
    api.group_exists = False
    api.groups = answer
    recorder = Recorder(client)
    async with recorder.at_work():
        await until(lambda: len(recorder.events) >= 1)
        api.groups = None
        api.install(CRD)
        api.put(CRD, "shop", "a")
        await until(lambda: recorder.events[-1] == "listed a")


async def test_two_watches_of_a_missing_kind_warn_once(api: CollectionsApi, client: ApiClient) -> None:
    api.crds.clear()
    watches = KubeWatches(client, hint=CRD_HINT)
    opened = [watches.open(ALL, name_of) for _ in range(2)]
    with capture_logs() as logs:
        first = [aiter(each.changes()) for each in opened]
        assert [await anext(each) for each in first] == [Listed(()), Listed(())]
    assert len([line for line in logs if line["log_level"] == "warning"]) == 1


async def test_refusal_is_reported_once_and_names_the_permission(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.refusals[SECRET.path] = 403
    recorder = Recorder(client, SECRET)
    with capture_logs() as logs:
        async with recorder.at_work():
            await until(lambda: len(recorder.events) >= 3)
            assert set(recorder.events) == {"failed 403"}
            assert recorder.watch.error == "403 refused"
            api.refusals.clear()
            await until(lambda: recorder.events[-1] == "listed")
            await until(lambda: recorder.watch.error == "")
    (warning,) = [line for line in logs if line["log_level"] == "warning"]
    assert warning["hint"] == (
        "allow the operator's service account to list and watch Secret hook in namespace own"
    )


async def test_delays_grow_and_are_longer_while_a_permission_is_missing(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_watch, "LONGEST_DELAY", FIRST)
    monkeypatch.setattr(collection_watch, "LONGEST_DELAY_REFUSED", 16 * FIRST)
    monkeypatch.setattr(collection_watch, "LEAST_SHARE", 1.0)
    api.refusals[SECRET.path] = 403
    recorder = Recorder(client, SECRET)
    async with recorder.at_work():
        await until(lambda: len(recorder.events) == 5)
    pauses = [later - earlier for earlier, later in itertools.pairwise(recorder.times)]
    assert all(pause >= FIRST * 2**number for number, pause in enumerate(pauses)), pauses


async def test_metadata_alone_is_requested_and_an_empty_list_is_null(
    api: CollectionsApi, client: ApiClient
) -> None:
    recorder = Recorder(client, Collection(path="/api/v1/namespaces", name="namespaces", metadata_only=True))
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.put("namespaces", "", "shop", spec={"finalizers": []})
        await recorder.saw("listed", "changed shop")
    assert ["as=PartialObjectMetadata" in accept for accept in api.accepts] == [True, True]


async def test_label_selector_is_part_of_both_requests(api: CollectionsApi, client: ApiClient) -> None:
    recorder = Recorder(client, Collection(path=PATH, name="receivers", label_selector="team=web"))
    async with recorder.at_work():
        await until(lambda: api.watched)
    assert {query["labelSelector"] for _, _, query in api.requests} == {"team=web"}


async def test_object_beyond_the_line_limit_of_the_library_is_watched(
    api: CollectionsApi, client: ApiClient
) -> None:
    recorder = Recorder(client, SECRET)
    async with recorder.at_work():
        await until(lambda: api.watched)
        api.put("secrets", "own", "hook", data={"text": "x" * 1_400_000})
        await recorder.saw("listed", "changed hook")


async def test_event_beyond_any_object_fails_without_quoting_it(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "EVENT_BYTES", 200_000)
    recorder = Recorder(client, SECRET)
    with capture_logs() as logs:
        async with recorder.at_work():
            await until(lambda: api.watched)
            api.put("secrets", "own", "hook", data={"text": "confidential" * 40_000})
            await recorder.saw("listed", "failed None", "listed hook")
    assert "confidential" not in str(logs)
    assert any(line.get("error") == "an event has more than 200000 bytes" for line in logs)


async def test_listings_that_run_at_once_are_bounded(api: CollectionsApi, client: ApiClient) -> None:
    watches = KubeWatches(client, hint=CRD_HINT)
    running_now, most = 0, 0

    def keep(_obj: Mapping[str, Any]) -> None:
        nonlocal most
        most = max(most, running_now)

    original = objects.lists

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal running_now
        running_now += 1
        try:
            async for page in original(*arguments, **options):
                yield page
        finally:
            running_now -= 1

    api.put("secrets", "own", "hook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection_watch, "lists", counted)
        followed = [aiter(watches.open(SECRET, keep).changes()) for _ in range(40)]
        await asyncio.gather(*(anext(each) for each in followed))
    assert most == collection_watch.CONCURRENT_LISTINGS


async def test_second_run_of_a_watch_begins_with_a_listing(api: CollectionsApi, client: ApiClient) -> None:
    recorder = Recorder(client)
    for expected in (["listed"], ["listed", "listed"]):
        async with recorder.at_work():
            await until(lambda: api.watched)
            await recorder.saw(*expected)
        await until(lambda: not api.watched)


async def test_one_of_many_watches_is_no_news_until_it_recovers(
    api: CollectionsApi, client: ApiClient
) -> None:
    with capture_logs() as logs:

        def established() -> list[str]:
            return [line["log_level"] for line in logs if line["event"] == "watch established"]

        for expected, collection in ((0, SECRET), (2, ALL)):
            recorder = Recorder(client, collection)
            async with recorder.at_work():
                await until(lambda expected=expected: len(established()) == expected + 1)  # type: ignore[misc]
                api.refusals[collection.path] = 500
                api.cut()
                await until(lambda recorder=recorder: "failed 500" in recorder.events)  # type: ignore[misc]
                api.refusals.clear()
                await until(lambda expected=expected: len(established()) == expected + 2)  # type: ignore[misc]
            await until(lambda: not api.watched)
    assert established() == ["debug", "info", "info", "info"]
