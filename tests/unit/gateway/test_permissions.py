"""The permissions of the gateway's account in a stack: everything that the gateway asks the API server for, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_contract.names import GATEWAY_LEASES, GROUP
from platform_infra.settings.sections.deployment import Watch
from platform_infra.workload.gateway.account import (
    GatewayAccountArgs,
    cluster_grants,
    home_grants,
    served_grants,
)
from tests.unit.gateway.cluster import HOME, Cluster
from tests.unit.gateway.shipped import serving
from tests.unit.gateway.test_credentials import account_token
from tests.unit.gateway.test_hooks import alert
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from platform_infra.workload.rbac import Grant

Right = tuple[str, str, str, str]
"""Namespace (empty for the cluster), group, resource and verb."""
TENANT = "shop"
USER = "system:serviceaccount:shop:ci"
VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}
PUT_CREATES = "leases"
"""The API server also asks for `create` where a PUT names an object that does not exist."""


def rights(namespace: str, grants: Iterable[Grant]) -> Iterator[Right]:
    for each in grants:
        yield from ((namespace, each.group, each.resource, verb) for verb in each.verbs)


def granted(*, tenants: bool, watched: tuple[str, ...]) -> set[Right]:
    args = GatewayAccountArgs(
        namespace=HOME,
        home=HOME,
        watch=Watch(namespaces=watched),
        tenant_sources=tenants,
        token_reviews=True,
        secrets=(),
        reads_all=True,
    )
    served = (right for each in watched for right in rights(each, served_grants(args, each)))
    return {*rights(HOME, home_grants(args)), *served, *rights("", cluster_grants(args))}


def used(requests: Iterable[tuple[str, str, dict[str, str]]]) -> Iterator[Right]:
    """Yield the right that each request for a resource takes."""
    for method, path, query in requests:
        match path.strip("/").split("/"):
            case ["api", _, *rest]:
                group = ""
            case ["apis", group, _, *rest]:
                pass
            case _:
                continue
        match rest:
            case ["namespaces", namespace, resource, *name]:
                pass
            case [resource, *name]:
                namespace = ""
            case _:
                # What the API server serves: every user may ask for that.
                continue
        if method == "GET":
            verbs = ["get" if name else "watch" if "watch" in query else "list"]
        else:
            verbs = ["create", "update"] if (method, resource) == ("PUT", PUT_CREATES) else [VERBS[method]]
        yield from ((namespace, group, "/".join([resource, *name[1:]]), verb) for verb in verbs)


async def everything(cluster: Cluster, *, tenants: bool) -> None:
    """Let the gateway do all that it can do."""
    token = account_token()
    cluster.users[token, "notifications"] = USER
    cluster.permissions |= {(USER, "create", TENANT), (USER, "get", TENANT), (USER, "create", HOME)}
    as_user = {"Authorization": f"Bearer {token}"}
    stale = {"holderIdentity": "gone", "leaseDurationSeconds": 1, "renewTime": "2026-11-29T08:00:00.000000Z"}
    labels = {"app.kubernetes.io/name": "notification-gateway", "app.kubernetes.io/component": "presence"}
    cluster.put("leases", HOME, GATEWAY_LEASES[7], meta={"labels": labels}, spec=stale)
    for namespace in (HOME, *([TENANT] if tenants else ())):
        cluster.secret(namespace=namespace, token="s3cret-of-a-sender")
        cluster.source(namespace=namespace)
        cluster.source("path", namespace=namespace, auth={"path": True})
        cluster.source("repeats", namespace=namespace, type="alertmanager")
    cluster.source("users", auth={"kubernetes": {}})
    async with serving(cluster, tenant_sources=tenants, lease_seconds=3) as gateway:
        for place in ("", f"{TENANT}/") if tenants else ("",):
            assert (await gateway.send(f"/hook/{place}alerts")).status == 202
            for _ in range(2):
                assert (await gateway.send(f"/hook/{place}repeats", json=alert())).status == 200
        assert (await gateway.send("/hook/users", headers=as_user)).status == 202
        spec = {"type": "simple", "subject": "hello", "body": "it burns"}
        path = f"/v1/namespaces/{TENANT}/notifications"
        reply = await gateway.send(path, headers=as_user, json=spec)
        assert reply.status == 201, reply.text
        assert (await gateway.send(reply.counts["href"], method="GET", headers=as_user)).status == 200
        await until(lambda: "status" in (cluster.named("notificationsources", "alerts") or {}), "status")
        await until(
            lambda: any(right[3] == "update" and right[2] == "leases" for right in used(cluster.requests)),
            "Lease",
        )
    assert [name for plural, _, name in cluster.objects if plural == "leases"] == [GATEWAY_LEASES[7]]


@pytest.mark.parametrize(
    ("tenants", "watched"),
    [(False, ()), (False, (HOME, TENANT)), (True, (HOME, TENANT))],
    ids=["own", "own of a list", "tenants"],
)
async def test_account_may_do_what_the_gateway_does_and_nothing_else(
    cluster: Cluster, *, tenants: bool, watched: tuple[str, ...]
) -> None:
    await everything(cluster, tenants=tenants)
    asked, may = set(used(cluster.requests)), granted(tenants=tenants, watched=watched)
    written = [
        path.partition("/leases")[2]
        for method, path, _ in cluster.requests
        if method != "GET" and "/leases" in path
    ]
    assert set(written) <= {f"/{name}" for name in GATEWAY_LEASES}
    missing = {right for right in asked if right not in may and ("", *right[1:]) not in may}
    assert missing == set()
    # A grant in the cluster is used in any namespace.
    anywhere = {("", *right[1:]) for right in asked}
    assert {right for right in may if right not in (asked if right[0] else anywhere)} == set()
    assert {group for _, group, *_ in asked} == {
        "",
        GROUP,
        "coordination.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
    }
