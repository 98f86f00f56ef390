"""The supervisor on a virtual clock: outages of minutes, and what the probes and the elector learn meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from notification_operator.watch.supervisor import CLIENT, SupervisedWatch, WatchSupervisor
from notification_runtime.kube.client import Connectivity
from notification_runtime.kube.collection_watch import LONGEST_DELAY, retry_delay
from notification_runtime.kube.requests import KubeError
from tests.simulation.virtual_loop import run_virtually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

LISTED = object()
OUTAGE = 600.0
RECONNECT = 0.1
"""Seconds that kopf waits between two attempts."""
META = {"namespace": "a", "name": "order-1", "uid": "uid-1"}


class Kind:
    """A kind that is served, or not."""

    name = "notificationrequests.kubernaut.ai"

    def __init__(self) -> None:
        self.missing = False

    async def wait(self) -> bool:
        waited = self.missing
        while self.missing:  # noqa: ASYNC110 - a test sets it, without an event
            await asyncio.sleep(1)
        return waited


class Listed:
    """Records a listing when it is complete."""

    def __init__(self, namespace: str | None, complete: list[tuple[str | None, list[str]]]) -> None:
        self._namespace = namespace
        self._complete = complete
        self._names: list[str] = []

    def add(self, obj: Mapping[str, Any]) -> bool:
        self._names.append(obj["metadata"]["name"])
        return True

    def complete(self) -> None:
        self._complete.append((self._namespace, self._names))


class Server:
    """Two namespaces that are watched as kopf does: after each end, from the start."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.failures: dict[str, KubeError] = {}
        """Why attempts fail, by namespace."""
        self.hanging: set[str] = set()
        self.page_seconds = 0.0
        """How long the API server takes for each of forty pages."""
        self.attempts: dict[str, list[float]] = {"a": [], "b": []}
        self.opened: dict[str, list[float]] = {"a": [], "b": []}
        self.listed: list[tuple[str | None, list[str]]] = []
        """The namespace and the names of each complete listing."""
        self.unavailable: list[tuple[str, str]] = []
        self.kind = Kind()
        self.ended = asyncio.Event()
        self.connectivity = Connectivity(clock=loop.time)
        self.supervisor = WatchSupervisor(
            [SupervisedWatch(path=path, namespace=path) for path in self.attempts],
            served=self.kind,  # type: ignore[arg-type] # a stand-in without HTTP
            connectivity=self.connectivity,
            notifications=self,  # type: ignore[arg-type] # begins listings, and nothing else
            on_unavailable=lambda namespace, error: self.unavailable.append((namespace, error)),
            clock=loop.time,
        )
        self._tasks = [loop.create_task(self._watch(path)) for path in self.attempts]

    def begin_listing(self, namespace: str | None) -> Listed:
        return Listed(namespace, self.listed)

    def break_watches(self) -> None:
        """End every watch."""
        self.ended.set()
        self.ended = asyncio.Event()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, path: str) -> None:
        while True:
            async for _event in self.supervisor.follow(path, self._stream(path), listed=LISTED):
                pass
            await asyncio.sleep(RECONNECT)

    async def _stream(self, path: str) -> AsyncIterator[Any]:
        loop = asyncio.get_running_loop()
        self.attempts[path].append(loop.time())
        if path in self.hanging:
            await asyncio.sleep(1e6)
        if path in self.failures:
            raise self.failures[path]
        if self.page_seconds:
            for page in range(40):
                await asyncio.sleep(self.page_seconds)
                yield {"type": None, "object": {"metadata": META | {"name": f"order-{page}"}}}
        yield {"type": None, "object": {"metadata": META}}
        yield LISTED
        self.opened[path].append(loop.time())
        await self._open(path)
        await self.ended.wait()

    async def _open(self, path: str) -> None:
        answer = SimpleNamespace(
            url=SimpleNamespace(path=path, query={"watch": "true"}), response=SimpleNamespace(status=200)
        )
        for report in self.connectivity.trace(CLIENT).on_request_end:
            await report(None, None, answer)  # type: ignore[arg-type] # what aiohttp passes


