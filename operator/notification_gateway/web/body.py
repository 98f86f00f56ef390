"""Reads the body of a request: within bounds of size and time, and within those of all requests together."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from notification_gateway.errors import Unacceptable, Unavailable

if TYPE_CHECKING:
    from aiohttp import web

    from notification_gateway.authentication.incoming import Incoming

MAX_BYTES: Final = 1024 * 1024
SECONDS: Final = 10.0
"""Time limit of a body; its sender is not authenticated yet."""
BUDGET: Final = 8 * 1024 * 1024
"""Bytes of all bodies in memory."""


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


class BodyReader:
    """Reads bodies, and counts what is in memory."""

    def __init__(self, *, budget: int = BUDGET, seconds: float = SECONDS) -> None:
        self.left = budget
        """Bytes that may still be read."""
        self.seconds = seconds

    async def read(self, request: web.BaseRequest) -> tuple[bytes | None, bool]:
        """Return the body, and whether it is too large; None instead of one that is too large, late or broken.

        The caller gives the bytes back with `release`.

        Raises:
            Unavailable: too much is in memory.
        """
        if (request.content_length or 0) > MAX_BYTES:
            return None, True
        body = bytearray()
        try:
            async with asyncio.timeout(self.seconds):
                async for chunk in request.content.iter_any():
                    self._take(len(chunk))
                    body += chunk
                    if len(body) > MAX_BYTES:
                        self.release(len(body))
                        return None, True
        except BaseException as error:
            self.release(len(body))
            if isinstance(error, Unavailable) or not isinstance(error, Exception):
                raise
            # Late, not valid HTTP, or the sender is gone.
            return None, False
        return bytes(body), False

    def release(self, size: int) -> None:
        """Give back the bytes of a body that is no longer needed."""
        self.left += size

    def _take(self, size: int) -> None:
        if size > self.left:
            raise Unavailable("too many messages are being read", retry_after=1.0)
        self.left -= size
