"""The catalog of receivers on a real server: one snapshot, a bad object refused alone, selectors, and refusals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from notification_contract import names
from notification_domain.quota import RECEIVERS as KIND
from notification_domain.quota import Quota
from notification_domain.receivers.catalog import ReceiverKey
from notification_operator.watch import receivers as receivers_module
from notification_operator.watch.receivers import CRD_HINT, EVERYTHING, ReceiverCatalog
from notification_runtime.kube.collection_watch import KubeWatches
from tests.unit.operator.collections_api import RECEIVERS, CollectionsApi
from tests.unit.operator.domain.receivers.builders import HOME, INVALID, RESTRICTED, SLACK
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container

    from kubernetes.aio.client import ApiClient

SELECTING = {
    **SLACK,
    "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}},
}
PATH = "/apis/kubernaut.ai/v1alpha1"
A, B = ReceiverKey("shop", "a"), ReceiverKey("bank", "b")
ONLY_A, ONLY_B = frozenset({A}), frozenset({B})


class CatalogFixture:
    """A catalog at work, and what it reported."""

    def __init__(
        self,
        client: ApiClient,
        *namespaces: str,
        quota: Quota[ReceiverKey] | None = None,
        served: Container[str] = EVERYTHING,
    ) -> None:
        self.catalog = ReceiverCatalog(
            KubeWatches(client, hint=CRD_HINT), home=HOME, namespaces=namespaces, quota=quota, served=served
        )
        self.known = 0
        self.changes: list[frozenset[ReceiverKey]] = []

    def _on_known(self) -> None:
        self.known += 1

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[ReceiverCatalog]:
        work = self.catalog.run(on_known=self._on_known, on_change=self.changes.append)
        task = asyncio.create_task(work)
        try:
            yield self.catalog
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def usable(catalog: ReceiverCatalog) -> dict[str, int]:
    """Return the generation in force of each receiver."""
    return {str(key): each.generation for key, each in catalog.catalog.receivers.items()}


def put(api: CollectionsApi, key: ReceiverKey, spec: Any = None, **annotations: str) -> None:
    meta = {"annotations": {f"{names.GROUP}/{name}": value for name, value in annotations.items()}}
    api.put(RECEIVERS, key.namespace, key.name, spec=SLACK if spec is None else spec, meta=meta)


async def test_snapshot_follows_creation_change_and_deletion(api: CollectionsApi, client: ApiClient) -> None:
    put(api, A)
    fixture = CatalogFixture(client)
    async with fixture.at_work() as catalog:
        await until(lambda: catalog.known)
        first = catalog.catalog
        assert (usable(catalog), fixture.changes, fixture.known) == ({"shop/a": 1}, [ONLY_A], 1)
        put(api, B)
        await until(lambda: usable(catalog) == {"shop/a": 1, "bank/b": 1})
        put(api, A, {**SLACK, "suspend": True})
        await until(lambda: usable(catalog) == {"shop/a": 2, "bank/b": 1})
        api.remove(RECEIVERS, *A)
        await until(lambda: usable(catalog) == {"bank/b": 1})
        assert fixture.changes == [ONLY_A, ONLY_B, ONLY_A, ONLY_A]
        assert (fixture.known, catalog.declared(A), list(catalog.keys)) == (1, None, [B])
    assert list(first.receivers) == [A]


async def test_write_of_a_status_changes_nothing(api: CollectionsApi, client: ApiClient) -> None:
    put(api, A)
    fixture = CatalogFixture(client)
    async with fixture.at_work() as catalog:
        await until(lambda: api.watched)
        before = catalog.catalog
        api.put(RECEIVERS, *A, status={"lastError": "503"})
        put(api, B)
        await until(lambda: len(fixture.changes) == 2)
        assert fixture.changes == [ONLY_A, ONLY_B]
        assert catalog.catalog.receivers[A] is before.receivers[A]


async def test_time_of_a_drill_is_known_and_changes_nothing_else(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, A)
    api.put(RECEIVERS, *A, status={"lastDrillTime": "2026-03-01T12:00:00Z"})
    fixture = CatalogFixture(client)

    def drill() -> datetime | None:
        declared = fixture.catalog.declared(A)
        return declared.last_drill if declared else None

    async with fixture.at_work() as catalog:
        await until(lambda: api.watched)
        assert drill() == datetime(2026, 3, 1, 12, tzinfo=UTC)
        snapshot = catalog.catalog
        api.put(RECEIVERS, *A, status={"lastDrillTime": "2026-03-02T12:00:00Z"})
        await until(lambda: drill() == datetime(2026, 3, 2, 12, tzinfo=UTC))
        assert (fixture.changes, catalog.catalog) == ([ONLY_A], snapshot)


async def test_bad_object_is_refused_alone_and_its_last_valid_spec_stays(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, A)
    put(api, B, INVALID)
    fixture = CatalogFixture(client)
    with capture_logs() as logs:
        async with fixture.at_work() as catalog:
            await until(lambda: api.watched)
            assert (usable(catalog), list(catalog.catalog.problems)) == ({"shop/a": 1}, [B])
            assert "slack is missing" in catalog.catalog.problems[B][0]
            put(api, A, RESTRICTED)
            await until(lambda: A in catalog.catalog.problems)
            assert usable(catalog) == {"shop/a": 1}
            assert "only receivers in the operator's namespace platform" in catalog.catalog.problems[A][0]
            declared = catalog.declared(A)
            assert declared is not None
            assert declared.generation == 2
            api.put(RECEIVERS, *A, status={"conditions": []})
            put(api, A)
            await until(lambda: A not in catalog.catalog.problems)
            assert usable(catalog) == {"shop/a": 3}
    refused = [line for line in logs if line["event"] == "receiver refused"]
    assert [(line["receiver"], line["in_force"]) for line in refused] == [
        ("bank/b", "none"),
        ("shop/a", "generation 1"),
    ]
    assert [line["receiver"] for line in logs if line["event"] == "receiver accepted"] == ["shop/a"]


async def test_annotations_are_changes_of_the_receiver(api: CollectionsApi, client: ApiClient) -> None:
    put(api, A)
    fixture = CatalogFixture(client)
    async with fixture.at_work() as catalog:
        await until(lambda: api.watched)
        put(api, A, **{"is-default-receiver": "true"})
        await until(lambda: catalog.catalog.default("slack", "shop") is not None)
        put(api, A, **{"test-requested-at": "2026-03-01T12:00:00Z"})
        await until(lambda: len(fixture.changes) == 3)
        declared = catalog.declared(A)
        assert declared is not None
        assert declared.test_requested_at == "2026-03-01T12:00:00Z"
        assert catalog.catalog.default("slack", "shop") is None


async def test_object_that_was_recreated_during_an_outage_is_another_one(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, A)
    fixture = CatalogFixture(client)
    async with fixture.at_work() as catalog:
        await until(lambda: api.watched)
        del api.objects[RECEIVERS, "shop", "a"]
        put(api, A)
        api.send_error(500)
        await until(lambda: len(fixture.changes) == 2)
        declared = catalog.declared(A)
        assert declared is not None
        assert declared.uid == api.objects[RECEIVERS, "shop", "a"]["metadata"]["uid"]


def put_aged(api: CollectionsApi, name: str, second: int) -> None:
    meta = {"creationTimestamp": f"2026-03-01T12:00:{second:02}Z"}
    api.put(RECEIVERS, "shop", name, spec=SLACK, meta=meta)


async def test_youngest_receivers_past_the_limit_are_not_kept(api: CollectionsApi, client: ApiClient) -> None:
    # In the order of the listing, each one is older than those before.
    for number in range(5):
        put_aged(api, f"r{number}", 50 - number)
    fixture = CatalogFixture(client, quota=Quota(KIND, home=HOME, per_namespace=2))
    with capture_logs() as logs:
        async with fixture.at_work() as catalog:
            await until(lambda: catalog.known)
            assert usable(catalog) == {"shop/r3": 1, "shop/r4": 1}
            assert catalog.catalog.problems.keys() == {
                ReceiverKey("shop", f"r{number}") for number in range(3)
            }
            texts = [problem for problems in catalog.catalog.problems.values() for problem in problems]
            assert "the operator uses the 2 oldest of a namespace" in texts[0]
            assert len({id(text) for text in texts}) == 1, "there may be any number of them"
            put_aged(api, "r5", 1)
            await until(lambda: usable(catalog) == {"shop/r4": 1, "shop/r5": 1})
            # A write of its status does not bring it back.
            api.put(RECEIVERS, "shop", "r3", status={"conditions": []})
            api.remove(RECEIVERS, "shop", "r4")
            await until(lambda: usable(catalog) == {"shop/r5": 1})
            api.cut()
            await until(lambda: usable(catalog) == {"shop/r3": 1, "shop/r5": 1})
    assert not [line for line in logs if line["event"] == "receiver refused"]


class CountedNamespaces:
    """All namespaces; counts how often it is asked for one."""

    asked = 0

    def __contains__(self, _namespace: object) -> bool:
        self.asked += 1
        return True


async def test_change_of_a_receiver_looks_at_no_other_one(api: CollectionsApi, client: ApiClient) -> None:
    for number in range(50):
        put_aged(api, f"r{number}", number)
    served = CountedNamespaces()
    fixture = CatalogFixture(client, quota=Quota(KIND, home=HOME, per_namespace=2), served=served)
    async with fixture.at_work() as catalog:
        await until(lambda: catalog.known and api.watched)
        before = served.asked
        put(api, ReceiverKey("shop", "r49"), {**SLACK, "suspend": True})
        await until(lambda: len(fixture.changes) == 2)
    assert fixture.changes[1] == {ReceiverKey("shop", "r49")}
    assert served.asked - before < 10


async def test_receivers_of_another_operator_take_no_place(api: CollectionsApi, client: ApiClient) -> None:
    served = {"shop"}
    for number in range(3):
        put(api, ReceiverKey("theirs", f"r{number}"))
    put_aged(api, "young", 59)
    fixture = CatalogFixture(client, quota=Quota(KIND, home=HOME, total=1), served=served)
    async with fixture.at_work() as catalog:
        await until(lambda: usable(catalog) == {"shop/young": 1} and api.watched)
        served.add("theirs")
        catalog.reselect("theirs")
        api.cut()
        await until(lambda: usable(catalog) == {"theirs/r0": 1} and api.watched)
        served.remove("theirs")
        catalog.reselect("theirs")
        api.cut()
        await until(lambda: usable(catalog) == {"shop/young": 1})


def put_body(api: CollectionsApi, name: str, characters: int) -> None:
    template = {"inline": {"body": "x" * characters}}
    api.put(RECEIVERS, "shop", name, spec=SLACK | {"template": template})


async def test_long_template_takes_the_places_of_younger_receivers(
    api: CollectionsApi, client: ApiClient
) -> None:
    for number in range(3):
        put_aged(api, f"r{number}", number)
    fixture = CatalogFixture(client, quota=Quota(KIND, home=HOME, per_namespace=3))
    async with fixture.at_work() as catalog:
        await until(lambda: len(usable(catalog)) == 3)
        put_body(api, "r0", 9_000)
        await until(lambda: usable(catalog).keys() == {"shop/r0", "shop/r1"})
        put_body(api, "r0", 65_536)
        await until(lambda: not usable(catalog))
        put_body(api, "r0", 10)
        await until(lambda: usable(catalog).keys() == {"shop/r0"})
        api.cut()
        await until(lambda: len(usable(catalog)) == 3)


async def test_selected_namespaces_and_the_own_one_have_a_watch_each(
    api: CollectionsApi, client: ApiClient
) -> None:
    for namespace in ("shop", "bank", "other", HOME):
        put(api, ReceiverKey(namespace, "r"))
    fixture = CatalogFixture(client, "shop", "bank", "shop")
    async with fixture.at_work() as catalog:
        await until(lambda: catalog.known and len(api.watched) == 3)
        assert sorted(usable(catalog)) == ["bank/r", "platform/r", "shop/r"]
        assert api.watched == [f"{name}/notificationreceivers" for name in ("bank", "platform", "shop")]


async def test_all_namespaces_have_one_watch(api: CollectionsApi, client: ApiClient) -> None:
    async with CatalogFixture(client).at_work():
        await until(lambda: api.watched == ["notificationreceivers"])


async def test_listing_of_one_namespace_leaves_the_receivers_of_others(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, A)
    put(api, B)
    async with CatalogFixture(client, "shop", "bank").at_work() as catalog:
        await until(lambda: catalog.known and len(api.watched) == 3)
        del api.objects[RECEIVERS, "shop", "a"]
        api.send_error(410)
        await until(lambda: usable(catalog) == {"bank/b": 1})


async def test_refused_namespace_counts_as_empty_and_says_why(api: CollectionsApi, client: ApiClient) -> None:
    path = f"{PATH}/namespaces/bank/notificationreceivers"
    api.refusals[path] = 403
    put(api, A)
    put(api, B)
    fixture = CatalogFixture(client, "shop", "bank")
    async with fixture.at_work() as catalog:
        await until(lambda: catalog.known)
        assert usable(catalog) == {"shop/a": 1}
        assert catalog.errors == {"receivers in namespace bank": "403 refused"}
        api.refusals.clear()
        await until(lambda: usable(catalog) == {"shop/a": 1, "bank/b": 1})
        await until(lambda: not catalog.errors)


async def test_permission_that_is_withdrawn_leaves_the_last_known_receivers(
    api: CollectionsApi, client: ApiClient
) -> None:
    put(api, A)
    async with CatalogFixture(client, "shop").at_work() as catalog:
        await until(lambda: len(api.watched) == 2)
        api.refusals[f"{PATH}/namespaces/shop/notificationreceivers"] = 403
        api.send_error(500)
        await until(lambda: catalog.errors.get("receivers in namespace shop") == "403 refused")
        assert usable(catalog) == {"shop/a": 1}


@pytest.mark.parametrize("code", [401, 500])
async def test_catalog_is_unknown_while_the_api_server_does_not_answer(
    api: CollectionsApi, client: ApiClient, code: int
) -> None:
    api.refusals[f"{PATH}/notificationreceivers"] = code
    fixture = CatalogFixture(client)
    async with fixture.at_work() as catalog:
        await until(lambda: catalog.errors)
        await asyncio.sleep(0.1)
        assert (catalog.known, fixture.known) == (False, 0)
        api.refusals.clear()
        await until(lambda: catalog.known and fixture.known == 1)


async def test_operator_works_without_the_crd_and_sees_it_arrive(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.crds.clear()
    async with CatalogFixture(client).at_work() as catalog:
        await until(lambda: catalog.known)
        assert usable(catalog) == {}
        assert catalog.errors == {"receivers": "CRD notificationreceivers.kubernaut.ai is not installed"}
        api.install(RECEIVERS)
        put(api, A)
        await until(lambda: usable(catalog) == {"shop/a": 1} and not catalog.errors)


async def test_namespaces_are_followed_while_a_receiver_selects_them(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.put("namespaces", "", "web", meta={"labels": {"tier": "prod"}})
    put(api, A)
    fixture = CatalogFixture(client)
    async with fixture.at_work() as catalog:
        await until(lambda: catalog.known)
        assert api.listings("/api/v1/namespaces") == 0
        put(api, A, SELECTING)
        await until(lambda: allows(catalog, "web"))
        api.put("namespaces", "", "web", meta={"labels": {"tier": "dev"}})
        await until(lambda: not allows(catalog, "web"))
        api.put("namespaces", "", "new", meta={"labels": {"tier": "prod"}})
        await until(lambda: allows(catalog, "new"))
        api.remove("namespaces", "", "new")
        await until(lambda: not allows(catalog, "new"))
        assert set().union(*fixture.changes[1:]) == {A}
        put(api, A)
        await until(lambda: api.watched == ["notificationreceivers"])
        assert not awaits_labels(catalog, "web"), "no receiver selects by labels"
        # What was known of the namespaces is old by now.
        api.refusals["/api/v1/namespaces"] = 500
        put(api, A, SELECTING)
        await until(lambda: "namespaces" in catalog.errors)
        assert awaits_labels(catalog, "web")
        api.refusals.clear()
        await until(lambda: len(api.watched) == 2 and not awaits_labels(catalog, "web"))


def allows(catalog: ReceiverCatalog, namespace: str) -> bool:
    receiver = catalog.catalog.get(A)
    return receiver is not None and catalog.catalog.allows(receiver, namespace)


def awaits_labels(catalog: ReceiverCatalog, namespace: str) -> bool:
    return catalog.catalog.awaits_labels(namespace)


async def test_selecting_receiver_awaits_the_labels_of_other_namespaces(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.put("namespaces", "", "web", meta={"labels": {"tier": "prod"}})
    api.refusals["/api/v1/namespaces"] = 500
    put(api, A, SELECTING)
    put(api, B)
    fixture = CatalogFixture(client)
    async with fixture.at_work() as catalog:
        await until(lambda: catalog.errors)
        assert usable(catalog) == {"bank/b": 1, "shop/a": 1}
        assert not catalog.known
        assert awaits_labels(catalog, "web")
        api.refusals.clear()
        await until(lambda: catalog.known)
        assert allows(catalog, "web")
        assert not awaits_labels(catalog, "new"), "a namespace without labels is refused, not awaited"


async def test_refused_namespaces_match_no_selector_and_this_is_said(
    api: CollectionsApi, client: ApiClient
) -> None:
    api.put("namespaces", "", "web", meta={"labels": {"tier": "prod"}})
    api.refusals["/api/v1/namespaces"] = 403
    put(api, A, SELECTING)
    with capture_logs() as logs:
        async with CatalogFixture(client).at_work() as catalog:
            await until(lambda: catalog.known)
            assert usable(catalog) == {"shop/a": 1}
            assert not allows(catalog, "web")
            assert allows(catalog, "shop")
            assert catalog.errors == {"namespaces": "403 refused"}
            await asyncio.sleep(0.15)
            api.refusals.clear()
            await until(lambda: allows(catalog, "web"))
    warnings = [line for line in logs if line["event"].startswith("namespaces not readable")]
    assert [line["log_level"] for line in warnings] == ["warning"]


async def test_fault_of_a_callback_does_not_end_the_watch(api: CollectionsApi, client: ApiClient) -> None:
    catalog = ReceiverCatalog(KubeWatches(client, hint=CRD_HINT), home=HOME)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    put(api, A)
    with capture_logs() as logs:
        task = asyncio.create_task(catalog.run(on_known=fail, on_change=fail))
        await until(lambda: api.watched)
        put(api, B)
        await until(lambda: len(usable(catalog)) == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert {line["event"] for line in logs if line["log_level"] == "error"} == {
        "change of receivers not handled"
    }


async def test_change_whose_handler_fails_is_handled_again(
    api: CollectionsApi, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault of one receiver does not keep the changes of others from their handler."""
    monkeypatch.setattr(receivers_module, "RETRY_SECONDS", 0.05)
    catalog = ReceiverCatalog(KubeWatches(client, hint=CRD_HINT), home=HOME)
    handled: list[frozenset[ReceiverKey]] = []
    faults = 3

    def handle(changed: frozenset[ReceiverKey]) -> None:
        nonlocal faults
        if A in changed and faults:
            faults -= 1
            raise ZeroDivisionError
        handled.append(changed)

    put(api, A)
    put(api, B)
    task = asyncio.create_task(catalog.run(on_known=lambda: None, on_change=handle))
    await until(lambda: len(handled) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert handled == [ONLY_B, ONLY_A]


async def test_snapshot_says_why_a_receiver_cannot_be_used(api: CollectionsApi, client: ApiClient) -> None:
    put(api, A)
    put(api, B, INVALID)
    async with CatalogFixture(client).at_work() as catalog:
        await until(lambda: catalog.known)
        [problem] = catalog.catalog.problems[B]
        assert "slack is missing" in problem
        assert A not in catalog.catalog.problems


@pytest.mark.slow
async def test_thousand_receivers_take_less_than_two_kilobytes_each(
    api: CollectionsApi, client: ApiClient
) -> None:
    for number in range(1_000):
        put(api, ReceiverKey(f"team-{number % 50}", f"r-{number}"), {**SLACK, "description": f"{number}"})
    fixture = CatalogFixture(client)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        async with fixture.at_work() as catalog:
            async with asyncio.timeout(30):
                while not api.watched:  # noqa: ASYNC110 - the watch reports to nobody
                    await asyncio.sleep(0.05)
            fixture.changes.clear()
            gc.collect()
            held, peak = tracemalloc.get_traced_memory()
            assert len(catalog.catalog.receivers) == 1_000
    finally:
        tracemalloc.stop()
    each = (held - before) / 1_000
    assert each < 2_048, f"{each:.0f} bytes each, {peak - before} at most"
