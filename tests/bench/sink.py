"""A cheap receiver in its own process: records when each notification came, and answers.

It recognizes a notification by a word of its body, so it works with any controller and format. `PUT /` sets the
answers and resets the record, `GET /` returns it: number -> start and end of each request, in seconds.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time

import orjson
from aiohttp import web

from tests.bench.scenarios import Answers

WORD = re.compile(rb"bench-(\d+)-")
"""In the subject of each notification."""
BACKLOG = 1024


class Sink:
    """The record and the answers."""

    def __init__(self) -> None:
        self._answers = Answers()
        self._seen: dict[int, list[tuple[float, float]]] = {}

    async def handle(self, request: web.BaseRequest) -> web.Response:
        match request.method:
            case "GET":
                return web.Response(body=orjson.dumps(self._seen, option=orjson.OPT_NON_STR_KEYS))
            case "PUT":
                self._answers, self._seen = Answers(**orjson.loads(await request.read())), {}
                return web.Response()
            case _:
                return await self._receive(time.time(), await request.read())

    async def _receive(self, began: float, body: bytes) -> web.Response:
        result = WORD.search(body)
        if result is None:
            return web.Response(status=400, text="no notification of the bench")
        answers, seen = self._answers, self._seen.setdefault(int(result[1]), [])
        number = len(seen)
        seen.append((began, began))
        if answers.delay:
            await asyncio.sleep(answers.delay)
        seen[number] = (began, time.time())
        return web.Response(status=503 if number < answers.failing else 200, text="ok")


async def serve() -> None:
    """Serve on a free port of 127.0.0.1, which is printed, until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.ServerRunner(web.Server(Sink().handle, access_log=None, keepalive_timeout=3600))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG)
    await site.start()
    sys.stdout.write(f"listens on {runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
