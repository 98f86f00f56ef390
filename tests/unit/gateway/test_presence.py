"""The presence of replicas, and the shares of the rate limit that follow from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.sources.source import NotificationSource
from notification_gateway.presence import Presence
from notification_gateway.sources.limits import Limits
from notification_operator.leadership.lease import KubeLeases
from tests.unit.gateway.cluster import HOME, Cluster
from tests.unit.gateway.shipped import serving
from tests.unit.operator.kube_api import refusal, until

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

LEASE = "gateway-0-presence"


def lease_of(cluster: Cluster, name: str = LEASE) -> dict[str, Any] | None:
    return cluster.named("leases", name)


async def test_replicas_see_each_other_and_who_has_left(cluster: Cluster) -> None:
    async with serving(cluster, lease_seconds=3) as first:
        await until(lambda: lease_of(cluster) is not None, "own Lease")
        async with serving(cluster, replica="gateway-1", lease_seconds=3) as second:
            both = {"gateway-0", "gateway-1"}
            await until(lambda: both == first.app.presence.replicas == second.app.presence.replicas, "both")
        assert lease_of(cluster, "gateway-1-presence") is None, "it leaves in order"
        await until(lambda: first.app.presence.replicas == {"gateway-0"}, "the first one alone")
    assert lease_of(cluster) is None


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def presence_of(client: ApiClient, clock: Clock, replica: str = "gateway-0") -> Presence:
    return Presence(
        KubeLeases(client, HOME),
        replica=replica,
        lease_seconds=15,
        seconds=clock,
        clock=lambda: datetime(2026, 11, 29, tzinfo=UTC),
    )


async def test_silent_replica_counts_until_its_lease_is_over(cluster: Cluster, client: ApiClient) -> None:
    clock = Clock()
    own, other = presence_of(client, clock), presence_of(client, clock, "gateway-1")
    await other.renew()
    await own.renew()
    assert own.replicas == {"gateway-0", "gateway-1"}
    for _ in range(3):
        clock.now += 5.5
        await own.renew()
    assert own.replicas == {"gateway-0"}
    for _ in range(6):
        clock.now += 6
        await own.renew()
    assert lease_of(cluster, "gateway-1-presence") is None, "a stale Lease is deleted"


async def test_lease_of_a_process_before_is_taken_over(cluster: Cluster, client: ApiClient) -> None:
    await presence_of(client, Clock()).renew()
    again = presence_of(client, Clock())
    await again.renew()
    await again.renew()
    cluster.remove("leases", HOME, LEASE)
    await again.renew()
    await again.renew()
    assert lease_of(cluster) is not None
    await again.leave()
    assert lease_of(cluster) is None


async def test_missing_permission_for_leases_ends_nothing(cluster: Cluster) -> None:
    cluster.fails = lambda _method, path, _body: refusal(403, "no") if "/leases" in path else None
    async with serving(cluster) as gateway:
        assert gateway.app.presence.replicas == {"gateway-0"}
        assert all(check.passed for check in gateway.app.alive().values())


def source(count: int, *, uid: str = "u") -> NotificationSource:
    return NotificationSource.parse(
        {
            "metadata": {"namespace": "shop", "name": "a", "uid": uid},
            "spec": {"type": "generic", "rateLimit": {"count": count, "period": "10s"}},
        }
    )


@pytest.mark.parametrize(("replicas", "accepted"), [(0, 10), (1, 10), (2, 5), (20, 1)])
def test_replica_accepts_its_share_of_the_rate_limit(replicas: int, accepted: int) -> None:
    limits = Limits(replicas=lambda: replicas, seconds=Clock())
    waits = [limits.take(source(10)) for _ in range(20)]
    assert sum(wait == 0 for wait in waits) == accepted
    assert limits.take(source(10, uid="other")) == 0


def test_refused_messages_use_nothing_of_the_rate_limit() -> None:
    clock = Clock()
    limits = Limits(replicas=lambda: 1, seconds=clock)
    for _ in range(30):
        limits.take(source(10))
    assert limits.take(source(10)) == pytest.approx(1.0)
    clock.now += 1
    assert limits.take(source(10)) == 0


def test_new_limit_and_new_replicas_take_effect_at_once() -> None:
    number = 1
    limits = Limits(replicas=lambda: number, seconds=Clock())
    assert limits.take(source(10)) == 0
    number = 10
    assert [limits.take(source(10)) == 0 for _ in range(2)] == [True, False]
