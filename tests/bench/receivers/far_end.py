"""The services that receivers send to, as one cheap process: records each request, and answers as the real service does.

`https://127.0.0.1:PORT/ACCOUNT/…` is the address of an account. A second port, without TLS, is for the bench: `PUT /` sets
how accounts behave and resets the record, `PATCH /` changes some accounts only, and `GET /` returns the record.
"""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson
from aiohttp import web

from tests.harness.sink.services import discord, mattermost, pagerduty, slack
from tests.harness.sink.services.service import Answered

if TYPE_CHECKING:
    from collections.abc import Mapping

WORD = re.compile(rb"bench\\*-(\d+)\\*-")
"""In the subject of each notification; channels with Markdown escape the hyphens."""
BACKLOG = 1024
LONGEST = 3600.0
ACCEPTED: Mapping[str, Answered] = {
    "webhook": Answered(body="ok"),
    "api": slack.accepted("C0123"),
    "v2": pagerduty.accepted("key"),
    "discord": discord.ACCEPTED,
    "hooks": mattermost.ACCEPTED,
}
"""By the first word of the path after the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How an account behaves."""

    hangs: bool = False
    """Whether it never answers."""
    pause: float = 0.0
    """Seconds that it asks for with its first answer, a 429; it refuses what comes before they are over."""
    credentials: tuple[str, ...] = ()
    """The values of the header Authorization that it accepts; empty for any."""


class Hit(NamedTuple):
    """One request. Times are those of `time.time`; the status is 0 for a request without an answer."""

    account: str
    number: int
    """Of the notification."""
    began: float
    ended: float
    status: int
    credential: str


class FarEnd:
    """The accounts and the record."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._hits: list[Hit] = []
        self._paused_until: dict[str, float] = {}

    async def control(self, request: web.BaseRequest) -> web.Response:
        """Serve the bench."""
        if request.method == "GET":
            return web.Response(body=orjson.dumps([list(hit) for hit in self._hits]))
        if request.method == "PUT":
            self._accounts, self._hits, self._paused_until = {}, [], {}
        changed = orjson.loads(await request.read())
        self._accounts |= {name: parse(values) for name, values in changed.items()}
        return web.Response()

    async def receive(self, request: web.BaseRequest) -> web.Response:
        """Serve an operator."""
        began, body = time.time(), await request.read()
        _, account, service, *_ = request.path.split("/")
        number = WORD.search(body)
        place = len(self._hits)
        credential = request.headers.get("Authorization", "")
        hit = Hit(account, int(number[1]) if number else -1, began, began, 0, credential)
        self._hits.append(hit)
        behaviour = self._accounts.get(account, Account())
        if behaviour.hangs:
            await asyncio.sleep(LONGEST)
        answer = self._answer(account, behaviour, service, credential)
        self._hits[place] = hit._replace(ended=time.time(), status=answer.status)
        return web.Response(status=answer.status, text=answer.text, headers=dict(answer.headers))

    def _answer(self, account: str, behaviour: Account, service: str, credential: str) -> Answered:
        now = time.time()
        left = self._paused_until.setdefault(account, now + behaviour.pause) - now if behaviour.pause else 0.0
        if left > 0:
            return Answered(status=429, headers={"Retry-After": str(int(-(-left // 1)))})
        if behaviour.credentials and credential not in behaviour.credentials:
            return Answered(status=401, body="unknown credential")
        return ACCEPTED[service]


def parse(values: Mapping[str, object]) -> Account:
    """Return an account from its JSON."""
    known = {**asdict(Account()), **values}
    return Account(**{**known, "credentials": tuple(known["credentials"])})


async def serve(certificate: str, key: str) -> None:
    """Serve on two free ports of 127.0.0.1, which are printed, until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    far_end = FarEnd()
    runners = [
        web.ServerRunner(web.Server(handler, access_log=None, keepalive_timeout=LONGEST))
        for handler in (far_end.receive, far_end.control)
    ]
    for runner, context in zip(runners, (tls, None), strict=True):
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG, ssl_context=context).start()
    ports = [str(runner.addresses[0][1]) for runner in runners]
    sys.stdout.write(f"listens on {' '.join(ports)}\n")
    sys.stdout.flush()
    # Without a cleanup, which would wait for the requests that are never answered.
    await stopped.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(*sys.argv[1:3])))
