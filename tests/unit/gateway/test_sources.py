"""The catalog of sources, and what makes one ready."""

from __future__ import annotations

import asyncio
import tracemalloc
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from notification_contract.sources.source import NotificationSource
from notification_contract.sources.status import ReadyReason
from notification_domain.quota import SOURCES, Quota, places
from notification_gateway import metrics
from notification_gateway.sources.catalog import SourceKey, Sources
from notification_gateway.sources.path_tokens import PathTokens
from notification_gateway.sources.readiness import assess
from notification_gateway.sources.secret_values import SecretState, SecretValues
from notification_runtime.rendering.worker import RenderWorker
from tests.unit.gateway.cluster import HOME
from tests.unit.gateway.shipped import serving
from tests.unit.gateway.test_credentials import WHSEC
from tests.unit.operator.kube_api import until
from tests.unit.operator.watch.collections_in_memory import Collections

if TYPE_CHECKING:
    from pathlib import Path

    from kubernetes.aio.client import ApiClient

    from tests.unit.gateway.cluster import Cluster

FOUND = SecretState(known=True, data={"token": "t" * 16})
BEARER = {"bearerSecretRef": {"name": "hook"}}
BASIC = {"basicSecretRef": {"name": "hook"}}
LOGIN = {"username": "u", "password": "p" * 12}
SIGNED = {"hmac": {"secretRef": {"name": "hook"}, "scheme": "standard-webhooks"}}


def source(**spec: Any) -> NotificationSource:
    return NotificationSource.parse(
        {
            "metadata": {"namespace": "shop", "name": "a", "uid": "u"},
            "spec": {"type": "alertmanager", "auth": BEARER, **spec},
        }
    )


@pytest.mark.parametrize(
    ("spec", "state", "problem", "reason"),
    [
        ({}, FOUND, "", ReadyReason.ACCEPTED),
        ({"auth": {}}, FOUND, "", ReadyReason.NO_AUTHENTICATION),
        ({"filter": ["no condition"]}, FOUND, "", ReadyReason.SPEC_INVALID),
        ({}, SecretState(known=True), "", ReadyReason.SECRET_NOT_FOUND),
        ({}, SecretState(known=True, data={"other": "t"}), "", ReadyReason.KEY_MISSING),
        ({}, SecretState(known=True, data={"token": "t" * 15}), "", ReadyReason.SECRET_TOO_SHORT),
        ({}, SecretState(known=True, data={"token": "REPLACE-ME-" * 2}), "", ReadyReason.PLACEHOLDER),
        ({"auth": BASIC}, SecretState(known=True, data=LOGIN), "", ReadyReason.ACCEPTED),
        (
            {"auth": BASIC},
            SecretState(known=True, data=LOGIN | {"password": "p" * 11}),
            "",
            ReadyReason.SECRET_TOO_SHORT,
        ),
        ({"auth": SIGNED}, SecretState(known=True, data={"secret": WHSEC}), "", ReadyReason.ACCEPTED),
        (
            {"auth": SIGNED},
            SecretState(known=True, data={"secret": "whsec_"}),
            "",
            ReadyReason.SECRET_TOO_SHORT,
        ),
        ({}, SecretState(known=True, objection="it lacks the label"), "", ReadyReason.NOT_ALLOWED),
        ({}, FOUND, "body: line 1", ReadyReason.TEMPLATE_INVALID),
        ({"alertmanager": {"repeatAfter": "84h"}}, FOUND, "", ReadyReason.ACCEPTED),
        ({"alertmanager": {"repeatAfter": "85h"}}, FOUND, "", ReadyReason.RETENTION_SHORT),
    ],
)
def test_readiness_has_the_first_reason(
    spec: dict[str, Any], state: SecretState, problem: str, reason: ReadyReason
) -> None:
    readiness = assess(source(**spec), lambda _key: state, problem)
    assert readiness is not None
    assert readiness.reason is reason
    assert readiness.message


