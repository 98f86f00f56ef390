"""Receivers from their events to their status, over HTTP: catalog, Secrets and the controller of the status."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from atomic_status import KubeStatusStore
from notification_contract import names
from notification_contract.kinds.choices import ReceiverTestOutcome
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.health import UNTESTED, Health, Readiness
from notification_domain.receivers.references import resolve_references
from notification_domain.receivers.status import ReceiverTestResult
from notification_operator.controller import receiver_views, receivers
from notification_operator.controller.receivers import ReceiverStatusController
from notification_operator.watch.receivers import CRD_HINT, ReceiverCatalog
from notification_operator.watch.references import (
    CONFIG_MAPS,
    SECRETS,
    ReceiverReferences,
    ReferencedObjects,
)
from notification_runtime.kube import collection_watch
from notification_runtime.kube.collection_watch import KubeWatches
from notification_runtime.kube.objects import RECEIVER_RESOURCE
from tests.unit.operator.collections_api import RECEIVERS, CollectionsApi
from tests.unit.operator.domain.receivers.builders import HOME, INVALID, SLACK
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kubernetes.aio.client import ApiClient

    from notification_domain.receivers.catalog import Receiver

KEY = ReceiverKey(HOME, "on-call")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_watch, "FIRST_DELAY", 0.02)
    for module in (receiver_views, receivers):
        monkeypatch.setattr(module, "TRANSITION_INTERVAL", 0.01)


class Replica:
    """One process without deliveries."""

    def __init__(self, client: ApiClient, name: str) -> None:
        watches = KubeWatches(client, hint=CRD_HINT)
        self.catalog = ReceiverCatalog(watches, home=HOME)
        self.secrets = ReferencedObjects(watches, SECRETS, home=HOME, namespaced=False)
        config_maps = ReferencedObjects(watches, CONFIG_MAPS, home=HOME, namespaced=False)
        self.references = ReceiverReferences(secrets=self.secrets, config_maps=config_maps)
        self.owner = True
        self.known = UNTESTED
        self.tests: list[str] = []
        self.status = ReceiverStatusController(
            store=KubeStatusStore(client, RECEIVER_RESOURCE),
            receivers=lambda: self.catalog.keys,
            declared=self.catalog.declared,
            owns=self.may_start,
            examined=lambda _receiver: True,
            endpoints=cast("Any", self),
            waiting=lambda _key: 0,
            tester=cast("Any", self),
            publish=lambda _before, _after: None,
            replica=name,
            home=HOME,
            clock=lambda: datetime.now(UTC),
        )

    def may_start(self, _uid: str) -> bool:
        return self.owner

    def health(self, _key: ReceiverKey) -> Health:
        return self.known

    def readiness(self, receiver: Receiver) -> Readiness:
        references = resolve_references(receiver, self.secrets.get)
        return Readiness(
            generation=receiver.generation,
            references=references.reason,
            references_message=references.message,
            secret_version=references.version,
        )

    async def test(self, _key: ReceiverKey, requested_at: str) -> ReceiverTestResult:
        self.tests.append(requested_at)
        return ReceiverTestResult(outcome=ReceiverTestOutcome.SUCCEEDED)

    def _on_change(self, changed: frozenset[ReceiverKey]) -> None:
        self.references.update(changed, self.catalog.catalog)
        self._note(changed)

    def _note(self, changed: frozenset[ReceiverKey]) -> None:
        for key in changed:
            self.status.note(key)

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        work = (
            self.catalog.run(on_known=lambda: None, on_change=self._on_change),
            self.references.run(self._note),
            self.status.run(),
        )
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def conditions(api: CollectionsApi) -> dict[str, str]:
    obj: dict[str, Any] = api.objects[RECEIVERS, HOME, KEY.name]
    return {each["type"]: each["reason"] for each in obj.get("status", {}).get("conditions", [])}


def put(api: CollectionsApi, **content: Any) -> None:
    api.put(RECEIVERS, HOME, KEY.name, **content)


def put_secret(api: CollectionsApi, value: str, *, granted: bool = True) -> None:
    labels = {names.SECRET_LABEL: "true"} if granted else {}
    data = {"url": b64encode(value.encode()).decode()}
    api.put("secrets", HOME, "hook", data=data, meta={"labels": labels})


async def test_life_of_a_receiver_shows_in_its_status(api: CollectionsApi, client: ApiClient) -> None:
    replica = Replica(client, "a")
    async with replica.at_work():
        put(api, spec=SLACK)
        await until(lambda: conditions(api).get("ResolvedRefs") == "SecretNotFound")
        put_secret(api, "u", granted=False)
        put_secret(api, "u")
        await until(lambda: conditions(api)["ResolvedRefs"] == "SecretFound")
        put_secret(api, "u", granted=False)
        await until(lambda: conditions(api)["ResolvedRefs"] == "SecretNotFound")
        put_secret(api, "u")
        await until(lambda: conditions(api)["ResolvedRefs"] == "SecretFound")
        assert conditions(api) == {"Ready": "Accepted", "ResolvedRefs": "SecretFound", "Healthy": "Untested"}
        put(api, spec=INVALID)
        await until(lambda: conditions(api)["Ready"] == "Invalid")
        put(api, spec=SLACK, meta={"annotations": {names.TEST_ANNOTATION: "2026-03-01T12:00:00Z"}})
        await until(lambda: "lastTest" in api.objects[RECEIVERS, HOME, KEY.name]["status"])
        assert (replica.tests, conditions(api)["Ready"]) == (["2026-03-01T12:00:00Z"], "Accepted")
        api.remove("secrets", HOME, "hook")
        await until(lambda: conditions(api)["ResolvedRefs"] == "SecretNotFound")


async def test_own_writes_cause_no_further_requests(api: CollectionsApi, client: ApiClient) -> None:
    put(api, spec=SLACK)
    put_secret(api, "u")
    async with Replica(client, "a").at_work():
        await until(lambda: conditions(api).get("ResolvedRefs") == "SecretFound")
        await asyncio.sleep(0.1)
        before = len(api.requests)
        await asyncio.sleep(0.3)
        assert len(api.requests) == before
    assert sum(method == "PUT" for method, _, _ in api.requests) <= 2


async def test_replicas_share_one_status(api: CollectionsApi, client: ApiClient) -> None:
    put(api, spec=SLACK)
    put_secret(api, "u")
    replicas = [Replica(client, name) for name in "abc"]
    async with contextlib.AsyncExitStack() as stack:
        for number, replica in enumerate(replicas):
            replica.owner = number == 0
            await stack.enter_async_context(replica.at_work())
        await until(lambda: conditions(api).get("Ready") == "Accepted")
        await until(lambda: all(replica.catalog.known for replica in replicas))
        for replica in replicas:
            now = datetime.now(UTC)
            replica.known = Health(last_success=now, last_attempt=now)
            replica.status.note(KEY)
        await until(lambda: len(api.objects[RECEIVERS, HOME, KEY.name]["status"].get("replicas", [])) == 3)
        status: dict[str, Any] = api.objects[RECEIVERS, HOME, KEY.name]["status"]
    assert [each["name"] for each in status["replicas"]] == ["a", "b", "c"]
    assert conditions(api) == {"Ready": "Accepted", "ResolvedRefs": "SecretFound", "Healthy": "Delivering"}
