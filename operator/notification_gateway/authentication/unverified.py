"""The unverified claims of a token, which decide whether its issuer is asked."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from notification_domain.json_values import number

LONGEST: Final = 16 * 1024
"""Characters of a token."""
LEEWAY: Final = 60
"""Seconds by which the clock of an issuer may differ."""
ALGORITHMS: Final = ("RS256", "ES256", "PS256", "EdDSA")
"""Asymmetric ones only: with HS256, a public key would be the secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims of a token whose signature nothing has verified."""

    issuer: str
    subject: str
    expires: float
    """Seconds since 1970; 0 without an end."""
    audiences: tuple[str, ...]
    algorithm: str
    key_id: str


def claims_of(token: str) -> Claims | None:
    """Return the claims; None for a text that is no token, or one of an unusable algorithm."""
    if not token or len(token) > LONGEST:
        return None
    import jwt  # noqa: PLC0415 - with its cryptography, it takes 8 MB: senders of hooks need none of it

    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    header, payload = whole["header"], whole["payload"]
    if not isinstance(payload, dict):
        return None
    audience = payload.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    algorithm, key_id = header.get("alg"), header.get("kid", "")
    if algorithm not in ALGORITHMS or not isinstance(key_id, str):
        return None
    return Claims(
        issuer=str(payload.get("iss", "")),
        subject=str(payload.get("sub", "")),
        expires=number(payload.get("exp"), most=inf) or 0.0,
        audiences=tuple(each for each in audiences if isinstance(each, str)),
        algorithm=algorithm,
        key_id=key_id,
    )
