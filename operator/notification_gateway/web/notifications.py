"""`/v1/namespaces/{namespace}/notifications`: notifications that a caller creates itself, with its own permissions."""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from notification_domain.json_values import entries, mapping, text
from notification_domain.mapping import Malformed, Notification
from notification_domain.mapping.identity import digest
from notification_domain.mapping.strict_json import canonical, has_at_most, parse
from notification_domain.mapping.translation import BODY_ANNOTATION
from notification_domain.status import FINAL
from notification_gateway.authentication.cluster_users import User
from notification_gateway.errors import (
    Forbidden,
    NoNamespace,
    NotFound,
    Unacceptable,
    Unauthenticated,
)
from notification_gateway.metrics import CREATED_DIRECTLY, Outcome
from notification_gateway.web.body import whole
from notification_gateway.web.exchange import answer
from notification_runtime.fair.fair_queue import SharedRoom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from notification_contract.settings.gateway import Gateway
    from notification_gateway.authentication.cluster_users import ClusterUsers
    from notification_gateway.authentication.oidc import OidcTokens
    from notification_gateway.intake import LongBodies
    from notification_gateway.sources.routing_file import RoutingFile
    from notification_gateway.store import RequestStore
    from notification_gateway.web.exchange import Exchange

PREFIX: Final = "api"
DIGITS: Final = 16
"""Hexadecimal digits in a name."""
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
WAIT: Final = re.compile(r"\d{1,2}")
MOST_WAIT: Final = 60
"""Seconds for which a caller may wait."""
MOST_WAITING: Final = 256
"""Callers that wait concurrently, of which a namespace has at most as many as it leaves; a further one gets the present state immediately."""
MOST_VALUES: Final = 4096
"""Values of a spec, in whatever lists and objects: more than any that the API server accepts. The client of the API server serializes each
one in the event loop."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0
"""Seconds between two looks at a notification."""
FINAL_PHASES: Final = frozenset(each.value for each in FINAL)


class Notifications:
    """Creates and shows notifications.

    Args:
        long: gives long bodies their turns.
        rules: tell where notifications go.
    """

    def __init__(  # noqa: PLR0913 - what it stores with, and who may
        self,
        store: RequestStore,
        users: ClusterUsers,
        oidc: OidcTokens,
        settings: Gateway,
        *,
        long: LongBodies,
        rules: RoutingFile,
    ) -> None:
        self._store = store
        self._users = users
        self._oidc = oidc
        self._settings = settings
        self._long = long
        self._rules = rules
        self._waiting = SharedRoom(MOST_WAITING)

    async def answer(self, exchange: Exchange) -> web.Response:
        """Return the response to an authenticated caller.

        Raises:
            Unauthenticated: it is none.
            Forbidden: it may not do this.
            Unavailable: it may succeed later.
            Unacceptable, Malformed, Conflict, Refused, NotFound: it cannot succeed.
        """
        user = await self._user(exchange)
        exchange.authenticated("notifications", CREATED_DIRECTLY)
        match exchange.path:
            case [namespace, "notifications"] if NAMESPACE.fullmatch(namespace):
                _require(exchange, "POST")
                return await self._create(exchange, user, namespace)
            case [namespace, "notifications", name] if NAMESPACE.fullmatch(namespace) and NAME.fullmatch(
                name
            ):
                _require(exchange, "GET")
                return await self._show(exchange, user, namespace, name)
        raise NotFound("there is no such path")

    async def _user(self, exchange: Exchange) -> User:
        token, settings = exchange.incoming.credentials("bearer"), self._settings
        user = await self._users.user_of(token, settings.audience)
        if user is not None:
            return user
        if settings.oidc.issuer:
            subject = await self._oidc.subject_of(
                token, issuer=settings.oidc.issuer, audience=settings.oidc.audience
            )
            if subject is not None:
                return User(name=f"{settings.oidc.username_prefix}{subject}")
        raise Unauthenticated

    async def _create(self, exchange: Exchange, user: User, namespace: str) -> web.Response:
        forbidden = Forbidden(f"{user.name} may not create notificationrequests in namespace {namespace}")
        if not await self._users.may(user, "create", namespace):
            raise forbidden
        exchange.permitted(namespace)
        incoming = exchange.incoming
        if incoming.headers.get("content-encoding", "identity").lower() != "identity":
            raise Unacceptable(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding")
        body = whole(incoming)
        try:
            async with self._long.turn(namespace, body) as run:
                wanted = await run(_wanted, body, incoming.headers, namespace, user)
                stored = await self._store.create(namespace, wanted)
        except NoNamespace:
            # A caller with permissions for all namespaces does not learn here which ones exist.
            raise forbidden from None
        exchange.outcome = Outcome.CREATED if stored.is_new else Outcome.DUPLICATE
        content: dict[str, Any] = {
            "name": stored.name,
            "uid": stored.uid,
            "href": href(namespace, stored.name),
        }
        if warnings := self._rules.warnings(wanted.spec, wanted.labels):
            content["warnings"] = warnings
        if stored.is_new:
            return answer(HTTPStatus.CREATED, content, headers={"Location": content["href"]})
        return answer(HTTPStatus.OK, content, headers={"Idempotent-Replayed": "true"})

    async def _show(self, exchange: Exchange, user: User, namespace: str, name: str) -> web.Response:
        if not await self._users.may(user, "get", namespace, name):
            raise Forbidden(f"{user.name} may not get notificationrequests in namespace {namespace}")
        exchange.permitted(namespace)
        seconds = _seconds(exchange.query)
        found = await self._store.get(namespace, name)
        is_refused = False
        if seconds and found is not None and not _is_final(found):
            is_refused = not self._waiting.take(namespace)
            if not is_refused:
                found = await self._final(exchange, namespace, name, seconds)
        if found is None:
            raise NotFound(f"there is no notification {name} in namespace {namespace}")
        exchange.outcome = Outcome.READ
        return answer(HTTPStatus.OK, {**state(found), "waitRefused": is_refused})

    async def _final(
        self, exchange: Exchange, namespace: str, name: str, seconds: int
    ) -> dict[str, Any] | None:
        """Return a notification when it is final, or as it is after some seconds, or when its caller has left."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        end = loop.time() + seconds
        try:
            while True:
                await asyncio.sleep(max(min(pause, end - loop.time()), 0))
                found = await self._store.get(namespace, name)
                if found is None or _is_final(found) or loop.time() >= end or not exchange.is_open():
                    return found
                pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            self._waiting.release(namespace)


