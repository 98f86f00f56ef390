"""Ports for tests of the composition that ships: null ones, and what a test puts in their place."""

from __future__ import annotations

from typing import Any

from atomic_status.testing import MemoryStore
from notification_operator.ports import Ports
from notification_runtime.kube.events import Regarding
from notification_runtime.telemetry.metrics import Metrics
from tests.simulation.null_ports import NoAuditStore, NoDocument, NoEvents, NoLeases, NoObjects


def null_ports(**ports: Any) -> Ports:
    """Return ports that do nothing, except the given ones."""
    defaults: dict[str, Any] = {
        "store": MemoryStore(),
        "leases": NoLeases(),
        "objects": NoObjects(),
        "routing": NoDocument(),
        "channels": {},
        "audit": NoAuditStore(),
        "events": NoEvents(),
        "metrics": Metrics(),
        "pod": Regarding(api_version="v1", kind="Pod", namespace="own", name="operator"),
        "identity": "this operator",
    }
    return Ports(**{**defaults, **ports})
