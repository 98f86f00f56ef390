"""What all processes of a schedule share: the cluster, the choices, the settings, and who observes the processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from notification_operator.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status import StatusStore
    from tests.simulation.audit_store import AuditLog
    from tests.simulation.choices import Choices
    from tests.simulation.cluster import Cluster
    from tests.simulation.process import Process
    from tests.simulation.receivers import Call
    from tests.simulation.status_store import Reconciliation

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
GRACE_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What all processes of a schedule share."""

    cluster: Cluster
    choices: Choices
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

    def settings(self) -> Settings:
        """Return the settings of a process that starts now."""
        return _settings(
            workers=self.workers,
            breakers=self.breakers,
            shards=None if self.leases is None else self.shards(),
            audit=self.audit_log is not None,
        )


def now() -> datetime:
    """Return the simulated wall-clock time."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


@cache
def _settings(*, workers: int, breakers: bool, shards: int | None, audit: bool) -> Settings:
    rarely: dict[str, Any] = {"failure_threshold": 1000}
    touchy: dict[str, Any] = {"failure_threshold": 2, "initial_open_seconds": 4, "open_seconds": 8}
    election = {"enabled": True, "lease_name": "lease", "shards": shards}
    return Settings.model_validate(
        {
            "queue": {"workers": workers},
            "breaker": touchy if breakers else rarely,
            "channels": {"slack": {"rate_per_second": 1, "burst": 2}} if breakers else {},
            "leader_election": {} if shards is None else election,
            "audit": {"url": "http://audit.example"} if audit else {},
            "retention": {"enabled": False},
            "shutdown": {"grace_seconds": GRACE_SECONDS},
        }
    )
