"""A cheap receiver in its own process, which answers 503 to each notification some times, then 200.

It recognizes a notification by a word of its body, so it works with any controller and format. `PUT /` sets the answers and
forgets the notifications; a URL with `?delay=8` is answered after so many seconds in any case, and one with `?steady` with 200.
It serves HTTP, HTTPS for NotificationReceivers, and SMTP without encryption.
"""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
import sys
from collections import Counter

import orjson
from aiohttp import web

from tests.harness.sink.smtp import Encryption, smtp_protocol

WORD = re.compile(rb"bench-(\d+)-")
"""In the subject of each notification."""
BACKLOG = 1024
KEEP_ALIVE_SECONDS = 3600


class Sink:
    """The answers, and how many requests there were about each notification."""

    def __init__(self) -> None:
        self._failing, self._delay = 0, 0.0
        self._seen: Counter[bytes] = Counter()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        # `read` refuses more than a megabyte.
        body = b"".join([part async for part in request.content.iter_any()])
        if request.method == "PUT":
            answers = orjson.loads(body)
            self._failing, self._delay = answers["failing"], answers["delay"]
            self._seen.clear()
            return web.Response()
        match = WORD.search(body)
        if match is None:
            return web.Response(status=400, text="no notification of the bench")
        self._seen[match[1]] += 1
        fails = self._seen[match[1]] <= self._failing and "steady" not in request.query
        if delay := float(request.query.get("delay", self._delay)):
            await asyncio.sleep(delay)
        return web.Response(status=503 if fails else 200, text="ok")


class Mailbox:
    """Takes every mail, and keeps none."""

    async def handle_DATA(self, *_arguments: object) -> str:  # noqa: N802 - the name is the library's
        return "250 OK"


async def serve(certificate: str, key: str) -> None:
    """Serve on three free ports of 127.0.0.1, which are printed, until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    server = web.Server(Sink().handle, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS)
    runner = web.ServerRunner(server)
    await runner.setup()
    for context in (None, tls):
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG, ssl_context=context).start()
    mail = await asyncio.get_running_loop().create_server(
        lambda: smtp_protocol(Mailbox(), Encryption.NONE, None), "127.0.0.1", 0, backlog=BACKLOG
    )
    ports = [address[1] for address in (*runner.addresses, mail.sockets[0].getsockname())]
    sys.stdout.write(f"listens on {' '.join(map(str, ports))}\n")
    sys.stdout.flush()
    await stopped.wait()
    mail.close()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(*sys.argv[1:])))