@pytest.mark.parametrize("status", [None, 429, 500, 503, 403, 401, 400])
def test_watches_settle_seconds_after_an_outage_of_minutes(status: int | None) -> None:
    async def test() -> None:
        loop, server = asyncio.get_running_loop(), Server()
        await asyncio.sleep(30)
        assert (server.supervisor.closed_seconds, server.supervisor.stalled_seconds) == (0, 0)
        assert server.listed[0] == ("a", ["order-1"])
        error = KubeError(status=status, reason="away")
        server.failures = {"a": error, "b": error}
        server.break_watches()
        began, longest = loop.time(), 0.0
        with capture_logs() as logs:
            while loop.time() < began + OUTAGE:
                await asyncio.sleep(1)
                longest = max(longest, server.supervisor.stalled_seconds)
        assert longest <= LONGEST_DELAY + RECONNECT
        assert server.supervisor.closed_seconds == pytest.approx(OUTAGE, abs=1)
        assert server.supervisor.error == str(error)
        assert OUTAGE / LONGEST_DELAY <= len(server.attempts["a"]) <= OUTAGE / LONGEST_DELAY * 2 + 20
        assert [line["event"] for line in logs].count("watch failed; retrying") == 2
        server.failures = {}
        ended = loop.time()
        await asyncio.sleep(20)
        assert all(times[-1] - ended <= LONGEST_DELAY + RECONNECT for times in server.opened.values())
        assert (server.supervisor.closed_seconds, server.supervisor.required) == (0, 2)
        await server.close()

    run_virtually(test())


def test_refusing_namespace_is_excused_and_returns_in_seconds() -> None:
    async def test() -> None:
        server = Server()
        await asyncio.sleep(30)
        server.failures["a"] = KubeError(status=403, reason="no Role")
        server.break_watches()
        await asyncio.sleep(55)
        assert (server.supervisor.required, server.unavailable) == (2, [])
        assert server.supervisor.closed_seconds > 50
        await asyncio.sleep(20)
        assert server.unavailable == [("a", "403 no Role")]
        assert (server.supervisor.required, server.supervisor.closed_seconds) == (1, 0)
        await asyncio.sleep(OUTAGE)
        assert len(server.unavailable) == 1
        del server.failures["a"]
        await asyncio.sleep(LONGEST_DELAY + 0.2)
        assert (server.supervisor.required, server.supervisor.unavailable_namespaces) == (2, ())
        await server.close()

    run_virtually(test())


def test_every_namespace_refusing_still_counts_as_closed() -> None:
    async def test() -> None:
        server = Server()
        error = KubeError(status=404, reason="gone")
        server.failures = {"a": error, "b": error}
        await asyncio.sleep(100)
        assert server.supervisor.unavailable_namespaces == ("a", "b")
        assert server.supervisor.closed_seconds > 90
        assert (server.supervisor.required, server.supervisor.error) == (2, "404 gone")
        await server.close()

    run_virtually(test())


def test_listing_that_takes_minutes_is_not_stalled() -> None:
    async def test() -> None:
        server = Server()
        await asyncio.sleep(30)
        server.page_seconds = 5
        server.break_watches()
        longest = 0.0
        for _ in range(180):
            await asyncio.sleep(1)
            longest = max(longest, server.supervisor.stalled_seconds)
        assert longest <= 6
        assert server.supervisor.closed_seconds > 120
        await server.close()

    run_virtually(test())


def test_hanging_watch_is_stalled_and_a_missing_kind_is_not() -> None:
    async def test() -> None:
        server = Server()
        await asyncio.sleep(30)
        server.hanging.add("b")
        server.break_watches()
        await asyncio.sleep(130)
        assert server.supervisor.stalled_seconds > 120
        server.kind.missing = True
        assert server.supervisor.stalled_seconds == 0
        assert server.supervisor.error == "waiting for the CRD notificationrequests.kubernaut.ai"
        await server.close()

    run_virtually(test())


def test_missing_kind_is_awaited() -> None:
    async def test() -> None:
        server = Server()
        await asyncio.sleep(30)
        server.kind.missing = True
        server.failures = dict.fromkeys("ab", KubeError(status=404, reason="not found"))
        server.break_watches()
        await asyncio.sleep(OUTAGE)
        assert server.unavailable == []
        server.failures, server.kind.missing = {}, False
        await asyncio.sleep(2)
        assert server.supervisor.closed_seconds == 0
        await server.close()

    run_virtually(test())


def test_delays_grow_to_the_longest_and_are_spread() -> None:
    assert all(retry_delay(failures) <= LONGEST_DELAY for failures in (1, 5, 2000))
    assert len({retry_delay(2000) for _ in range(20)}) > 10
