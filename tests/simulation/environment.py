"""What all processes of a schedule share: the cluster, the choices, the settings, and who observes the processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from notification_contract.kinds.channel_names import ReceiverType
from notification_runtime.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atomic_status import StatusStore
    from tests.simulation.audit_store import AuditLog
    from tests.simulation.channels import Call
    from tests.simulation.chat import Chat
    from tests.simulation.choices import Choices
    from tests.simulation.cluster import Cluster
    from tests.simulation.outages import Outages
    from tests.simulation.process import Process
    from tests.simulation.receivers.ports import ReceiverEnds
    from tests.simulation.status_store import Reconciliation

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
GRACE_SECONDS = 15.0
BOUNDED = 4
"""Processes with so many workers have bounds that a few notifications exceed."""
MOST_NOTIFICATIONS = 2
"""Such a process holds so many in its queue."""
IN_FLIGHT_BYTES = 1
"""On each of its channels one attempt runs at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What all processes of a schedule share."""

    cluster: Cluster
    choices: Choices
    outages: Outages
    log: Callable[[str], None]
    """Adds a line to the trace."""
    channels: tuple[str, ...]
    breakers: bool
    """Whether circuit breakers may open."""
    workers: int
    leases: dict[str, dict[str, Any]] | None
    """The stored Leases; None for an operator without leader election."""
    shards: Callable[[], int]
    """Returns the number of shards of a process that starts now."""
    audit_log: AuditLog | None
    """None for an operator without an audit store."""
    on_call: Callable[[Call, Reconciliation], None]
    on_reconciled: Callable[[Reconciliation], None]
    store: Callable[[Process], StatusStore] | None
    """Creates a store with an injected fault; None for the correct one."""
    config_maps: Sequence[Mapping[str, Any] | None] = (None,)
    """The contents of the ConfigMap with the routing document, one after another; None without one."""
    receivers: ReceiverEnds | None = None
    """None for an operator without NotificationReceivers."""
    chat: Chat | None = None
    """None if no channel keeps threads."""
    more_settings: tuple[tuple[str, str, Any], ...] = ()
    """Further settings, each as section, name and value: such as limits that a schedule should reach."""

    def settings(self) -> Settings:
        """Return the settings of a process that starts now."""
        return _settings(
            workers=self.workers,
            breakers=self.breakers,
            shards=None if self.leases is None else self.shards(),
            audit=self.audit_log is not None,
            bounded=self.workers == BOUNDED,
            more=self.more_settings,
        )


def now() -> datetime:
    """Return the true time; the clock of a process may differ from it."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


@cache
def _settings(
    *,
    workers: int,
    breakers: bool,
    shards: int | None,
    audit: bool,
    bounded: bool,
    more: tuple[tuple[str, str, Any], ...],
) -> Settings:
    rarely: dict[str, Any] = {"failure_threshold": 1000}
    touchy: dict[str, Any] = {"failure_threshold": 2, "initial_open_seconds": 4, "open_seconds": 8}
    election = {"enabled": True, "lease_name": "lease", "shards": shards}
    values: dict[str, dict[str, Any]] = {
        "queue": {"workers": workers},
        "breaker": touchy if breakers else rarely,
        "channels": {"slack": {"rate_per_second": 1, "burst": 2}} if breakers else {},
        "leader_election": {} if shards is None else election,
        "audit": {"url": "http://audit.example"} if audit else {},
        "retention": {"enabled": False},
        "receivers": {"types_elsewhere": tuple(ReceiverType)},
        "shutdown": {"grace_seconds": GRACE_SECONDS},
    }
    for section, name, value in more:
        values.setdefault(section, {})[name] = value
    settings = Settings.model_validate(values)
    if not bounded:
        return settings
    # Smaller than the settings allow.
    queue = settings.queue.model_copy(update={"max_notifications": MOST_NOTIFICATIONS})
    delivery = settings.delivery.model_copy(update={"in_flight_bytes": IN_FLIGHT_BYTES})
    return settings.model_copy(update={"queue": queue, "delivery": delivery})
