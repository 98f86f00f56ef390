"""Leases over HTTP: what is sent, by which version, and what of others is kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from notification_operator.kube.errors import KubeError
from notification_operator.leadership.elector import Elector
from notification_operator.leadership.lease import (
    PATIENCE,
    SHARDS,
    KubeLeases,
    Lease,
    Sighting,
    Terms,
    new_lease,
)
from tests.unit.loopback import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "/apis/coordination.k8s.io/v1/namespaces/own/leases"
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TERMS = Terms(identity="me", seconds=10, shards=4)


class LeaseServer:
    """Keeps Leases by optimistic concurrency, and takes none that the real one would not."""

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
    made = LeaseServer()
    async with listening(made.handle) as url, ApiClient(Configuration(host=url)) as client:
        yield made, KubeLeases(client, "own")


async def test_a_lease_is_made_renewed_handed_back_and_removed(
    server: tuple[LeaseServer, KubeLeases],
) -> None:
    made, leases = server
    first = await leases.create(new_lease("work").held(TERMS))
    second = await leases.replace(first.held(TERMS))
    (found,) = await leases.list()
    assert (found.name, found.holder, found.seconds, found.shards) == ("work", "me", 10, 4)
    assert found.version == second.version != first.version
    freed = await leases.replace(second.free())
    assert (freed.holder, freed.body["spec"]["leaseTransitions"]) == ("", 0)
    await leases.delete(freed)
    assert made.stored == {}


async def test_what_somebody_has_written_meanwhile_is_neither_overwritten_nor_removed(
    server: tuple[LeaseServer, KubeLeases],
) -> None:
    _, leases = server
    first = await leases.create(new_lease("work").held(TERMS))
    await leases.replace(first.held(TERMS))
    for step in (leases.replace(first), leases.delete(first), leases.create(first)):
        with pytest.raises(KubeError) as refused:
            await step
        assert refused.value.conflict


def test_who_takes_a_lease_over_counts_the_change_and_keeps_what_it_does_not_know() -> None:
    other = Terms(identity="other", seconds=7, shards=1)
    lease = new_lease("work").held(other)
    lease.body["metadata"] |= {"labels": {"team": "web"}, "uid": "1"}
    lease.body["spec"]["strategy"] = "x"
    taken = lease.held(TERMS)
    assert taken.body["spec"]["leaseTransitions"] == 1
    assert taken.body["spec"]["strategy"] == "x"
    assert taken.body["metadata"]["labels"].items() >= {"team": "web"}.items()
    assert taken.body["metadata"]["annotations"] == {SHARDS: "4"}
    assert (lease.holder, lease.shards) == ("other", 1)
    assert taken.held(TERMS).body["spec"]["acquireTime"] == taken.body["spec"]["acquireTime"]


@pytest.mark.parametrize(("text", "count"), [("4", 4), ("many", 0), ("-1", 0), (None, 1)])
def test_a_lease_says_among_how_many_shards_its_holder_shares_the_work(text: str | None, count: int) -> None:
    lease = new_lease("work")
    lease.body["metadata"]["annotations"] = None if text is None else {SHARDS: text}
    assert lease.shards == count


def test_a_holder_that_has_promised_no_time_is_waited_for_as_well() -> None:
    now = [0.0]
    seen = Sighting("work", lambda: now[0])
    body = {"metadata": {"name": "work", "resourceVersion": "1"}, "spec": {"holderIdentity": "other"}}
    seen.observe(Lease(body))
    now[0] = PATIENCE - 0.1
    seen.observe(Lease(body))
    assert seen.live
    now[0] = PATIENCE + 0.1
    assert not seen.live


async def test_an_elector_wins_and_shares_by_these_calls(server: tuple[LeaseServer, KubeLeases]) -> None:
    made, leases = server
    terms = Terms(identity="me", seconds=10, shards=1)
    elector = Elector(leases, name="work", terms=terms, on_change=lambda: None, drained=lambda _shard: True)
    await elector._round()
    assert (elector.working, made.verbs) == (frozenset({0}), ["GET", "POST", "GET"])
    await elector._round()
    assert made.verbs[3:] == ["PUT"]
    await elector.release()
    assert made.stored["work"]["spec"]["holderIdentity"] == ""
