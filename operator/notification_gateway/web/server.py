"""The HTTP server: one handler for every request, so that only the HTTP parser answers before authentication."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from notification_domain.mapping import Malformed, UnsupportedType
from notification_gateway.authentication.incoming import Incoming
from notification_gateway.errors import (
    Conflict,
    Forbidden,
    Limited,
    NotFound,
    Refused,
    Unacceptable,
    Unauthenticated,
    Unavailable,
)
from notification_gateway.metrics import Outcome
from notification_gateway.web.body import BodyReader, whole
from notification_gateway.web.certificate import HANDSHAKE_SECONDS, Certificate
from notification_gateway.web.connections import Connections
from notification_gateway.web.exchange import Exchange, answer, refusal, retry_header
from notification_runtime.telemetry.http_server import ALL_ADDRESSES, all_addresses

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_contract.settings.gateway import Gateway
    from notification_gateway.metrics import Metrics
    from notification_gateway.sources.catalog import SourceKey
    from notification_gateway.web.hooks import Hooks
    from notification_gateway.web.notifications import Notifications

logger = structlog.get_logger(__name__)

FLOOR_SECONDS: Final = 0.05
"""The time to the answer of a request that is not authenticated is a multiple of this: a wrong credential waits for a read of Secrets in it."""
SILENT: Final = logging.Logger("aiohttp.server", level=logging.CRITICAL + 1)  # noqa: LOG001 - without parents and handlers
"""For the HTTP parser, which quotes what it refuses: a stranger would fill the log, and a path would be in it."""
KEEPALIVE_SECONDS: Final = 75.0
BUFFER_BYTES: Final = 16 * 1024
"""Of each connection, in addition to the bodies that are read: strangers can open many."""
RETRY_SECONDS: Final = 5
"""Retry-After where no other time is known."""
FAULT_SECONDS: Final = 60.0
"""Minimum seconds between two internal errors before authentication in the log."""
REASON_CHARACTERS: Final = 300
"""Of the reason of a refusal in the log."""


class _Site(web.SockSite):
    async def start(self) -> None:
        await web.BaseSite.start(self)
        self._server = await asyncio.get_running_loop().create_server(
            self._runner.server,  # type: ignore[arg-type]  # set up by then, as in the base class
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if self._ssl_context else None,
        )


class Server:
    """Serves messages.

    Args:
        on_received: counts an authenticated message of a source.
        clock: the time at which a request is received.
    """

    def __init__(  # noqa: PLR0913 - its routes, and what counts
        self,
        settings: Gateway,
        hooks: Hooks,
        notifications: Notifications,
        metrics: Metrics,
        *,
        on_received: Callable[[SourceKey, Outcome], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._notifications = notifications
        self._metrics = metrics
        self._on_received = on_received
        self._clock = clock
        self.bodies = BodyReader()
        # With decompression, a body is unpacked before its sender is authenticated.
        self.connections = Connections(
            self.handle,
            access_log=None,
            logger=SILENT,
            auto_decompress=False,
            read_bufsize=BUFFER_BYTES,
            keepalive_timeout=KEEPALIVE_SECONDS,
        )
        self._runner: web.ServerRunner | None = None
        self._next_fault = 0.0
        self.port = 0
        """The port in use, once started."""

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: the port is taken, or the certificate cannot be read.
        """
        self._runner = runner = web.ServerRunner(
            self.connections, shutdown_timeout=self._settings.grace_seconds
        )
        await runner.setup()
        directory = self._settings.tls_directory
        tls = Certificate(directory).context if directory else None
        if self._settings.host == ALL_ADDRESSES:
            site: web.BaseSite = _Site(runner, all_addresses(self._settings.port), ssl_context=tls)
        else:
            site = web.TCPSite(runner, self._settings.host, self._settings.port, ssl_context=tls)
        await site.start()
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Accept nothing new, and finish what is being stored."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        loop = asyncio.get_running_loop()
        started, size = loop.time(), 0
        exchange = self._exchange(request, None, is_too_large=False)
        try:
            _require_plain(request)
            _continue(request)
            is_sender = self.connections.is_sender(request.protocol)
            body, is_too_large = await self.bodies.read(request, is_sender=is_sender)
            size = len(body or b"")
            exchange = self._exchange(request, body, is_too_large=is_too_large)
            response = await self._answered(exchange)
        except Exception as error:  # noqa: BLE001 - every failure has an answer
            response = _failure(exchange, error)
            if not exchange.is_authenticated:
                exchange.outcome = Outcome.UNAUTHENTICATED
        finally:
            self.bodies.release(size)
            self.connections.end(request.protocol)
        if not exchange.is_authenticated:
            await asyncio.sleep(FLOOR_SECONDS - (loop.time() - started) % FLOOR_SECONDS)
        if exchange.incoming.body is None or exchange.outcome is Outcome.UNAUTHENTICATED:
            # The rest of the body is not read. A stranger has one request for each connection, whose head is bounded.
            response.force_close()
        self._report(exchange, response, seconds=loop.time() - started, size=size)
        return response

    async def _answered(self, exchange: Exchange) -> web.Response:
        try:
            match exchange.path:
                case ["hook", *rest] if rest:
                    exchange.path = tuple(rest)
                    return await self._hooks.answer(exchange)
                case ["v1", "namespaces", *rest] if rest:
                    exchange.path = tuple(rest)
                    return await self._notifications.answer(exchange)
            return _stranger(exchange)
        except Unauthenticated:
            return _stranger(exchange)
        except Exception as error:
            if exchange.is_authenticated or isinstance(error, Unavailable):
                raise
            self._report_fault(error)
            return _stranger(exchange)

    def _report_fault(self, error: Exception) -> None:
        """Log an internal error before authentication, unless that was done a moment ago: strangers can cause many."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_fault:
            self._next_fault = now + FAULT_SECONDS
            logger.error("request failed before authentication", exc_info=error)

    def _exchange(self, request: web.BaseRequest, body: bytes | None, *, is_too_large: bool) -> Exchange:
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), value)
        incoming = Incoming(
            method=request.method,
            headers=headers,
            body=body,
            received=self._clock(),
            is_too_large=is_too_large,
        )
        # The path as it was sent: an escaped slash separates nothing.
        path = tuple(request.rel_url.raw_path.split("/")[1:])
        return Exchange(
            incoming=incoming,
            path=path,
            query=request.query,
            permitted=lambda namespace: self.connections.begin(request.protocol, namespace),
            is_open=lambda: self.connections.is_open(request.protocol),
        )

    def _report(self, exchange: Exchange, response: web.Response, *, seconds: float, size: int) -> None:
        self._metrics.received(exchange.label, exchange.outcome, seconds)
        if exchange.refused is not None:
            self._metrics.unauthenticated(str(exchange.refused))
        if exchange.source is not None:
            self._on_received(exchange.source, exchange.outcome)
        log = logger.debug if exchange.outcome is Outcome.UNAUTHENTICATED else logger.info
        log(
            "request",
            route=exchange.route,
            source=str(exchange.source or ""),
            outcome=exchange.outcome.value,
            status=response.status,
            bytes=size,
            milliseconds=round(seconds * 1000, 1),
            **({"reason": exchange.reason} if exchange.reason else {}),
        )


def _require_plain(request: web.BaseRequest) -> None:
    if request.headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
        raise Unacceptable(HTTPStatus.NOT_IMPLEMENTED, "use no Transfer-Encoding other than chunked")


def _continue(request: web.BaseRequest) -> None:
    """Let a sender go on that waits for permission to send the body."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _stranger(exchange: Exchange) -> web.Response:
    """Return the response to a sender that is not authenticated. Without its body, a right signature cannot be told from a wrong one."""
    try:
        whole(exchange.incoming)
    except (Unacceptable, Unavailable) as error:
        response = _failure(exchange, error)
        exchange.outcome = Outcome.UNAUTHENTICATED
        return response
    return refusal()


