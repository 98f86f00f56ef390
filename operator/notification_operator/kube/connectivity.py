"""What is known, without asking, about the connection to the API server.

Both clients of the process report here: the watching one and the reading one. So readiness can
tell the truth without a request of its own: watches are open, and the API server answered lately.
"""

from __future__ import annotations

from functools import partial
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
        self._watches: dict[tuple[str, str], bool] = {}
        """Whether the watch is open, by the name of its client and the path."""
        self._answered_at: float | None = None

    @property
    def open_watches(self) -> int:
        """How many watches the API server has accepted and that have not broken since."""
        return sum(self._watches.values())

    @property
    def silence(self) -> float:
        """Seconds since the API server last answered anything; infinite before the first answer."""
        return float("inf") if self._answered_at is None else self._clock() - self._answered_at

    def trace(self, client: str) -> aiohttp.TraceConfig:
        """Return what a session of the client of this name has to be built with to report here."""
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
        # A client lists or watches a path again only when its last watch there has ended.
        if params.method == "GET":
            self._broken(client, params.url.path)

    async def _on_end(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self._answered_at = self._clock()
        if "watch" in params.url.query:
            self._watches[client, params.url.path] = params.response.status == OK

    async def _on_exception(
        self,
        client: str,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        self._broken(client, params.url.path)

    def _broken(self, client: str, path: str) -> None:
        if (client, path) in self._watches:
            self._watches[client, path] = False
