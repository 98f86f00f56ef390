"""The presence of replicas, and the shares of the rate limit that follow from it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.names import GATEWAY_LEASES
from notification_contract.sources.source import NotificationSource
from notification_domain.heartbeats.presence import Renewal
from notification_gateway.presence import Presence
from notification_gateway.sources.limits import Limits
from notification_runtime.kube.requests import KubeError
from notification_runtime.leadership.lease import KubeLeases
from tests.unit.gateway.cluster import HOME, Cluster
from tests.unit.gateway.shipped import serving
from tests.unit.operator.kube_api import refusal, until

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

START = datetime(2026, 11, 29, tzinfo=UTC)


def lease_of(cluster: Cluster, replica: str = "gateway-0") -> dict[str, Any] | None:
    """Return the Lease that a replica holds."""
    leases = (cluster.named("leases", name) for name in GATEWAY_LEASES)
    return next((each for each in leases if each and each["spec"]["holderIdentity"] == replica), None)


async def test_replicas_see_each_other_and_who_has_left(cluster: Cluster) -> None:
    async with serving(cluster, lease_seconds=3) as first:
        await until(lambda: lease_of(cluster) is not None, "own Lease")
        async with serving(cluster, replica="gateway-1", lease_seconds=3) as second:
            both = {"gateway-0", "gateway-1"}
            await until(lambda: both == first.app.presence.replicas == second.app.presence.replicas, "both")
        assert lease_of(cluster, "gateway-1") is None, "it leaves in order"
        await until(lambda: first.app.presence.replicas == {"gateway-0"}, "the first one alone")
    assert lease_of(cluster) is None


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.set_by = 0.0
        """How far the wall clock was set forward, in seconds."""

    def __call__(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.now - 100.0 + self.set_by)


def presence_of(client: ApiClient, clock: Clock, replica: str = "gateway-0") -> Presence:
    return Presence(
        KubeLeases(client, HOME), replica=replica, lease_seconds=15, seconds=clock, clock=clock.wall
    )


def since(cluster: Cluster, replica: str = "gateway-0") -> float:
    """Return since when the gateway is there, as a Lease says, in seconds after the start."""
    lease = lease_of(cluster, replica)
    assert lease is not None
    renewal = Renewal.parse(lease)
    assert renewal is not None
    return (renewal.since - START).total_seconds()


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
    assert lease_of(cluster, "gateway-1") is None, "a stale Lease is deleted"


async def test_lease_of_a_process_before_is_taken_over(cluster: Cluster, client: ApiClient) -> None:
    await presence_of(client, Clock()).renew()
    again = presence_of(client, Clock())
    await again.renew()
    await again.renew()
    cluster.remove("leases", HOME, GATEWAY_LEASES[0])
    await again.renew()
    await again.renew()
    assert lease_of(cluster) is not None
    await again.leave()
    assert lease_of(cluster) is None


async def test_lease_that_another_replica_takes_first_is_left_to_it(
    cluster: Cluster, client: ApiClient
) -> None:
    replicas = [presence_of(client, Clock(), f"gateway-{number}") for number in range(10)]
    await asyncio.gather(*(each.renew() for each in replicas))
    assert all(lease_of(cluster, f"gateway-{number}") for number in range(10))


async def test_replica_without_a_free_lease_gets_one_of_a_replica_that_is_gone(
    cluster: Cluster, client: ApiClient
) -> None:
    gone = {"holderIdentity": "gone", "leaseDurationSeconds": 15, "renewTime": "2026-11-28T00:00:00.000000Z"}
    for name in GATEWAY_LEASES:
        cluster.put("leases", HOME, name, spec=gone)
    clock = Clock()
    presence = presence_of(client, clock)
    for _ in range(11):
        with pytest.raises(
            KubeError, match="no Lease from notification-gateway-0 to notification-gateway-19 is"
        ):
            await presence.renew()
        clock.now += 5
    await presence.renew()
    assert lease_of(cluster) is not None


async def test_gateway_is_there_since_its_first_replica_came(cluster: Cluster, client: ApiClient) -> None:
    clock = Clock()
    first = presence_of(client, clock)
    await first.renew()
    clock.now += 10
    second = presence_of(client, clock, "gateway-1")
    await second.renew()
    assert since(cluster, "gateway-1") == 10.0, "the first one may be dead"
    for _ in range(4):
        clock.now += 2
        await first.renew()
        await second.renew()
    await first.leave()
    clock.now += 2
    await second.renew()
    assert since(cluster, "gateway-1") == 10.0, "the first one could not renew for 10 s"


async def test_new_replica_takes_over_since_when_the_gateway_is_there(
    cluster: Cluster, client: ApiClient
) -> None:
    clock = Clock()
    first, second = presence_of(client, clock), presence_of(client, clock, "gateway-1")
    await first.renew()
    for _ in range(3):
        clock.now += 2
        await first.renew()
    for _ in range(3):
        clock.now += 2
        await second.renew()
        await first.renew()
    assert (since(cluster), since(cluster, "gateway-1")) == (0.0, 0.0)


async def test_replica_that_could_not_renew_was_not_there(cluster: Cluster, client: ApiClient) -> None:
    clock = Clock()
    presence = presence_of(client, clock)
    await presence.renew()
    clock.now += 4.9
    await presence.renew()
    assert since(cluster) == 0.0
    clock.now += 5.1
    await presence.renew()
    assert since(cluster) == 10.0


async def test_absence_of_all_replicas_is_taken_over_from_none(cluster: Cluster, client: ApiClient) -> None:
    clock = Clock()
    replicas = presence_of(client, clock), presence_of(client, clock, "gateway-1")
    for _ in range(3):
        clock.now += 2
        for each in replicas:
            await each.renew()
    clock.now += 60
    for _ in range(3):
        clock.now += 2
        for each in replicas:
            await each.renew()
    assert (since(cluster), since(cluster, "gateway-1")) == (68.0, 68.0)


@pytest.mark.parametrize(("step", "expected"), [(60.0, 62.0), (-60.0, -58.0), (0.5, 0.0)])
async def test_time_begins_again_when_the_clock_is_set(
    cluster: Cluster, client: ApiClient, step: float, expected: float
) -> None:
    clock = Clock()
    presence = presence_of(client, clock)
    await presence.renew()
    clock.now, clock.set_by = clock.now + 2, step
    await presence.renew()
    assert since(cluster) == expected


async def test_missing_permission_for_leases_ends_nothing(cluster: Cluster) -> None:
    cluster.fails = lambda _method, path, _body: refusal(403, "no") if "/leases" in path else None
    async with serving(cluster) as gateway:
        assert gateway.app.presence.replicas == {"gateway-0"}
        assert all(check.passed for check in gateway.app.alive().values())


def source(count: int, *, uid: str = "u", namespace: str = "shop") -> NotificationSource:
    return NotificationSource.parse(
        {
            "metadata": {"namespace": namespace, "name": "a", "uid": uid},
            "spec": {"type": "generic", "rateLimit": {"count": count, "period": "10s"}},
        }
    )


@pytest.mark.parametrize(("replicas", "accepted"), [(0, 10), (1, 10), (2, 5), (20, 1)])
def test_replica_accepts_its_share_of_the_rate_limit(replicas: int, accepted: int) -> None:
    limits = Limits(per_namespace=100, total=100, replicas=lambda: replicas, seconds=Clock())
    waits = [limits.take(source(10)) for _ in range(20)]
    assert sum(wait == 0 for wait in waits) == accepted
    assert limits.take(source(10, uid="other")) == 0


def test_refused_messages_use_nothing_of_the_rate_limit() -> None:
    clock = Clock()
    limits = Limits(per_namespace=100, total=100, replicas=lambda: 1, seconds=clock)
    for _ in range(30):
        limits.take(source(10))
    assert limits.take(source(10)) == pytest.approx(1.0)
    clock.now += 1
    assert limits.take(source(10)) == 0


def test_new_limit_and_new_replicas_take_effect_at_once() -> None:
    number = 1
    limits = Limits(per_namespace=100, total=100, replicas=lambda: number, seconds=Clock())
    assert limits.take(source(10)) == 0
    number = 10
    assert [limits.take(source(10)) == 0 for _ in range(2)] == [True, False]


def accepted(limits: Limits, namespace: str, *, posts: int = 100) -> int:
    """Return how many posts to sources of a namespace are accepted, each of which sets a rate that limits nothing."""
    senders = (source(100_000, uid=f"{namespace}-{each}", namespace=namespace) for each in range(posts))
    return sum(limits.take(each) == 0 for each in senders)


def test_namespace_has_one_rate_whatever_its_sources_set() -> None:
    clock = Clock()
    limits = Limits(per_namespace=4, total=100, replicas=lambda: 2, seconds=clock)
    assert [accepted(limits, namespace) for namespace in ("shop", "shop", "bank")] == [10, 0, 10]
    clock.now += 3
    assert accepted(limits, "shop") == 6


def test_namespaces_that_send_at_once_share_the_rate_of_all() -> None:
    clock = Clock()
    limits = Limits(per_namespace=10, total=10, replicas=lambda: 1, seconds=clock)
    assert [accepted(limits, namespace) for namespace in ("shop", "bank", "shop")] == [50, 25, 0]
    for _ in range(10):
        clock.now += 1
        assert [accepted(limits, namespace) for namespace in ("shop", "bank")] == [5, 5]


def test_further_messages_of_a_batch_delay_the_next_ones() -> None:
    clock = Clock()
    limits = Limits(per_namespace=100, total=100, replicas=lambda: 1, seconds=clock)
    assert limits.take(source(10)) == 0
    limits.charge(source(10), 99)
    assert limits.take(source(10)) == pytest.approx(91)
