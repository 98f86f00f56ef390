"""`POST /hook/{source}`: what systems send that know nothing of Kubernetes."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import web

from notification_contract.sources.source import SourceType
from notification_domain.mapping import Post
from notification_gateway.authentication.shared_secrets import any_equal
from notification_gateway.errors import Limited, Unacceptable, Unauthenticated, Unavailable
from notification_gateway.metrics import Outcome
from notification_gateway.sources.catalog import SourceKey
from notification_gateway.web.body import whole
from notification_gateway.web.exchange import answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from datetime import datetime

    from notification_contract.sources.source import NotificationSource
    from notification_gateway.authentication.authenticator import Authenticator
    from notification_gateway.authentication.failures import Failures
    from notification_gateway.intake import Intake, Receipt
    from notification_gateway.sources.catalog import Sources
    from notification_gateway.sources.limits import Limits
    from notification_gateway.web.exchange import Exchange

SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
OK: Final = frozenset({SourceType.ALERTMANAGER, SourceType.SLACK, SourceType.HEARTBEAT})
"""The types whose senders expect 200; all other types get 202."""
LIMITED: Final = (
    "the source sends more than spec.rateLimit, or its namespace more than gatewayNamespaceMessagesPerSecond or its part of gatewayMessagesPerSecond of the "
    "stack allows"
)


class Address(NamedTuple):
    """What a path can mean: a source, and its path token."""

    namespace: str
    name: str
    token: str = ""
    needs_token: bool = False
    """Whether no other credential makes the path one of this source."""


class Hooks:
    """Answers posts to sources.

    Args:
        on_beat: stores the beat of a source of the type heartbeat.
    """

    def __init__(  # noqa: PLR0913 - who may send, and what takes the message
        self,
        sources: Sources,
        authenticator: Authenticator,
        failures: Failures,
        limits: Limits,
        intake: Intake,
        *,
        on_beat: Callable[[NotificationSource, datetime], Awaitable[None]],
    ) -> None:
        self._sources = sources
        self._authenticator = authenticator
        self._failures = failures
        self._limits = limits
        self._intake = intake
        self._on_beat = on_beat

    async def answer(self, exchange: Exchange) -> web.Response:
        """Return the response to an authenticated post.

        Raises:
            Unauthenticated: it is none.
            Unavailable: sources are not known yet, or the post may be stored later.
            Unacceptable, Malformed, Conflict, Refused: it can become nothing.
        """
        if not self._sources.known:
            raise Unavailable("the sources are not known yet", retry_after=1.0)
        source = await self._authenticated(exchange)
        exchange.source = SourceKey(namespace=source.namespace, name=source.name)
        exchange.authenticated("hook", str(exchange.source))
        exchange.is_alertmanager = source.spec.type is SourceType.ALERTMANAGER
        exchange.is_slack = source.spec.type is SourceType.SLACK
        exchange.permitted(source.namespace)
        if (wait := self._limits.take(source)) > 0:
            raise Limited(LIMITED, retry_after=wait)
        receipt = await self._intake.take(source, _post(source, exchange))
        if receipt.outcome is Outcome.BEAT:
            await self._on_beat(source, exchange.incoming.received)
        exchange.outcome = receipt.outcome
        return _response(source, receipt)

    async def _authenticated(self, exchange: Exchange) -> NotificationSource:
        """Return the source whose sender this is.

        Raises:
            Unauthenticated: it is none.
            Unavailable: that cannot be found out.
        """
        found = [
            (self._sources.get(each.namespace, each.name), each) for each in self._addresses(exchange.path)
        ]
        for source, address in found:
            if source is not None and await self._accepts(source, exchange, address):
                return source
        for source, address in found:
            await self._failures.turn(address.namespace, address.name)
            is_known = await self._sources.refresh(source)
            if source is not None and self._has_secret(source, exchange, address):
                return source
            if not is_known:
                raise Unavailable("the Secrets of the source cannot be read")
        known = (self._sources.declared(SourceKey(each.namespace, each.name)) for each, _ in found if each)
        exchange.refused = next((each.key for each in known if each and each.last_received), None)
        raise Unauthenticated

    def _addresses(self, path: tuple[str, ...]) -> Iterator[Address]:
        """Yield what a path can mean."""
        if not all(map(SEGMENT.fullmatch, path)):
            return
        match path:
            case [name]:
                yield Address(self._sources.home, name)
            case [first, second]:
                # With another second part, the path names a source of the namespace.
                yield Address(self._sources.home, first, second, needs_token=True)
                yield Address(first, second)
            case [namespace, name, token]:
                yield Address(namespace, name, token)

    async def _accepts(self, source: NotificationSource, exchange: Exchange, address: Address) -> bool:
        """Return whether a source accepts a request, by its Secrets as they are known."""
        if self._has_secret(source, exchange, address):
            return True
        return not address.needs_token and await self._authenticator.accepts(source, exchange.incoming)

    def _has_secret(self, source: NotificationSource, exchange: Exchange, address: Address) -> bool:
        secrets = self._sources.shared_secrets(source)
        if address.needs_token:
            return any_equal(address.token, secrets.path_tokens)
        covered = secrets.accepts(exchange.incoming, source.spec.auth.hmac, address.token)
        exchange.covered = covered or ()
        return covered is not None


def _post(source: NotificationSource, exchange: Exchange) -> Post:
    """Return the post, if it can be read at all.

    Raises:
        Unacceptable: it cannot.
        Unavailable: the source cannot be used as it is.
    """
    incoming = exchange.incoming
    if incoming.method != "POST":
        raise Unacceptable(HTTPStatus.METHOD_NOT_ALLOWED, "use POST", allow="POST")
    if incoming.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise Unacceptable(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding")
    body = whole(incoming)
    if source.spec.filter_problem:
        raise Unavailable(f"the source is not ready: {source.spec.filter_problem}")
    return Post(
        content_type=incoming.headers.get("content-type", ""),
        headers=incoming.headers,
        body=body,
        received=incoming.received,
        covered=exchange.covered,
    )


def _response(source: NotificationSource, receipt: Receipt) -> web.Response:
    if source.spec.type is SourceType.SLACK:
        return web.Response(text="ok")
    content: dict[str, Any] = {
        "created": receipt.created,
        "duplicates": receipt.duplicates,
        "filtered": receipt.filtered,
        **({"warnings": receipt.warnings} if receipt.warnings else {}),
    }
    return answer(HTTPStatus.OK if source.spec.type in OK else HTTPStatus.ACCEPTED, content)