def test_readiness_is_not_known_before_the_secrets_are() -> None:
    assert assess(source(), lambda _key: SecretState(), "") is None


def later(state: SecretState, found: SecretState, now: float) -> SecretState:
    return state.next(found, now)


def test_last_good_value_serves_for_a_minute_after_a_change() -> None:
    state = later(SecretState(), SecretState(data={"token": "one"}), 0.0)
    assert state.values("token", 0.0) == ("one",)
    state = later(state, SecretState(data={"token": "two"}), 100.0)
    assert state.values("token", 159.0) == ("two", "one")
    assert state.values("token", 161.0) == ("two",)
    state = later(state, SecretState(), 200.0)
    assert state.values("token", 259.0) == ("two",)
    state = later(state, SecretState(), 230.0)
    assert state.values("token", 261.0) == (), "reading again extends nothing"


def reason(cluster: Cluster, name: str, namespace: str = "shop") -> str:
    status = (cluster.named("notificationsources", name, namespace) or {}).get("status", {})
    return "".join(each["reason"] for each in status.get("conditions", ()))


def declare(cluster: Cluster, name: str, second: int, *, namespace: str = "shop", **spec: Any) -> None:
    """Create a source that refers to a Secret of its name."""
    cluster.secret(f"of-{name}", namespace=namespace, token="s3cret-of-a-sender")
    cluster.source(name, namespace=namespace, auth={"bearerSecretRef": {"name": f"of-{name}"}}, **spec)
    meta = {"creationTimestamp": f"2026-11-29T08:00:0{second}Z"}
    cluster.put("notificationsources", namespace, name, meta=meta)


async def test_sources_beyond_the_quota_of_a_namespace_are_not_kept(cluster: Cluster) -> None:
    for second, name in enumerate("cba"):
        declare(cluster, name, second)
        declare(cluster, name, second, namespace="bank")
        declare(cluster, name, second, namespace=HOME)
    async with serving(cluster, tenant_sources=True, max_sources_per_namespace=2) as gateway:
        for path in ("", "shop/", "bank/"):
            statuses = [(await gateway.send(f"/hook/{path}{name}")).status for name in "cba"]
            assert statuses == [202, 202, 401], path
        await until(lambda: reason(cluster, "a") == "TooMany")
        assert not [path for _, path, _ in cluster.requests if path.endswith("/secrets/of-a")]
        refused = gateway.app.sources.declared(SourceKey("shop", "a"))
        assert refused is not None
        assert refused.source is None
        declare(cluster, "b", 1, mapping={"body": "x" * 9_000})
        await until(lambda: reason(cluster, "b") == "TooMany")
        assert (await gateway.send("/hook/shop/b")).status == 401
        cluster.remove("notificationsources", "shop", "c")
        cluster.remove("notificationsources", "shop", "b")
        cluster.cut()
        await until(lambda: reason(cluster, "a") == "Accepted")
        assert (await gateway.send("/hook/shop/a")).status == 202


async def test_namespace_with_the_most_sources_gives_way_to_others(cluster: Cluster) -> None:
    for second, name in enumerate("abcd"):
        declare(cluster, name, second)
    async with serving(cluster, tenant_sources=True, max_sources=4) as gateway:
        assert [(await gateway.send(f"/hook/shop/{name}")).status for name in "abcd"] == [202] * 4
        for second, name in enumerate("ab", 5):
            declare(cluster, name, second, namespace="bank")
        declare(cluster, "own", 9, namespace=HOME)
        await until(lambda: reason(cluster, "own", HOME) == "Accepted")
        statuses = [(await gateway.send(f"/hook/{path}")).status for path in ("own", "bank/a", "bank/b")]
        assert statuses == [202, 202, 401]
        assert [(await gateway.send(f"/hook/shop/{name}")).status for name in "abcd"] == [202, 202, 401, 401]


