"""The smallest mail server that an inbox needs: TLS from the start, one user, and mails up to 10 MiB.

It is for demonstrations: it relays nothing, and knows only the commands that a sender needs.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

MAX_MAIL = 10 * 1024 * 1024
TIMEOUT = 60.0
"""Seconds that a client may take for one command, or for a mail."""
END = b"\r\n.\r\n"
NOT_NOW = "503 5.5.1 not now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The one user that can send."""

    username: str
    password: str

    def accepts(self, credentials: str) -> bool:
        """Check the argument of AUTH PLAIN."""
        expected = f"\0{self.username}\0{self.password}".encode()
        try:
            return hmac.compare_digest(base64.b64decode(credentials, validate=True), expected)
        except (binascii.Error, ValueError):
            return False


@dataclass(slots=True, kw_only=True)
class Envelope:
    """One conversation: who has logged in, and the mail that is being sent."""

    user: str = ""
    sender: str = ""
    recipient: str = ""


async def listen(
    host: str, port: int, context: ssl.SSLContext, login: Login, accept: Callable[[Envelope, bytes], None]
) -> asyncio.Server:
    """Serve; `accept` gets each mail."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(reader, writer, login, accept)
        with contextlib.suppress(
            TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            await conversation.run()
        writer.close()

    return await asyncio.start_server(converse, host, port, ssl=context, limit=MAX_MAIL)


class Conversation:
    """One connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        login: Login,
        accept: Callable[[Envelope, bytes], None],
    ) -> None:
        self._reader, self._writer = reader, writer
        self._login, self._accept = login, accept
        self._envelope = Envelope()

    async def run(self) -> None:
        """Answer command after command until QUIT."""
        await self._say("220 inbox ESMTP")
        while True:
            line = (await self._until(b"\r\n")).decode(errors="replace").strip()
            word, _, rest = line.partition(" ")
            if word.upper() == "QUIT":
                await self._say("221 bye")
                return
            await self._say(await self._answer(word.upper(), rest))

    async def _answer(self, word: str, rest: str) -> str:
        match word:
            case "EHLO":
                return f"250-inbox\r\n250-8BITMIME\r\n250-SIZE {MAX_MAIL}\r\n250 AUTH PLAIN"
            case "HELO" | "NOOP" | "RSET":
                self._envelope = Envelope(user=self._envelope.user)
                return "250 OK"
            case "AUTH":
                return self._authenticated(rest)
            case "MAIL" | "RCPT" | "DATA" if self._envelope.user:
                return await self._transferred(word, rest)
        return NOT_NOW if self._envelope.user else "530 5.7.0 log in first"

    def _authenticated(self, rest: str) -> str:
        if not self._login.accepts(rest.removeprefix("PLAIN ")):
            return "535 5.7.8 the user name or the password is wrong"
        self._envelope.user = self._login.username
        return "235 2.7.0 welcome"

    async def _transferred(self, word: str, rest: str) -> str:
        envelope = self._envelope
        match word:
            case "MAIL":
                envelope.sender, envelope.recipient = _address(rest), ""
            case "RCPT" if envelope.sender:
                envelope.recipient = ", ".join(filter(None, (envelope.recipient, _address(rest))))
            case "DATA" if envelope.recipient:
                await self._say("354 go ahead")
                self._accept(envelope, _undotted(await self._until(END)))
                self._envelope = Envelope(user=envelope.user)
            case _:
                return NOT_NOW
        return "250 OK"

    async def _until(self, end: bytes) -> bytes:
        async with asyncio.timeout(TIMEOUT):
            return await self._reader.readuntil(end)

    async def _say(self, text: str) -> None:
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()


def _address(rest: str) -> str:
    """Return what is between the angle brackets."""
    return rest.partition("<")[2].partition(">")[0]


def _undotted(data: bytes) -> bytes:
    """Return a mail without its end and without the dots that protect lines."""
    lines = data.removesuffix(b".\r\n").split(b"\r\n")
    return b"\r\n".join(line.removeprefix(b".") for line in lines)
