"""Requests that no honest sender makes: a generator with a seed, and a client that sends what HTTP libraries refuse to send."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STATUS: Final = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
CRLF: Final = b"\r\n"
MIB: Final = 1024 * 1024
SMUGGLED: Final = b'{"text": "smuggled"}'
"""The body of each request that is hidden in another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """What is sent over one connection."""

    kind: str
    content: bytes
    leaves: bool = False
    """Whether the sender leaves without waiting for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The paths of sources, and the headers of a right sender."""

    paths: Sequence[str]
    credentials: bytes
    """Lines of the head, each with its end."""


class Requests:
    """Makes hostile requests; the same seed always makes the same ones.

    Every second one has the right credentials, because most of what can go wrong comes after authentication.
    """

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._random = random.Random(seed)  # noqa: S311 - a schedule, not a secret

    def __iter__(self) -> Iterator[Hostile]:
        kinds: list[Callable[[], bytes]] = [
            self.size,
            self.encoding,
            self.json,
            self.head,
            self.smuggling,
            self.signature,
            self.path,
            self.method,
            self.protocol,
            self.payload,
            self.unfinished,
        ]
        while True:
            kind = self._random.choice(kinds)
            yield Hostile(kind=kind.__name__, content=kind(), leaves=self._random.random() < 0.1)

    def size(self) -> bytes:
        """A body whose length is too large, absurd, or not that of the body."""
        choice = self._random.randrange(6)
        if choice == 0:
            return self._post(_chunked(b"x" * (MIB + 1)), b"Transfer-Encoding: chunked")
        lengths = (b"999999999999", b"-1", b"+5", b"5, 6", b"5\r\nContent-Length: 6", b"0x10")
        return self._post(b"{}" * self._random.randrange(9), b"Content-Length: " + lengths[choice])

    def encoding(self) -> bytes:
        """A body in an encoding that is not read, or in none."""
        coding = self._random.choice((b"gzip", b"deflate", b"br", b"zstd", b"identity, gzip", b"x" * 200))
        text = self._random.choice(
            (
                _bomb(),
                b"\xff\xfe{\x00",
                b"\xc0\xaf",
                b"\xef\xbb\xbf{}",
                '{"ü": "\ud800"}'.encode("utf-8", "surrogatepass"),
            )
        )
        head = self._random.choice(
            (b"Content-Encoding: " + coding, b"Content-Type: text/plain; charset=" + coding)
        )
        return self._with_length(text, head)

    def json(self) -> bytes:
        """JSON that readers understand differently, or at great cost."""
        texts = (
            b"[" * 200_000,
            b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
            b'{"n": ' + b"9" * 100_000 + b"}",
            b'{"n": 1e999999}',
            b'{"n": NaN, "m": -Infinity}',
            b'{"a": 1, "a": 2}',
            b'{"a": "' + b"\\ud800" * 10_000 + b'"}',
            b'"' + b"\\u0000" * 10_000 + b'"',
            b"[" + b"0," * 200_000 + b"0]",
            b"{" + b",".join(b'"%d": {}' % number for number in range(20_000)) + b"}",
        )
        return self._with_length(self._random.choice(texts))

    def head(self) -> bytes:
        """A head that is too long, or that is none."""
        lines = (
            b"X-Long: " + b"x" * 20_000,
            CRLF.join(b"X-%d: 1" % number for number in range(300)),
            b"X-Nul: a\0b",
            b"No colon at all",
            b" folded: 1",
            b"X-Latin: \xff\xfe\xe9",
            b"Idempotency-Key: " + bytes(self._random.randrange(128, 256) for _ in range(20)),
            b"Idempotency-Key: " + b"k" * 8_000,
            b"Host: a\r\nHost: b",
            b"Expect: 100-continue",
            b"Expect: 200-ok",
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
            b"ce-specversion: 1.0\r\nce-id: \xff\r\nce-source: \xc3\r\nce-type: \x80",
        )
        return self._with_length(b'{"text": "a"}', self._random.choice(lines))

    def smuggling(self) -> bytes:
        """A second request that only one of two readers sees."""
        hidden = b"POST /hook/ci HTTP/1.1\r\nHost: a\r\n" + self._target.credentials
        hidden += b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
        length = b"Content-Length: %d" % len(hidden)
        forms = (
            b"Transfer-Encoding: chunked\r\n" + length,
            length + b"\r\nTransfer-Encoding: chunked",
            length + b"\r\nTransfer-Encoding : chunked",
            length + b"\r\nTransfer-Encoding: xchunked",
            length + b"\r\nTransfer-Encoding: chunked, identity",
            length + b"\r\nTransfer-Encoding:\x0bchunked",
            b"Content-Length: 0\r\nContent-Length: %d" % len(hidden),
            length + b"\r\nX: y\nTransfer-Encoding: chunked",
        )
        return self._post(b"0\r\n\r\n" + hidden, self._random.choice(forms), right=False)

    def signature(self) -> bytes:
        """Credentials of every form, all of them wrong."""
        lines = (
            b"Authorization: Bearer " + b"x" * self._random.randrange(8_000),
            b"Authorization: Bearer eyJhbGciOiJub25lIn0.eyJhdWQiOiJub3RpZmljYXRpb25zIn0.",
            b"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOlsibm90aWZpY2F0aW9ucyJdfQ.AAAA",
            b"Authorization: Basic " + b"=" * 100,
            b"Authorization: Basic \xff\xff",
            b"Authorization: Digest username=a",
            b"Authorization:",
            b"X-Hub-Signature-256: sha256=" + b"0" * 64,
            b"X-Hub-Signature-256: sha256=" + "ü".encode() * 64,
            b"webhook-id: 1\r\nwebhook-timestamp: 99999999999999999999\r\nwebhook-signature: v1,AAAA",
            b"webhook-id: \xff\r\nwebhook-timestamp: -1\r\nwebhook-signature: " + b"v1,A " * 1_000,
        )
        return self._with_length(b"{}", self._random.choice(lines), right=False)

    def path(self) -> bytes:
        """A path that means something else, or nothing."""
        paths = (
            b"/hook/../hook/ci",
            b"/hook/%2e%2e/ci",
            b"/hook/ci%00",
            b"/hook//ci",
            b"/hook/ci?" + b"a=b&" * 1_500,
            b"/" + b"a/" * 4_000,
            b"/hook/" + b"%ff" * 200,
            "/hook/ü".encode(),
            b"http://169.254.169.254/latest/meta-data",
            b"*",
            b"//hook/ci",
            b"/v1/namespaces/%2e%2e/notifications",
            b"/v1/namespaces/kube-system/notifications/x?wait=999999",
            b"/metrics",
            b"http://[::1",
        )
        return self._with_length(b"{}", path=self._random.choice(paths))

    def method(self) -> bytes:
        """Another method than POST."""
        method = self._random.choice(
            (b"GET", b"TRACE", b"CONNECT", b"OPTIONS", b"post", b"X" * 500, b"P\0ST", b"PATCH")
        )
        return self._with_length(b"{}", method=method)

    def protocol(self) -> bytes:
        """Another protocol than HTTP/1.1."""
        return self._random.choice(
            (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._random.randbytes(500),
                b"GET /hook/ci\r\n",
                b"POST /hook/ci HTTP/9.9\r\n\r\n",
                b"POST /hook/ci HTTP/1.1\r\n\r\n" * 50,
                self._random.randbytes(2_000),
                b"\r\n" * 1_000,
            )
        )

    def payload(self) -> bytes:
        """A payload of the right form with absurd values, from a right sender."""
        huge = "x" * 200_000
        odd: Any = self._random.choice(
            (huge, "\0", "<!channel>", -1, 1e308, None, [], {}, True, "\u202e", [[]] * 1_000)
        )
        payload = {
            "version": "4",
            "groupKey": self._random.choice(("g", odd)),
            "status": self._random.choice(("firing", odd)),
            "truncatedAlerts": odd,
            "externalURL": odd,
            "alerts": [
                {
                    "status": "firing",
                    "labels": {"alertname": odd, huge[:300]: odd},
                    "annotations": {"summary": odd},
                    "startsAt": self._random.choice(
                        ("2026-03-01T12:00:00Z", "9999-12-31T23:59:59-23:59", odd)
                    ),
                    "generatorURL": odd,
                }
            ]
            * self._random.randrange(200 if odd is not huge else 3),
            "text": odd,
            "blocks": odd,
            "attachments": odd,
            "specversion": "1.0",
            "id": odd,
            "source": odd,
            "type": odd,
            "time": odd,
            "data_base64": odd,
        }
        body = json.dumps(payload).encode()[: MIB - 1]
        types = (
            b"application/json",
            b"application/cloudevents+json",
            b"application/x-www-form-urlencoded",
            b"a/b;;;",
        )
        return self._with_length(body, b"Content-Type: " + self._random.choice(types), right=True)

    def unfinished(self) -> bytes:
        """A request whose end never comes."""
        whole = self._with_length(b"{}" * 1_000)
        return self._random.choice(
            (
                whole[: self._random.randrange(1, len(whole))],
                self._post(b"5\r\nab", b"Transfer-Encoding: chunked"),
                self._post(b"ffffffffffffffff\r\n", b"Transfer-Encoding: chunked"),
                self._post(b"5;" + b"e" * 10_000, b"Transfer-Encoding: chunked"),
            )
        )

    def _with_length(
        self,
        body: bytes,
        *lines: bytes,
        right: bool | None = None,
        path: bytes = b"",
        method: bytes = b"POST",
    ) -> bytes:
        length = b"Content-Length: %d" % len(body)
        return self._post(body, length, *lines, right=right, path=path, method=method)

    def _post(
        self,
        body: bytes,
        *lines: bytes,
        right: bool | None = None,
        path: bytes = b"",
        method: bytes = b"POST",
    ) -> bytes:
        right = self._random.random() < 0.5 if right is None else right
        path = path or self._random.choice(self._target.paths).encode()
        head = b"%s %s HTTP/1.1\r\nHost: gateway\r\n" % (method, path)
        head += self._target.credentials if right else b""
        return head + b"".join(line + CRLF for line in lines) + CRLF + body


def _chunked(body: bytes) -> bytes:
    step = 65_536
    parts = (body[start : start + step] for start in range(0, len(body), step))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@cache
def _bomb() -> bytes:
    """Return 50 kB that become 50 MB."""
    return gzip.compress(bytes(50 * MIB))


async def answered(host: str, port: int, request: Hostile, *, within: float) -> list[int]:
    """Send a request, and return the status of each answer; none if the server closes the connection without one.

    Raises:
        TimeoutError: the server neither answers nor closes the connection.
    """
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection(host, port)
        received = b""
        try:
            with suppress(ConnectionError):
                writer.write(request.content)
                if not request.leaves:
                    await writer.drain()
                    received = await _until_idle(reader)
        finally:
            writer.transport.abort()
    return [int(status) for status in STATUS.findall(received)]


async def _until_idle(reader: asyncio.StreamReader) -> bytes:
    """Return what is sent until the server closes the connection, or has answered and sends nothing more."""
    received = b""
    while True:
        try:
            async with asyncio.timeout(0.5 if received else None):
                part = await reader.read(65_536)
        except TimeoutError:
            return received
        if not part:
            return received
        received += part
