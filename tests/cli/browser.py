"""Chromium under control of a test, over its debugging protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSTALL = (
    ("apt-get", "update", "--quiet"),
    ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"),
)
FOREIGN = "rebound.example"
"""A name of another site that resolves to this machine in the browser, as an attacker's name may."""
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
    *("--disable-background-networking", f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1", "about:blank"),
)
COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
WITHIN = 20.0


def provide() -> str:
    """Return the path of the browser; as root on Debian, it is installed if it is missing."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        assert os.geteuid() == 0 and Path("/etc/debian_version").exists(), (  # noqa: PT018 - one reason
            "the tests of the page need Chromium: install it (Debian: apt-get install chromium)"
        )
        for command in INSTALL:
            subprocess.run(command, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        program = shutil.which(PROGRAMS[0])
    assert program is not None
    return program


class Tab:
    """One tab.

    `complaints` holds what the browser logs, such as violations of the page's policy; `requests` holds the address of
    every request, and `statuses` the status of the last response from each address.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.statuses: dict[str, int] = {}

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=WITHIN)
            if message.get("method") in COMPLAINTS:
                self.complaints.append(message)
            self._note(message)
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def _note(self, message: dict[str, Any]) -> None:
        match message:
            case {"method": "Network.requestWillBeSent", "params": {"request": {"url": url}}}:
                self.requests.append(url)
            case {
                "method": "Network.responseReceived",
                "params": {"response": {"url": url, "status": status}},
            }:
                self.statuses[url] = status

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    async def evaluate_json(self, expression: str) -> Any:
        """Return the value of a promise of JSON."""
        result = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return json.loads(result["result"]["value"])

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(WITHIN):
            while not await self.evaluate(expression):  # noqa: ASYNC110 - the browser's state
                await asyncio.sleep(0.05)

    async def open(self, url: str) -> None:
        """Open an address and wait until the page is loaded."""
        await self.call("Page.navigate", url=url)
        await self.until(f"location.href === {url!r} && document.readyState === 'complete'")


@contextlib.contextmanager
def _browser(program: str) -> Iterator[str]:
    """Run the browser; gives the address of its protocol."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, f"--user-data-dir={profile}", *FLAGS], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            lines = iter(process.stderr.readline, "")
            port = next(match[1] for line in lines if (match := re.search(r"ws://[^:]+:(\d+)/", line)))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=WITHIN)


@contextlib.asynccontextmanager
async def tab(program: str) -> AsyncIterator[Tab]:
    """Open a tab of a new browser."""
    with _browser(program) as address:
        async with aiohttp.ClientSession() as session:
            async with session.put(f"{address}/json/new?about:blank") as response:
                target = await response.json(content_type=None)
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                result = Tab(socket)
                for domain in ("Page", "Log", "Runtime", "Network"):
                    await result.call(f"{domain}.enable")
                yield result