def _failure(exchange: Exchange, error: Exception) -> web.Response:  # noqa: PLR0911 - one line for each
    """Return the response to a failure, and note its outcome."""
    match error:
        case Limited():
            # Alertmanager repeats a post that failed with 5xx, and no other.
            status = (
                HTTPStatus.SERVICE_UNAVAILABLE if exchange.is_alertmanager else HTTPStatus.TOO_MANY_REQUESTS
            )
            return _refused(exchange, Outcome.LIMITED, status, error)
        case Unavailable():
            return _refused(exchange, Outcome.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, error)
        case UnsupportedType():
            return _refused(exchange, Outcome.MALFORMED, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error)
        case Malformed():
            return _refused(exchange, Outcome.MALFORMED, HTTPStatus.BAD_REQUEST, error)
        case Unacceptable():
            return _refused(exchange, Outcome.MALFORMED, error.status, error)
        case Conflict():
            return _refused(exchange, Outcome.CONFLICT, HTTPStatus.CONFLICT, error)
        case Refused():
            is_hook = exchange.source is not None
            status = HTTPStatus.BAD_REQUEST if is_hook else HTTPStatus.UNPROCESSABLE_ENTITY
            return _refused(exchange, Outcome.MALFORMED, status, error)
        case Forbidden():
            return _refused(exchange, Outcome.FORBIDDEN, HTTPStatus.FORBIDDEN, error)
        case NotFound():
            return _refused(exchange, Outcome.READ, HTTPStatus.NOT_FOUND, error)
        case _:
            logger.error("request failed", exc_info=error)
            return _refused(
                exchange, Outcome.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, Unavailable("internal error")
            )


def _refused(exchange: Exchange, outcome: Outcome, status: int, error: Exception) -> web.Response:
    exchange.outcome = outcome
    headers: dict[str, str] = {}
    if isinstance(error, Unavailable):
        if exchange.is_authenticated:
            exchange.reason = ": ".join(map(str, filter(None, (error, error.__cause__))))[:REASON_CHARACTERS]
        headers = retry_header(error.retry_after, default=RETRY_SECONDS)
    if isinstance(error, Unacceptable) and error.allow:
        headers = {"Allow": error.allow}
    if exchange.is_slack and status == HTTPStatus.BAD_REQUEST:
        is_empty = isinstance(error, Malformed) and error.field == "text"
        return web.Response(status=status, text="no_text" if is_empty else "invalid_payload")
    content: dict[str, object] = {"error": str(error)}
    if isinstance(error, Refused) and error.causes:
        content["causes"] = list(error.causes)
    return answer(status, content, headers=headers)
