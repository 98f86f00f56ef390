"""The HTTP endpoints of the process: /healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from prometheus_client import CollectorRegistry, Metric

    from notification_contract.settings import Server


ALL_ADDRESSES: Final = "::"
ALL_IPV4_ADDRESSES: Final = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus connect from other hosts
WITHOUT_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
"""What the kernel reports if IPv6 is not built in, or disabled."""
SHARE: Final = 0.05
"""The share of a processor that pages of metrics may take, however often they are asked for."""
BURST: Final = 0.25
"""Seconds of a processor that they may take before that counts, so that a small page is always fresh; a large one is 5 seconds old at most."""


def all_addresses(port: int) -> socket.socket:
    """Return a socket that accepts connections to every address of this host; port 0 selects a free one.

    asyncio cannot create it: for `::` it restricts a socket to IPv6, and for all addresses it creates one per family,
    with different ports if it selects them.

    Raises:
        OSError: the port is taken; names it.
    """
    try:
        return _bound(socket.AF_INET6, ALL_ADDRESSES, port)
    except OSError as error:
        if error.errno not in WITHOUT_IPV6:
            raise
    return _bound(socket.AF_INET, ALL_IPV4_ADDRESSES, port)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on port {port} of {host}: {error.strerror}") from error
    return listener


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one health check."""

    passed: bool
    text: str
    """The state that was found, for people."""


class Collected(Collector):
    """The metrics as they are now, for `generate_latest`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = tuple(registry.collect())

    def collect(self) -> tuple[Metric, ...]:
        return self._metrics


class MetricsPage:
    """The text of the metrics. Values are read in the event loop, which owns them, and written as text in a thread.

    Args:
        clock: monotonic seconds.
        processor: seconds of processor time of the calling thread, so that a busy machine makes no page old.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        clock: Callable[[], float] = monotonic,
        processor: Callable[[], float] = thread_time,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._processor = processor
        self._text = b""
        self._busy = 0.0
        """Seconds of a processor that pages have taken, less their share of the time since."""
        self._busy_at = clock()
        self._building = asyncio.Lock()

    async def text(self) -> bytes:
        """Return the page; the one before, while pages take more than their share of the time."""
        async with self._building:
            now = self._clock()
            self._busy = max(self._busy - (now - self._busy_at) * SHARE, 0.0)
            self._busy_at = now
            if not self._text or self._busy < BURST:
                start = self._processor()
                collected = Collected(self._registry)
                took = self._processor() - start
                self._text, wrote = await asyncio.to_thread(self._written, collected)
                self._busy += min(took + wrote, BURST)
            return self._text

    def _written(self, collected: Collected) -> tuple[bytes, float]:
        """Return the page, and the processor time that it took."""
        start = self._processor()
        return generate_latest(collected), self._processor() - start


class HealthServer:
    """Serves the probes on one port and the metrics on another.

    A probe returns its checks by key. It runs at each request; the answer is 200 if all checks pass, else 503,
    and lists each of them.
    """

    def __init__(
        self,
        settings: Server,
        *,
        registry: CollectorRegistry,
        alive: Callable[[], Mapping[str, Check]],
        ready: Callable[[], Mapping[str, Check]],
    ) -> None:
        self._settings = settings
        self._page = MetricsPage(registry)
        self._probes = {"/healthz": alive, "/readyz": ready}
        self._runners: list[web.AppRunner] = []
        self.ports: tuple[int, ...] = ()
        """The ports in use, health then metrics, once started."""

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: a port is taken.
        """
        probes, metrics = web.Application(), web.Application()
        for path, probe in self._probes.items():
            probes.router.add_get(path, _answer(probe))
        metrics.router.add_get("/metrics", self._metrics)
        self.ports = (
            await self._listen(probes, self._settings.health_port),
            await self._listen(metrics, self._settings.metrics_port),
        )

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _listen(self, app: web.Application, port: int) -> int:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        await self._site(runner, port).start()
        actual: int = runner.addresses[0][1]
        return actual

    def _site(self, runner: web.AppRunner, port: int) -> web.BaseSite:
        if self._settings.host == ALL_ADDRESSES:
            return web.SockSite(runner, all_addresses(port))
        return web.TCPSite(runner, self._settings.host, port)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._page.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(
    probe: Callable[[], Mapping[str, Check]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(_request: web.Request) -> web.StreamResponse:
        checks = probe()
        passed = all(check.passed for check in checks.values())
        lines = [_line(key, check) for key, check in checks.items()]
        status = HTTPStatus.OK if passed else HTTPStatus.SERVICE_UNAVAILABLE
        return web.Response(text="".join(lines), status=status)

    return handle


def _line(key: str, check: Check) -> str:
    return f"{'ok' if check.passed else 'failed'}: {key}: {check.text}\n"
