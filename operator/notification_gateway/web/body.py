"""Reads the body of a request: within bounds of size and time, and within those of all requests together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from notification_gateway.errors import Unacceptable, Unavailable
from notification_gateway.intake import SHORT

if TYPE_CHECKING:
    from aiohttp import web

    from notification_gateway.authentication.incoming import Incoming

MAX_BYTES: Final = 1024 * 1024
SECONDS: Final = 10.0
"""Time limit of a body; its sender is not authenticated yet."""
BUDGET: Final = 8 * 1024 * 1024
"""Bytes of all bodies in memory."""
SHARE_OF_SHORT: Final = 1024 * 1024
"""Bytes of the budget that long bodies leave to short ones."""


def whole(incoming: Incoming) -> bytes:
    """Return the body of a request.

    Raises:
        Unacceptable: it is too large.
        Unavailable: it did not arrive completely.
    """
    if incoming.is_too_large:
        raise Unacceptable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {MAX_BYTES} bytes")
    if incoming.body is None:
        # A gateway that ends reads nothing of a body that has begun to arrive, so the sender has to come again.
        raise Unavailable("the body did not arrive completely; it may take 10 s", retry_after=1.0)
    return incoming.body


@dataclass(slots=True, eq=False)
class _Reading:
    """A body that is being read."""

    limit: asyncio.Timeout
    body: bytearray = field(default_factory=bytearray)
    is_ended: bool = False
    """Whether another body has got its bytes."""


class BodyReader:
    """Reads bodies, and counts what is in memory. Of too many, it ends the body of a stranger that was begun first."""

    def __init__(self, *, budget: int = BUDGET, seconds: float = SECONDS) -> None:
        self.left = budget
        """Bytes that may still be read."""
        self.seconds = seconds
        self._strangers: dict[_Reading, None] = {}
        """The bodies that strangers are sending, the oldest first."""

    async def read(self, request: web.BaseRequest, *, is_sender: bool = False) -> tuple[bytes | None, bool]:
        """Return the body, and whether it is too large; None instead of one that is too large, late or broken.

        The caller gives the bytes back with `release`.

        Args:
            request: whose body it is.
            is_sender: whether its connection has an authenticated request.

        Raises:
            Unavailable: too much is in memory.
        """
        if (request.content_length or 0) > MAX_BYTES:
            return None, True
        reading = _Reading(asyncio.timeout(self.seconds))
        body: bytes | None = None
        is_too_large = False
        if not is_sender:
            self._strangers[reading] = None
        try:
            is_whole = await self._collect(request, reading)
            if reading.is_ended:
                raise _full()
            is_too_large = len(reading.body) > MAX_BYTES
            body = bytes(reading.body) if is_whole and not is_too_large else None
        finally:
            self._strangers.pop(reading, None)
            if body is None:
                self._free(reading)
        return body, is_too_large

    def release(self, size: int) -> None:
        """Give back the bytes of a body that is no longer needed."""
        self.left += size

    async def _collect(self, request: web.BaseRequest, reading: _Reading) -> bool:
        """Read a body as far as it is allowed to be; return whether it came in time."""
        try:
            async with reading.limit:
                async for chunk in request.content.iter_any():
                    self._take(reading, chunk)
                    if len(reading.body) > MAX_BYTES:
                        break
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - late, not valid HTTP, or the sender is gone
            return False
        return True

    def _take(self, reading: _Reading, chunk: bytes) -> None:
        """Take the room for a chunk, if need be of older bodies."""
        is_short = len(reading.body) + len(chunk) <= SHORT
        least = 0 if is_short else SHARE_OF_SHORT
        while not reading.is_ended and self.left - len(chunk) < least:
            self._end(next((each for each in self._strangers if each.body), reading))
        if reading.is_ended:
            raise _full()
        self.left -= len(chunk)
        reading.body += chunk

    def _end(self, reading: _Reading) -> None:
        reading.is_ended = True
        self._free(reading)
        if not reading.limit.expired():
            reading.limit.reschedule(0.0)

    def _free(self, reading: _Reading) -> None:
        self.release(len(reading.body))
        reading.body.clear()


def _full() -> Unavailable:
    return Unavailable("too many messages are being read", retry_after=1.0)
