"""Settings for the work on notifications: which ones, how many at a time, by which replica, for how long. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract import names
from notification_contract.settings.section import Rule, Seconds, Section


class Watch(Section):
    """The namespaces that the operator watches; without a setting, all of them."""

    namespaces: tuple[str, ...] = ()
    """Names of the namespaces to watch; empty watches all. Cannot be combined with a namespace selector."""
    namespace_selector: str | None = None
    """Label selector of the namespaces to watch, such as `team=web,env!=dev`."""

    rules = (
        Rule(
            settings=("namespaces", "namespace_selector"),
            is_broken=lambda watch: watch.namespaces and watch.namespace_selector,
            problem="and {1} are both set",
            hint="set only one of them",
        ),
    )


class Queue(Section):
    """The work queue."""

    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Maximum number of concurrent reconciliations, of which one namespace has at most three quarters, rounded up. A slow delivery does not occupy a worker."""
    max_notifications: Annotated[int, Field(ge=1000, le=1_000_000)] = 20_000
    """Maximum number of open notifications that are held in memory. Further notifications are listed again when some of these are done."""


class Retention(Section):
    """Deletion of finished notifications after their `spec.retentionDays`."""

    enabled: bool = True
    """Whether the operator deletes notifications after their retention period. This needs permission to delete them."""
    deletes_per_second: Annotated[float, Field(gt=0, le=1000)] = 5.0
    """Deletions per second; up to ten times as many while the backlog would outlast the interval between two sweeps."""
    interval_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    """Seconds between two sweeps. The first sweep starts after a tenth of this time."""
    failed_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which a notification is kept at least if it was not delivered to every target, or sends another one again."""


class LeaderElection(Section):
    """Leader election between replicas: the holder of a shard's Lease works on that shard."""

    enabled: bool = False
    """Whether replicas elect a leader through a Lease. Required wherever two operators see the same notifications, also during a rollout."""
    namespace: str | None = None
    """Namespace of the Leases; by default the namespace of the pod or of the kubeconfig context."""
    lease_name: str = names.LEASE
    """Name of the Lease. With several shards, the Lease of the first shard and the prefix of the further Leases."""
    lease_seconds: Annotated[int, Field(ge=3, le=300)] = 10
    """Seconds after which another replica takes over a Lease that its holder does not renew."""
    shards: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of shards that the notifications are divided into. With 1, one replica is active and the others stand by."""

    rules = (
        Rule(
            settings=("shards", "enabled"),
            is_broken=lambda election: election.shards > 1 and not election.enabled,
            problem="is greater than 1, but {1} is false, so no Lease assigns the shards to replicas",
            hint="set {0} to 1, or {1} to true",
        ),
    )


class Shutdown(Section):
    """Graceful shutdown."""

    grace_seconds: Seconds = 30.0
    """Maximum duration of a shutdown, in seconds. Running attempts finish first, then buffered audit events are sent."""
