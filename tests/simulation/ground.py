"""What all processes of a schedule stand on: its cluster, its tape, its beginning, and who is told of what they do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notification_operator.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status import StatusStore
    from notification_operator.controller.workqueue import Key
    from notification_operator.domain.breaker import Limits
    from notification_operator.leadership.lease import Lease
    from tests.simulation.audit_log import AuditLog
    from tests.simulation.cluster import Cluster
    from tests.simulation.receivers import Call
    from tests.simulation.replica import Replica
    from tests.simulation.store import Pass
    from tests.simulation.tape import Tape

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SETTINGS = Settings.model_validate({"shutdown": {"grace_seconds": 15}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all processes of a schedule stand on."""

    cluster: Cluster
    tape: Tape
    tell: Callable[[str], None]
    channels: tuple[str, ...]
    limits: Limits
    workers: int
    leases: dict[str, Lease] | None
    """None for an operator without leader election."""
    shards: Callable[[], int]
    """Says how many shards a process that starts now shares the work among."""
    audit_log: AuditLog | None
    """None for an operator without an audit store."""
    note_call: Callable[[Call, Pass], None]
    note_pass: Callable[[Pass, Key], None]
    store: Callable[[Replica], StatusStore] | None
    """Makes another store than the real kind; to show what would go wrong."""
