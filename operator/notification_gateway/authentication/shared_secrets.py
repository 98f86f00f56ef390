"""Credentials that both sides know: tokens, passwords and signatures. Every comparison takes the same time. Pure."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from notification_contract.sources.authentication import (
    SIGNATURE_HEADER,
    HmacScheme,
    is_password,
    is_token,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from notification_contract.sources.authentication import Hmac
    from notification_gateway.authentication.incoming import Incoming

STANDARD_VERSION: Final = "v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSecrets:
    """What a source accepts: the present values, and for a while those before."""

    bearers: tuple[str, ...] = field(default=(), repr=False)
    basics: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """User names with their passwords."""
    hmac_keys: tuple[str, ...] = field(default=(), repr=False)
    path_tokens: tuple[str, ...] = field(default=(), repr=False)

    def accepts(self, incoming: Incoming, hmac_of: Hmac | None, path_token: str) -> bool:
        """Return whether a request has any of them."""
        found = [
            any_equal(incoming.credentials("bearer"), filter(is_token, self.bearers)),
            any_equal(path_token, self.path_tokens),
            self._has_password(incoming.credentials("basic")),
            hmac_of is not None and is_signed(incoming, hmac_of, self.hmac_keys),
        ]
        return any(found)

    def _has_password(self, credentials: str) -> bool:
        try:
            sent = b64decode(credentials, validate=True).decode()
        except ValueError:
            return False
        return any_equal(sent, [f"{user}:{word}" for user, word in self.basics if is_password(word)])


def is_signed(incoming: Incoming, settings: Hmac, values: Iterable[str]) -> bool:
    """Return whether a key of one of the values has signed a request."""
    body, headers = incoming.body, incoming.headers
    if body is None:
        return False
    header, keys = settings.header.lower(), list(filter(None, map(settings.key, values)))
    match settings.scheme:
        case HmacScheme.PLAIN_TOKEN:
            return any_equal(headers.get(header, ""), filter(settings.key, values))
        case HmacScheme.SHA256_HEX:
            sent = headers.get(header or SIGNATURE_HEADER.lower(), "").removeprefix("sha256=").lower()
            content = body
            if settings.timestamp_header:
                time = headers.get(settings.timestamp_header.lower(), "")
                if not is_recent(time, incoming.received, settings.tolerance_seconds):
                    return False
                content = f"{time}:".encode() + body
            return any_equal(sent, [hmac.new(key, content, sha256).hexdigest() for key in keys])
        case HmacScheme.STANDARD_WEBHOOKS:
            return _has_standard_signature(incoming, body, settings.tolerance_seconds, keys)


def _has_standard_signature(incoming: Incoming, body: bytes, tolerance: float, keys: Iterable[bytes]) -> bool:
    identity, time = incoming.headers.get("webhook-id", ""), incoming.headers.get("webhook-timestamp", "")
    if not identity or not is_recent(time, incoming.received, tolerance):
        return False
    content = f"{identity}.{time}.".encode() + body
    expected = [b64encode(hmac.new(key, content, sha256).digest()).decode() for key in keys]
    versions = (each.partition(",") for each in incoming.headers.get("webhook-signature", "").split(" "))
    found = [any_equal(text, expected) for version, _, text in versions if version == STANDARD_VERSION]
    return any(found)


def is_recent(time: str, now: datetime, tolerance: float) -> bool:
    """Return whether a time in seconds since 1970 is near enough to the present one."""
    if not time.isascii() or not time.isdecimal() or len(time) > len("9999999999999"):
        return False
    return abs(now.timestamp() - int(time)) <= tolerance


def any_equal(sent: str, accepted: Iterable[str]) -> bool:
    """Return whether a text is one of the accepted ones; an empty one is none."""
    digest = sha256(sent.encode(errors="surrogateescape")).digest()
    found = [hmac.compare_digest(digest, sha256(each.encode()).digest()) for each in accepted if each]
    return bool(sent) and any(found)
