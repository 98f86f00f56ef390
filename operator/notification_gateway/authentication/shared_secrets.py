"""Credentials that both sides know: tokens, passwords and signatures. Every comparison takes the same time. Pure."""

from __future__ import annotations

import hmac
import re
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
from notification_gateway.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from notification_contract.sources.authentication import Hmac
    from notification_gateway.authentication.incoming import Incoming

STANDARD_VERSION: Final = "v1"
SLACK_HEADER: Final = "X-Slack-Signature"
SLACK_TIME_HEADER: Final = "x-slack-request-timestamp"
PAGERDUTY_HEADER: Final = "X-PagerDuty-Signature"
TIME: Final = re.compile(r"[0-9]{1,13}")
"""Seconds since 1970."""
LATE_SECONDS: Final = 60.0
"""Retry-After of a right signature whose time is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSecrets:
    """What a source accepts: the present values, and for a while those before."""

    bearers: tuple[str, ...] = field(default=(), repr=False)
    basics: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """User names with their passwords."""
    hmac_keys: tuple[str, ...] = field(default=(), repr=False)
    path_tokens: tuple[str, ...] = field(default=(), repr=False)

    def accepts(self, incoming: Incoming, hmac_of: Hmac | None, path_token: str) -> tuple[str, ...] | None:
        """Return what a signature covers that tells messages apart; empty for a secret in the request, None if it has neither.

        Raises:
            Unavailable: only the time of a signature is wrong.
        """
        found = [
            any_equal(incoming.credentials("bearer"), filter(is_token, self.bearers)),
            any_equal(path_token, self.path_tokens),
            self._has_password(incoming.credentials("basic")),
            hmac_of is not None and _has_plain_token(incoming, hmac_of, self.hmac_keys),
        ]
        if any(found):
            return ()
        return signed(incoming, hmac_of, self.hmac_keys) if hmac_of else None

    def _has_password(self, credentials: str) -> bool:
        try:
            sent = b64decode(credentials, validate=True).decode()
        except ValueError:
            return False
        return any_equal(sent, [f"{user}:{word}" for user, word in self.basics if is_password(word)])


def _has_plain_token(incoming: Incoming, settings: Hmac, values: Iterable[str]) -> bool:
    sent = incoming.headers.get(settings.header.lower(), "")
    return settings.scheme is HmacScheme.PLAIN_TOKEN and any_equal(sent, filter(settings.key, values))


def signed(incoming: Incoming, settings: Hmac, values: Iterable[str]) -> tuple[str, ...] | None:
    """Return what the signature of a request covers that tells messages apart; None if no key of the values has signed it.

    Raises:
        Unavailable: only the time is wrong. Senders repeat no 401, and a clock is set again.
    """
    body, headers, keys = incoming.body, incoming.headers, list(filter(None, map(settings.key, values)))
    if body is None or settings.scheme is HmacScheme.PLAIN_TOKEN:
        return None
    match settings.scheme:
        case HmacScheme.SHA256_HEX:
            time = headers.get(settings.timestamp_header.lower(), "")
            content = _sent(f"{time}:") + body if settings.timestamp_header else body
            sent = headers.get((settings.header or SIGNATURE_HEADER).lower(), "").removeprefix("sha256=")
            expected = [each.hex() for each in _digests(keys, content)]
            is_right = any_equal(sent.lower(), expected)
            covered: tuple[str, ...] = (time, sha256(body).hexdigest())
        case HmacScheme.SLACK:
            time = headers.get(SLACK_TIME_HEADER, "")
            sent = headers.get((settings.header or SLACK_HEADER).lower(), "")
            expected = [f"v0={each.hex()}" for each in _digests(keys, _sent(f"v0:{time}:") + body)]
            is_right, covered = any_equal(sent, expected), (time, sha256(body).hexdigest())
        case HmacScheme.PAGERDUTY:
            expected, time = [f"v1={each.hex()}" for each in _digests(keys, body)], ""
            sent = headers.get((settings.header or PAGERDUTY_HEADER).lower(), "")
            found = [any_equal(each.strip(), expected) for each in sent.split(",")]
            is_right, covered = any(found), ("", sha256(body).hexdigest())
        case HmacScheme.STANDARD_WEBHOOKS:
            identity, time = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
            content = _sent(f"{identity}.{time}.") + body
            expected = [b64encode(each).decode() for each in _digests(keys, content)]
            versions = (each.partition(",") for each in headers.get("webhook-signature", "").split(" "))
            found = [
                any_equal(text, expected) for version, _, text in versions if version == STANDARD_VERSION
            ]
            is_right, covered = bool(identity) and any(found), (identity,)
    if not is_right:
        return None
    if settings.is_timeless:
        return covered
    if not TIME.fullmatch(time):
        return None
    if abs(incoming.received.timestamp() - int(time)) > settings.tolerance_seconds:
        tolerance = f"{settings.timestamp_tolerance} from the gateway's clock"
        reason = f"the signed time {time} differs by more than {tolerance}; set the clock of the sender"
        raise Unavailable(reason, retry_after=LATE_SECONDS)
    return covered


def _sent(header: str) -> bytes:
    """Return a header as it was sent: it may be no text in UTF-8."""
    return header.encode(errors="surrogateescape")


def _digests(keys: Iterable[bytes], content: bytes) -> Iterator[bytes]:
    return (hmac.digest(key, content, "sha256") for key in keys)


def any_equal(sent: str, accepted: Iterable[str]) -> bool:
    """Return whether a text is one of the accepted ones; an empty one is none."""
    digest = sha256(_sent(sent)).digest()
    found = [hmac.compare_digest(digest, sha256(each.encode()).digest()) for each in accepted if each]
    return bool(sent) and any(found)
