"""The secret last part of a source's URL: a MAC of its uid, with a key that the stack makes. Pure.

No Secret is created for it, so that the gateway needs no right to create one (DD-ACCOUNT-001).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final

from notification_contract import names

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_BYTES: Final = 32
"""Minimum length of a key in bytes, without surrounding white space. A shorter one is not used."""
KEYS: Final = ("key", "previous")
"""The keys of the Secret `PATH_KEYS_SECRET`: URLs contain a token of the first one, and tokens of both are accepted."""
HINT: Final = (
    f"create the Secret {names.PATH_KEYS_SECRET} in the namespace of the gateway with at least {LEAST_BYTES} random bytes "
    f"under the key {KEYS[0]}"
)


def path_keys(values: Mapping[str, bytes]) -> tuple[bytes, ...]:
    """Return the keys in the values of the Secret, the present one first."""
    found = (values.get(name, b"").strip() for name in KEYS)
    return tuple(key for key in found if len(key) >= LEAST_BYTES)


def path_token(key: bytes, uid: str) -> str:
    """Return the token of the source with this uid: 43 characters of base64url."""
    digest = hmac.digest(key, uid.encode(), hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")