def _require(exchange: Exchange, method: str) -> None:
    if exchange.incoming.method != method:
        raise Unacceptable(HTTPStatus.METHOD_NOT_ALLOWED, f"use {method}", allow=method)


def _seconds(query: Mapping[str, str]) -> int:
    wait = query.get("wait", "0")
    if not WAIT.fullmatch(wait) or int(wait) > MOST_WAIT:
        raise Unacceptable(HTTPStatus.BAD_REQUEST, f"wait must be a number of seconds up to {MOST_WAIT}")
    return int(wait)


def _wanted(body: bytes, headers: Mapping[str, str], namespace: str, user: User) -> Notification:
    """Return the notification of a caller. With a key, its name is the same for every repeat, and each user has its own keys."""
    spec = _spec(body)
    key = headers.get("idempotency-key")
    if key is None:
        return Notification(
            name=f"{PREFIX}-{token_hex(DIGITS // 2)}", spec=spec, text="", labels={}, annotations={}
        )
    if not KEY.fullmatch(key):
        raise Unacceptable(
            HTTPStatus.BAD_REQUEST, "Idempotency-Key must have 1 to 255 printable characters of ASCII"
        )
    return Notification(
        name=f"{PREFIX}-{digest(namespace, user.name, key)[:DIGITS]}",
        spec=spec,
        text="",
        labels={},
        annotations={BODY_ANNOTATION: sha256(canonical(spec)).hexdigest()},
    )


def _spec(body: bytes) -> dict[str, Any]:
    """Return the spec that a body is, as far as that can be told without the schema.

    Raises:
        Malformed: it is none.
    """
    wanted, spec = "the spec of a NotificationRequest", parse(body)
    if not isinstance(spec, dict):
        raise Malformed("body", f"of the type {type(spec).__name__}", wanted)
    if not has_at_most(MOST_VALUES, spec):
        raise Malformed("body", f"an object of more than {MOST_VALUES} values", wanted)
    return spec


def href(namespace: str, name: str) -> str:
    """Return the path of a notification."""
    return f"/v1/namespaces/{namespace}/notifications/{name}"


def _is_final(found: Mapping[str, Any]) -> bool:
    return text(mapping(found.get("status")).get("phase")) in FINAL_PHASES


def state(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a caller sees of a notification."""
    metadata, status = mapping(found.get("metadata")), mapping(found.get("status"))
    return {
        "name": text(metadata.get("name")),
        "uid": text(metadata.get("uid")),
        "phase": text(status.get("phase")),
        "reason": text(status.get("reason")),
        "message": text(status.get("message")),
        "final": _is_final(found),
        "targets": list(entries(status.get("targets"))),
        "attempts": list(entries(status.get("deliveryAttempts"))),
    }
