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

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace


class Connectivity:
    """Follows every request of the sessions that carry `trace()`."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._watches: dict[tuple[str, str], bool] = {}
        """Whether the watch is open, by client name and path."""
        self._responded_at: float | None = None

    @property
    def open_watches(self) -> int:
        """The number of watches that the API server has accepted and that have not broken since."""
        return sum(self._watches.values())

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
            self._close_watch(client, params.url.path)

    async def _on_end(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self._responded_at = self._clock()
        if "watch" in params.url.query:
            self._watches[client, params.url.path] = params.response.status == HTTPStatus.OK

    async def _on_exception(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        self._close_watch(client, params.url.path)

    def _close_watch(self, client: str, path: str) -> None:
        if (client, path) in self._watches:
            self._watches[client, path] = False
