"""Notifications that a caller creates itself, with the rights of its ServiceAccount."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from notification_gateway.errors import Unavailable
from notification_gateway.intake import LONG, MOST_WAITING_BYTES, SHORT, LongBodies
from notification_gateway.web import notifications
from notification_gateway.web.notifications import MOST_VALUES
from tests.unit.gateway.cluster import REQUESTS, Cluster
from tests.unit.gateway.shipped import Reply, Shipped, serving
from tests.unit.gateway.test_credentials import account_token
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

USER = "system:serviceaccount:shop:ci"
SPEC = {"type": "simple", "subject": "hello", "body": "it burns"}
PATH = "/v1/namespaces/shop/notifications"
TOKEN = account_token()
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def gateway(cluster: Cluster) -> AsyncIterator[Shipped]:
    """The gateway, where a ServiceAccount may create and get notifications in namespace shop."""
    cluster.users[TOKEN, "notifications"] = USER
    cluster.permissions |= {(USER, "create", "shop"), (USER, "get", "shop"), (USER, "create", "gone")}
    async with serving(cluster) as shipped:
        yield shipped


async def post(gateway: Shipped, *, key: str = "", path: str = PATH, **content: Any) -> Reply:
    headers = BEARER | ({"Idempotency-Key": key} if key else {})
    return await gateway.send(path, headers=headers, **(content or {"json": SPEC}))


async def test_created_notification_has_a_name_and_a_place(gateway: Shipped) -> None:
    reply = await post(gateway)
    (created,) = gateway.cluster.created
    name = created["metadata"]["name"]
    assert reply.status == 201
    assert reply.counts == {"name": name, "uid": created["metadata"]["uid"], "href": f"{PATH}/{name}"}
    assert reply.headers["Location"] == f"{PATH}/{name}"
    assert created["spec"] == SPEC
    assert created["metadata"]["namespace"] == "shop"
    assert gateway.metric("notifications", "created") == 1.0


async def test_request_without_a_key_is_created_each_time(gateway: Shipped) -> None:
    assert [(await post(gateway)).status for _ in range(2)] == [201, 201]
    assert len(gateway.cluster.created) == 2


async def test_repeat_with_its_key_is_the_same_notification(gateway: Shipped) -> None:
    first = await post(gateway, key="k1")
    again = await post(gateway, key="k1", data=b'{"body":"it burns", "subject":"hello","type":"simple"}')
    assert (first.status, again.status) == (201, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.counts == first.counts
    other = await post(gateway, key="k1", json=SPEC | {"subject": "bye"})
    assert other.status == 409
    assert (await post(gateway, key="k2")).status == 201


async def test_hundred_repeats_at_once_are_one_notification(gateway: Shipped) -> None:
    replies = await asyncio.gather(*(post(gateway, key="k") for _ in range(100)))
    assert sorted({each.status for each in replies}) == [200, 201]
    assert sum(each.status == 201 for each in replies) == 1
    assert len(gateway.cluster.created) == 1


async def test_namespace_without_permission_and_one_that_is_missing_are_alike(
    gateway: Shipped,
) -> None:
    missing = web.json_response(
        {"kind": "Status", "code": 404, "message": 'namespaces "gone" not found'}, status=404
    )
    gateway.cluster.fails = lambda method, path, _body: (
        missing if method == "POST" and "/gone/" in path and path.endswith(REQUESTS) else None
    )
    forbidden = await post(gateway, path="/v1/namespaces/other/notifications")
    gone = await post(gateway, path="/v1/namespaces/gone/notifications")
    assert (forbidden.status, gone.status) == (403, 403)
    assert forbidden.text.replace("other", "gone") == gone.text


async def test_invalid_spec_is_refused_with_the_causes_of_the_api_server(gateway: Shipped) -> None:
    causes = [{"reason": "FieldValueRequired", "message": "Required value", "field": "spec.subject"}]
    status = {"kind": "Status", "code": 422, "message": "is invalid", "details": {"causes": causes}}
    gateway.cluster.fails = lambda method, path, _body: (
        web.json_response(status, status=422) if method == "POST" and path.endswith(REQUESTS) else None
    )
    reply = await post(gateway)
    assert (reply.status, reply.counts) == (422, {"error": "is invalid", "causes": causes})


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"data": b"{"}, 400),
        ({"data": b"[]"}, 400),
        ({"data": b'{"a": NaN}'}, 400),
        ({"data": b'{"a": 1, "a": 2}'}, 400),
        ({"data": b"[" * 100}, 400),
        ({"data": b"\xff"}, 400),
        ({"json": SPEC | {"metadata": [[]] * MOST_VALUES}}, 400),
        ({"json": SPEC | {"metadata": {"a": {"b": ["c"] * MOST_VALUES}}}}, 400),
    ],
)
async def test_body_that_is_no_spec_is_refused(gateway: Shipped, content: Any, status: int) -> None:
    assert (await post(gateway, **content)).status == status
    assert gateway.cluster.created == []


async def test_long_bodies_wait_for_their_turn_and_short_ones_do_not(
    cluster: Cluster,
) -> None:
    cluster.users[TOKEN, "notifications"] = USER
    cluster.permissions.add((USER, "create", "shop"))
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    stored = asyncio.Event()

    async def hold(path: str) -> None:
        if path.endswith(REQUESTS):
            await stored.wait()

    cluster.holds = hold
    long = SPEC | {"body": "x" * 20_000}
    async with serving(cluster) as gateway:
        begun = [asyncio.create_task(post(gateway, json=long)) for _ in range(LONG)]
        try:
            await until(lambda: cluster.posts() == LONG)
            waiting = (post(gateway, json=long), gateway.send(json=long), post(gateway))
            begun += map(asyncio.create_task, waiting)
            await until(lambda: cluster.posts() == LONG + 1)
            await asyncio.sleep(0.05)
            assert cluster.posts() == LONG + 1, "two long bodies, and the short one"
        finally:
            stored.set()
        assert [each.status for each in await asyncio.gather(*begun)] == [201, 201, 201, 202, 201]


async def test_namespace_gets_no_second_turn_while_another_one_waits() -> None:
    long, order = LongBodies(), []

    async def use(namespace: str) -> None:
        async with long.turn(namespace, b"x" * (SHORT + 1)):
            order.append(namespace)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for namespace in "a" * 20 + "b" * 3:
            group.create_task(use(namespace))
    assert "".join(order) == "aababab" + "a" * 16


async def test_turn_of_a_sender_that_has_gone_passes_on() -> None:
    long, body = LongBodies(), b"x" * (SHORT + 1)

    async def use() -> None:
        async with long.turn("a", body):
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(use()) for _ in range(LONG + 2)]
    await asyncio.sleep(0)
    for each in tasks[:-1]:
        each.cancel()
    await asyncio.wait(tasks[:-1])
    async with asyncio.timeout(5), long.turn("b", body):
        tasks[-1].cancel()
    async with asyncio.timeout(5), long.turn("a", body), long.turn("a", body):
        pass


async def test_waiting_bodies_of_a_namespace_have_a_bound() -> None:
    long, largest = LongBodies(), b"x" * 1024 * 1024

    async def use(namespace: str) -> None:
        async with long.turn(namespace, largest):
            await asyncio.sleep(60)

    most = LONG + MOST_WAITING_BYTES // len(largest)
    tasks = [asyncio.create_task(use("a")) for _ in range(most)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="too many long messages of namespace a wait"):
        await use("a")
    tasks.append(asyncio.create_task(use("b")))
    await asyncio.sleep(0)
    assert not tasks[-1].done()
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize("key", ["with space", "x" * 256, "\u00e9"])
async def test_key_that_is_none_is_refused(gateway: Shipped, key: str) -> None:
    assert (await post(gateway, key=key)).status == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_wrong_method_is_refused(gateway: Shipped, method: str) -> None:
    assert (await gateway.send(PATH, method=method, headers=BEARER)).status == 405
    assert (await gateway.send(PATH, method=method, headers={})).status == 401


@pytest.mark.parametrize(
    "path", ["/v1/namespaces/shop", "/v1/namespaces/shop/pods", "/v1/namespaces/Shop/notifications"]
)
async def test_unknown_path_is_told_only_to_known_users(gateway: Shipped, path: str) -> None:
    assert (await gateway.send(path, headers=BEARER)).status == 404
    assert (await gateway.send(path, headers={})).status == 401


async def test_state_shows_phase_targets_and_attempts(gateway: Shipped) -> None:
    name = (await post(gateway)).counts["name"]
    status = {
        "phase": "Sending",
        "targets": [{"name": "slack", "state": "Delivering"}],
        "deliveryAttempts": [
            {"channel": "slack", "attempt": 1, "timestamp": "2026-11-29T08:00:00Z", "status": "failed"}
        ],
    }
    gateway.cluster.put(REQUESTS, "shop", name, status=status)
    reply = await gateway.send(f"{PATH}/{name}", method="GET", headers=BEARER)
    assert reply.status == 200
    assert (reply.counts["phase"], reply.counts["final"]) == ("Sending", False)
    assert (reply.counts["targets"], reply.counts["attempts"]) == (
        status["targets"],
        status["deliveryAttempts"],
    )


async def test_caller_waits_until_the_notification_is_final(gateway: Shipped) -> None:
    name = (await post(gateway)).counts["name"]
    waiting = asyncio.create_task(gateway.send(f"{PATH}/{name}?wait=30", method="GET", headers=BEARER))
    await until(
        lambda: gateway.cluster.requests[-1][0] == "GET" and gateway.cluster.requests[-1][1].endswith(name)
    )
    assert not waiting.done()
    gateway.cluster.put(REQUESTS, "shop", name, status={"phase": "Sent"})
    reply = await waiting
    assert (reply.counts["phase"], reply.counts["final"]) == ("Sent", True)


async def test_wait_has_a_share_by_namespace_and_ends_with_its_caller(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "MOST_WAITING", 4)
    cluster.users[TOKEN, "notifications"] = USER
    cluster.permissions |= {(USER, "get", "shop"), (USER, "get", "other")}
    for namespace in ("shop", "other"):
        cluster.put(REQUESTS, namespace, "n")
    async with serving(cluster) as gateway:

        def read(wait: int, namespace: str = "shop") -> Coroutine[None, None, Reply]:
            path = f"/v1/namespaces/{namespace}/notifications/n?wait={wait}"
            return gateway.send(path, method="GET", headers=BEARER)

        waiting = [asyncio.create_task(read(30)) for _ in range(2)]
        await until(lambda: sum(path.endswith("/n") for _, path, _ in cluster.requests) == 2)
        assert (await read(30)).counts["waitRefused"] is True
        assert (await read(1, "other")).counts["waitRefused"] is False
        for each in waiting:
            each.cancel()
        async with asyncio.timeout(10):
            while (await read(1)).counts["waitRefused"]:
                pass


@pytest.mark.parametrize(
    ("wait", "status"), [("1", 200), ("0", 200), ("61", 400), ("-1", 400), ("soon", 400)]
)
async def test_wait_has_a_bound(gateway: Shipped, wait: str, status: int) -> None:
    name = (await post(gateway)).counts["name"]
    reply = await gateway.send(f"{PATH}/{name}?wait={wait}", method="GET", headers=BEARER)
    assert reply.status == status


async def test_missing_notification_is_not_found(gateway: Shipped) -> None:
    assert (await gateway.send(f"{PATH}/none", method="GET", headers=BEARER)).status == 404
    other = await gateway.send("/v1/namespaces/other/notifications/none", method="GET", headers=BEARER)
    assert other.status == 403


async def test_credentials_of_a_source_create_nothing_here(gateway: Shipped) -> None:
    gateway.cluster.secret(token="s3cret-of-a-sender")
    assert (await gateway.send(PATH, json=SPEC)).status == 401
