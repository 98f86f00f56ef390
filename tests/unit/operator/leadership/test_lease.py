"""Leases over HTTP: what is sent, with which version, and which foreign fields are kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from notification_contract.names import SHARDS_ANNOTATION
from notification_runtime.kube.requests import KubeError
from notification_runtime.leadership.elector import Elector
from notification_runtime.leadership.lease import (
    DEFAULT_SECONDS,
    KubeLeases,
    Lease,
    LeaseConfig,
    ObservedLease,
    new_lease,
)
from notification_runtime.telemetry.gauges import ElectorStatistics
from tests.unit.loopback import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "/apis/coordination.k8s.io/v1/namespaces/own/leases"
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
CONFIG = LeaseConfig(identity="me", seconds=10, shards=4)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def acquired(lease: Lease) -> Lease:
    return lease.acquired(CONFIG, now=NOW)


class LeaseServer:
    """Keeps Leases by optimistic concurrency, and rejects what the API server rejects."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.verbs: list[str] = []
        self._version = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.verbs.append(request.method)
        assert request.path.startswith(PATH)
        name = request.path.removeprefix(PATH).strip("/")
        body = await request.json() if request.can_read_body else {}
        match request.method:
            case "GET":
                return web.json_response({"kind": "LeaseList", "items": list(self.stored.values())})
            case "POST":
                return (
                    self._answer(409) if body["metadata"]["name"] in self.stored else self._store(body, 201)
                )
            case "PUT":
                known = self.stored.get(name)
                if known is None:
                    return self._answer(404)
                same = known["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]
                return self._store(body, 200) if same else self._answer(409)
            case _:
                wanted = body["preconditions"]["resourceVersion"]
                if self.stored[name]["metadata"]["resourceVersion"] != wanted:
                    return self._answer(409)
                return web.json_response(self.stored.pop(name))

    def _store(self, body: dict[str, Any], code: int) -> web.Response:
        assert (body["apiVersion"], body["kind"]) == ("coordination.k8s.io/v1", "Lease")
        spec = body["spec"]
        assert all(MICRO_TIME.fullmatch(spec[key]) for key in ("renewTime", "acquireTime"))
        assert isinstance(spec["leaseDurationSeconds"], int)
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self.stored[body["metadata"]["name"]] = body
        return web.json_response(body, status=code)

    def _answer(self, code: int) -> web.Response:
        return web.json_response({"kind": "Status", "code": code}, status=code)


@pytest.fixture
async def server() -> AsyncIterator[tuple[LeaseServer, KubeLeases]]:
    lease_server = LeaseServer()
    async with listening(lease_server.handle) as url, ApiClient(Configuration(host=url)) as client:
        yield lease_server, KubeLeases(client, "own")


async def test_lease_is_created_renewed_released_and_deleted(
    server: tuple[LeaseServer, KubeLeases],
) -> None:
    lease_server, leases = server
    first = Lease(await leases.create(acquired(new_lease("work")).body))
    second = Lease(await leases.replace(acquired(first).body))
    (listed,) = map(Lease, await leases.list())
    assert (listed.name, listed.holder, listed.seconds, listed.shards) == ("work", "me", 10, 4)
    assert listed.version == second.version != first.version
    released = Lease(await leases.replace(second.released().body))
    assert (released.holder, released.body["spec"]["leaseTransitions"]) == ("", 0)
    await leases.delete(released.body)
    assert lease_server.stored == {}


async def test_lease_changed_meanwhile_is_neither_replaced_nor_deleted(
    server: tuple[LeaseServer, KubeLeases],
) -> None:
    _, leases = server
    first = await leases.create(acquired(new_lease("work")).body)
    await leases.replace(acquired(Lease(first)).body)
    for step in (leases.replace(first), leases.delete(first), leases.create(first)):
        with pytest.raises(KubeError) as refused:
            await step
        assert refused.value.status == 409


def test_takeover_counts_the_transition_and_keeps_unknown_fields() -> None:
    other = LeaseConfig(identity="other", seconds=7, shards=1)
    lease = new_lease("work").acquired(other, now=NOW)
    lease.body["metadata"] |= {"labels": {"team": "web"}, "uid": "1"}
    lease.body["spec"]["strategy"] = "x"
    taken = acquired(lease)
    assert taken.body["spec"]["leaseTransitions"] == 1
    assert taken.body["spec"]["strategy"] == "x"
    assert taken.body["metadata"]["labels"].items() >= {"team": "web"}.items()
    assert taken.body["metadata"]["annotations"] == {SHARDS_ANNOTATION: "4"}
    assert (lease.holder, lease.shards) == ("other", 1)
    assert acquired(taken).body["spec"]["acquireTime"] == taken.body["spec"]["acquireTime"]


@pytest.mark.parametrize(("text", "count"), [("4", 4), ("many", 0), ("-1", 0), (None, 1)])
def test_lease_annotation_names_the_number_of_shards(text: str | None, count: int) -> None:
    lease = new_lease("work")
    lease.body["metadata"]["annotations"] = None if text is None else {SHARDS_ANNOTATION: text}
    assert lease.shards == count


def test_holder_without_a_duration_gets_the_default_duration() -> None:
    time = [0.0]
    observed = ObservedLease("work", lambda: time[0])
    body = {"metadata": {"name": "work", "resourceVersion": "1"}, "spec": {"holderIdentity": "other"}}
    observed.observe(Lease(body))
    time[0] = DEFAULT_SECONDS - 0.1
    observed.observe(Lease(body))
    assert observed.live
    time[0] = DEFAULT_SECONDS + 0.1
    assert not observed.live


async def test_elector_wins_renews_and_releases_with_these_calls(
    server: tuple[LeaseServer, KubeLeases],
) -> None:
    lease_server, leases = server
    elector = Elector(
        leases,
        name="work",
        config=LeaseConfig(identity="me", seconds=10, shards=1),
        clock=monotonic,
        now=lambda: NOW,
    )

    async def compete() -> None:
        await elector.compete(closed_seconds=float, drained=lambda _shard: True, on_change=lambda: None)

    await compete()
    assert elector.statistics() == ElectorStatistics(acquisitions=(1,))
    assert lease_server.verbs == ["GET", "POST", "GET"]
    await compete()
    assert lease_server.verbs[3:] == ["PUT"]
    await elector.release()
    assert elector.statistics() == ElectorStatistics(
        working=frozenset(), owned=frozenset(), acquisitions=(1,)
    )
    assert lease_server.stored["work"]["spec"]["holderIdentity"] == ""
