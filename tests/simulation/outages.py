"""What fails for all processes at once: the API server, one namespace, and the audit store, each for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(slots=True)
class Outages:
    """Times on the loop's clock at which each outage ends."""

    api_until: float = 0.0
    forbidden_until: dict[str, float] = field(default_factory=dict)
    """By namespace: its objects can neither be read nor written."""
    audit_until: float = 0.0
    audit_status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def api_seconds(self) -> float:
        """Seconds until the API server answers again; 0 while it does."""
        return max(0.0, self.api_until - _now())

    def forbids(self, namespace: str) -> bool:
        """Return whether requests in a namespace are refused now."""
        return self.forbidden_until.get(namespace, 0.0) > _now()

    @property
    def audit_seconds(self) -> float:
        """Seconds until the audit store accepts events again; 0 while it does."""
        return max(0.0, self.audit_until - _now())

    @property
    def ends(self) -> float:
        """The time at which all of them have ended."""
        return max(self.api_until, self.audit_until, *self.forbidden_until.values(), 0.0)

    @property
    def any(self) -> bool:
        """Whether the API server refuses or loses anything now."""
        return self.api_seconds > 0 or any(map(self.forbids, self.forbidden_until))


def _now() -> float:
    return asyncio.get_running_loop().time()
