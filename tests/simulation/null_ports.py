"""Ports that do nothing, for operators that do not need them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


class FixedDocument:
    """A ConfigMap that never changes; None for a cluster without one."""

    error = ""

    def __init__(self, config_map: Mapping[str, Any] | None) -> None:
        self._config_map = config_map

    async def changes(self) -> AsyncIterator[Mapping[str, Any] | None]:
        """Yield it, and no change ever."""
        yield self._config_map
        await asyncio.get_running_loop().create_future()


class NoObjects:
    """Is never asked: retention is disabled, and no label selects namespaces."""

    def pages(self, namespace: str | None, *, selector: str = "") -> AsyncIterator[Sequence[dict[str, Any]]]:
        """List nothing."""
        raise NotImplementedError

    async def delete(self, ref: object, *, uid: str, version: str) -> None:
        """Delete nothing."""
        raise NotImplementedError


class OpenWatches:
    """Watches that are open all the time."""

    closed_seconds = 0.0


class NoEvents:
    """Posts no Kubernetes Events."""

    @property
    def tasks(self) -> Mapping[str, bool]:
        """Return no task."""
        return {}

    def start(self) -> None:
        """Start nothing."""

    def record(self, event: object) -> None:
        """Post nothing."""

    async def close(self, seconds: float) -> None:
        """Close nothing."""


class NoLeases:
    """Is never asked: leader election is disabled."""

    async def list(self) -> Sequence[dict[str, Any]]:
        """List nothing."""
        raise NotImplementedError

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Create nothing."""
        raise NotImplementedError

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace nothing."""
        raise NotImplementedError

    async def delete(self, lease: Mapping[str, Any]) -> None:
        """Delete nothing."""
        raise NotImplementedError


class NoAuditStore:
    """Is never asked: no audit store is configured."""

    async def write(self, events: Sequence[bytes]) -> None:
        """Write nothing."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close nothing."""
