"""What is known, without asking, about the connection to the API server.

Both clients of the process report here: the watching one and the reading one. So readiness can
tell the truth without a request of its own: watches are open, and the API server answered lately.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

OK = 200


class Connectivity:
    """Follows each request of a client that carries `trace()`."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._watches: dict[str, bool] = {}
        self._answered_at: float | None = None

    @property
    def open_watches(self) -> int:
        """How many watches the API server has accepted and that have not broken since."""
        return sum(self._watches.values())

    @property
    def silence(self) -> float:
        """Seconds since the API server last answered anything; infinite before the first answer."""
        return float("inf") if self._answered_at is None else self._clock() - self._answered_at

    def trace(self) -> aiohttp.TraceConfig:
        """Return what a client session has to be built with to report here."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._on_start)
        config.on_request_end.append(self._on_end)
        config.on_request_exception.append(self._on_exception)
        return config

    async def _on_start(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        # A client lists or watches a path again only when its last watch there has ended.
        if params.method == "GET" and params.url.path in self._watches:
            self._watches[params.url.path] = False

    async def _on_end(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self._answered_at = self._clock()
        if "watch" in params.url.query:
            self._watches[params.url.path] = params.response.status == OK

    async def _on_exception(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        if params.url.path in self._watches:
            self._watches[params.url.path] = False
