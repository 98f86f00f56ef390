"""The state of the connections to the API server, for readiness.

Both clients of the process report here, the watching one and the reading one. So readiness needs no
request of its own: it knows which watches are open and when the API server last responded.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp

from notification_operator.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace


class Connectivity:
    """Follows every request of the sessions that carry `trace()`."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._watches: dict[tuple[str, str], bool] = {}
        """Whether the watch is open, by client name and path."""
        self._closed_at: dict[tuple[str, str], float] = {}
        """When each watch was last open."""
        self._started_at = clock()
        self._responded_at: float | None = None

    @property
    def open_watches(self) -> int:
        """The number of watches that the API server has accepted and that have not broken since."""
        return sum(self._watches.values())

    def closed_seconds(self, client: str, path: str) -> float:
        """Return the seconds since a client's watch of a path was open; 0 while it is open."""
        if self._watches.get((client, path), False):
            return 0.0
        return self._clock() - self._closed_at.get((client, path), self._started_at)

    @property
    def silence(self) -> float:
        """Seconds since the API server's last response; infinite before the first."""
        return float("inf") if self._responded_at is None else self._clock() - self._responded_at

    def trace(self, client: str) -> aiohttp.TraceConfig:
        """Return the trace configuration with which the session of this client reports here."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(partial(self._on_start, client))
        config.on_request_end.append(partial(self._on_end, client))
        config.on_request_exception.append(partial(self._on_exception, client))
        return config

    async def _on_start(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        # A client lists or watches a path again only after its last watch there has ended.
        if params.method == "GET":
            self.close_watch(client, params.url.path)

    async def _on_end(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self._responded_at = self._clock()
        if "watch" in params.url.query:
            if params.response.status == HTTPStatus.OK:
                self._watches[client, params.url.path] = True
            else:
                self.close_watch(client, params.url.path)

    async def _on_exception(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        if isinstance(params.exception, KubeError) and params.exception.status is not None:
            self._responded_at = self._clock()
        self.close_watch(client, params.url.path)

    def close_watch(self, client: str, path: str) -> None:
        """Record that a client's watch of a path is not open."""
        if self._watches.get((client, path), False):
            self._watches[client, path] = False
            self._closed_at[client, path] = self._clock()
