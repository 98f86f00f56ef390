"""HTTP answers: their bounds hold before the library makes objects of them (DD-ANSWER-001)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    import asyncio

    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

MAX_HEAD: Final = 64 * 1024
"""Bytes of an answer until its body begins, with all its interim answers."""
MAX_ANSWER: Final = 1024 * 1024
"""Bytes of a whole answer as it is sent: the names of chunks, for example, are no part of a body that a reader could stop."""
MAX_OVERHEAD: Final = 8 * 1024
"""Bytes by which a body as it is sent may exceed twice its content: pieces of one byte take six times as much, and most of the time."""
MAX_INTERIM: Final = 8
"""Interim answers, such as `100 Continue`, before the final one."""
PARSER_BOUNDS: Final = {"max_line_size": 2048, "max_field_size": 2048, "max_headers": 64}
"""Bytes of the status line and of a header, and headers."""
PIECE: Final = 4096
"""Bytes that are parsed before the bounds are checked again: at most 256 interim answers."""
SWITCHING_PROTOCOLS: Final = 101
OK: Final = 200


class AnswerTooLargeError(aiohttp.ClientError):
    """The server exceeded a bound; the connection is closed."""


class BoundedAnswer(ResponseHandler):
    """Parses the answers of one connection in pieces.

    The library parses all that one read has returned. It keeps each interim answer, and each answer without a request.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._unparsed = b""
        """Received while the reader of the body pauses the connection."""
        self._size = self._body = self._interim = 0
        self._is_answered = False
        """Whether the final answer to the request has begun."""

    def set_response_params(self, **options: Any) -> None:  # noqa: ANN401 - the library's
        self._size = self._body = self._interim = 0
        self._is_answered = False
        super().set_response_params(**{**options, **PARSER_BOUNDS})

    def data_received(self, data: bytes) -> None:
        if not data:
            # The library resumes the decompression.
            super().data_received(data)
        unparsed, self._unparsed = self._unparsed + data, b""
        for start in range(0, len(unparsed), PIECE):
            if self._reading_paused:
                self._unparsed = unparsed[start:]
                return
            if not self.is_connected():
                return
            self._parse(unparsed[start : start + PIECE])

    def _parse(self, piece: bytes) -> None:
        self._size += len(piece)
        self._body += len(piece) if self._is_answered else 0
        super().data_received(piece)
        if not self._is_answered and self._size > MAX_HEAD:
            self._refuse(f"the head of the answer is larger than {MAX_HEAD} bytes")
        if self._size > MAX_ANSWER:
            self._refuse(f"the answer is larger than {MAX_ANSWER} bytes")
        if self._body > MAX_OVERHEAD and self._body > MAX_OVERHEAD + 2 * self._content:
            self._refuse("the body of the answer has too many small pieces")

    @property
    def _content(self) -> int:
        """The bytes of the body so far, decompressed and without the names of chunks."""
        return 0 if self._payload is None else self._payload.total_bytes

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        code = data[0].code
        if self._is_answered:
            self._refuse("the server sent a second answer to one request")
            return
        self._is_answered = code >= OK or code == SWITCHING_PROTOCOLS
        self._interim += not self._is_answered
        if self._interim > MAX_INTERIM:
            self._refuse(f"the server sent more than {MAX_INTERIM} interim answers")
            return
        super().feed_data(data, size)

    def _refuse(self, reason: str) -> None:
        if self.transport is not None:
            self.transport.close()
        if self.exception() is None:
            self.set_exception(AnswerTooLargeError(reason))


class BoundedConnector(aiohttp.TCPConnector):
    """Connects to servers and proxies, with and without TLS; all answers are bounded."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the library's
        super().__init__(**options)
        self._factory = partial(BoundedAnswer, loop=self._loop)  # type: ignore[assignment]  # a subclass