async def test_thousands_of_large_sources_take_no_place_of_others(client: ApiClient, tmp_path: Path) -> None:
    collections, secrets = Collections(), SecretValues(client, seconds=monotonic)
    large = {"type": "generic", "mapping": {"subject": "x" * 4096, "body": "x" * 65_536}}
    path, most = f"/apis/{names.API_VERSION}/{names.SOURCE_PLURAL}", 200 // places(large)
    flood = [f"s{number:04}" for number in range(10_000)]
    for name, namespace in {**dict.fromkeys(flood, "flood"), "a": HOME, "b": "shop"}.items():
        metadata = {"namespace": namespace, "uid": name, "creationTimestamp": "2026-11-29T08:00:00Z"}
        collections.put(path, name, {"metadata": metadata, "spec": large})
    sources = Sources(
        collections,
        secrets,
        PathTokens(tmp_path, secrets),
        RenderWorker(),
        home=HOME,
        everywhere=True,
        quota=Quota(SOURCES, home=HOME, per_namespace=200, total=2000),
    )
    tracemalloc.start()
    task = asyncio.create_task(sources.run(lambda _key: None))
    await until(lambda: sources.known)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sources.get(HOME, "a")
    assert sources.get("shop", "b")
    assert [name for name in flood if sources.get("flood", name)] == flood[:most]
    assert kept < 16 * 2**20
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_deleted_sources_give_up_their_place_in_the_metrics(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_SOURCES", 1)
    cluster.secret(token="s3cret-of-a-sender")
    async with serving(cluster) as gateway:
        sources = gateway.app.sources

        async def counted(name: str) -> float:
            key = SourceKey(namespace=HOME, name=name)
            cluster.source(name)
            await until(lambda: sources.readiness(key))
            assert (await gateway.send(f"/hook/{name}")).status == 202
            return gateway.metric(str(key), "created")

        assert (await gateway.send("/hook/none")).status == 401
        assert [await counted(name) for name in "ab"] == [1, 0]
        assert gateway.metric("other", "created") == 1
        cluster.remove("notificationsources", HOME, "a")
        await until(lambda: not sources.exists(f"{HOME}/a"))
        assert gateway.metric(f"{HOME}/a", "created") == 0
        assert await counted("c") == 1
        # The watch breaks before it can tell of this one.
        cluster.send_error(410)
        cluster.remove("notificationsources", HOME, "c")
        await until(lambda: not sources.exists(f"{HOME}/c"))
        assert await counted("d") == 1


async def test_wrong_credentials_count_for_a_source_that_accepted_a_message(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster) as gateway:
        sources, registry = gateway.app.sources, gateway.app.metrics.registry

        async def refused() -> float | None:
            for path in ("/hook/alerts", "/hook/unknown"):
                assert (await gateway.send(path, headers={"Authorization": "Bearer wrong"})).status == 401
            return registry.get_sample_value(
                "kubernaut_notification_source_unauthenticated_total", {"source": f"{HOME}/alerts"}
            )

        assert await refused() is None
        assert (await gateway.send()).status == 202
        await until(lambda: sources.last_received[f"{HOME}/alerts"])
        assert await refused() == 1


async def test_crd_that_arrives_later_needs_no_restart(cluster: Cluster) -> None:
    cluster.uninstall("notificationsources")
    async with serving(cluster, ready=False) as gateway:
        await until(lambda: gateway.app.sources.error)
        assert (await gateway.send()).status == 503
        cluster.secret(token="s3cret-of-a-sender")
        cluster.source()
        cluster.install("notificationsources")
        await until(lambda: gateway.app.sources.known)
        assert (await gateway.send()).status == 202


async def test_crd_that_is_deleted_makes_every_source_unavailable(cluster: Cluster) -> None:
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster) as gateway:
        assert (await gateway.send()).status == 202
        cluster.uninstall("notificationsources")
        await until(lambda: not gateway.app.sources.known)
        assert (await gateway.send()).status == 503
