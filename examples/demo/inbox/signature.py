"""Verifies the signature of a webhook as Standard Webhooks defines it. Pure: a receiver of your own can do the same."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "whsec_"
TOLERANCE = 300.0
"""Seconds that a message may be old, or that two clocks may differ: an older message may be a replay."""


class NotVerifiedError(ValueError):
    """The message is not from the holder of the key, or not of this time; the text says why."""


def verify(key: str, headers: Mapping[str, str], body: bytes, *, now: float) -> str:
    """Check a message, and return its id; `headers` are found in any case, `now` is in seconds of the epoch.

    A repeat of a message has the same id, so a receiver that remembers ids can skip it.

    Raises:
        NotVerifiedError: the signature, the time or a header is wrong.
    """
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, sent, signatures = (named[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        age = abs(now - int(sent))
    except KeyError as error:
        raise NotVerifiedError(f"the header {error.args[0]} is missing") from None
    except ValueError:
        raise NotVerifiedError("the header webhook-timestamp is no number") from None
    if age > TOLERANCE:
        raise NotVerifiedError(f"the message is {age:.0f} s away from this clock")
    expected = _signature(key, message_id, sent, body)
    # One signature per key: during a rotation there are two.
    if not any(hmac.compare_digest(expected, each) for each in signatures.split()):
        raise NotVerifiedError("no signature is by the key of this receiver")
    return message_id


def _signature(key: str, message_id: str, sent: str, body: bytes) -> str:
    secret = base64.b64decode(key.removeprefix(PREFIX))
    digest = hmac.digest(secret, f"{message_id}.{sent}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
