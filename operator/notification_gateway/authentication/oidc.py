"""Tokens of OpenID Connect providers. Their keys are read through the egress guard, and kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
import structlog

from notification_gateway.authentication.unverified import ALGORITHMS, claims_of
from notification_gateway.errors import Unavailable
from notification_operator.delivery.http.egress_guard import guarded_session
from notification_operator.domain.json_values import entries, mapping, text
from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from notification_gateway.authentication.unverified import Claims
    from notification_operator.delivery.http.egress_policy import EgressPolicy

logger = structlog.get_logger(__name__)

DISCOVERY: Final = "/.well-known/openid-configuration"
LEEWAY: Final = 60
"""Seconds by which the clock of a provider may differ."""
UNKNOWN_KEY_SECONDS: Final = 30.0
"""Minimum seconds between two reads of the keys: tokens with unknown key ids must not flood the provider."""
FRESH_SECONDS: Final = 3600.0
"""A key that the provider has removed is accepted for so long."""
REQUEST_SECONDS: Final = 5.0
MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
MAX_PROVIDERS: Final = 100
CONNECTIONS: Final = 16
KEY_TYPES: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


@dataclass(slots=True)
class Provider:
    """The keys of a provider by their ids, as they were read last."""

    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    read_at: float = float("-inf")
    tried_at: float = float("-inf")
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_read(self) -> bool:
        """Whether the latest attempt to read them has succeeded."""
        return self.read_at >= self.tried_at


class OidcTokens:
    """Verifies tokens.

    Args:
        policy: the addresses where providers may be.
        tls: the certificate authorities; None for those of the system.
        seconds: a monotonic clock.
    """

    def __init__(
        self, policy: EgressPolicy, *, tls: ssl.SSLContext | None = None, seconds: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._tls = tls
        self._seconds = seconds
        self._providers: LruMap[str, Provider] = LruMap(MAX_PROVIDERS)
        self._session: aiohttp.ClientSession | None = None

    async def subject_of(self, token: str, *, issuer: str, audience: str) -> str | None:
        """Return the claim sub of a token of this issuer for this audience; None if it is not valid.

        Raises:
            Unavailable: the token looks like one of this issuer, whose keys cannot be read.
        """
        claims = claims_of(token)
        if claims is None or claims.issuer != issuer or audience not in claims.audiences:
            return None
        key = await self._key(issuer, claims)
        if key is None:
            return None
        import jwt  # noqa: PLC0415 - as in `claims_of`, which has loaded it

        try:
            verified = jwt.decode(
                token,
                key=jwt.PyJWK(dict(key), algorithm=claims.algorithm),
                algorithms=[claims.algorithm],
                audience=audience,
                issuer=issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        return text(verified.get("sub")) or None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _key(self, issuer: str, claims: Claims) -> Mapping[str, Any] | None:
        provider = self._providers.use(issuer, Provider)
        if self._seconds() - provider.read_at > FRESH_SECONDS or claims.key_id not in provider.keys:
            await self._read(issuer, provider)
        key = provider.keys.get(claims.key_id)
        if not provider.keys or (key is None and not provider.is_read):
            raise Unavailable(f"the keys of {issuer} cannot be read")
        if key is None or key.get("kty") != KEY_TYPES[claims.algorithm]:
            return None
        return key if key.get("alg", claims.algorithm) == claims.algorithm else None

    async def _read(self, issuer: str, provider: Provider) -> None:
        """Read the keys of a provider, unless that was tried a moment ago; a failure leaves them as they are."""
        async with provider.reading:
            if self._seconds() - provider.tried_at < UNKNOWN_KEY_SECONDS:
                return
            provider.tried_at = self._seconds()
            try:
                provider.keys = _usable(await self._document(await self._key_url(issuer)))
            except (aiohttp.ClientError, OSError, ValueError) as error:
                logger.warning("keys of OpenID Connect provider not read", issuer=issuer, error=str(error))
            else:
                provider.read_at = self._seconds()

    async def _key_url(self, issuer: str) -> str:
        discovery = await self._document(issuer.rstrip("/") + DISCOVERY)
        if discovery.get("issuer") != issuer:
            raise ValueError("its discovery document names another issuer")
        return text(discovery.get("jwks_uri"))

    async def _document(self, url: str) -> Mapping[str, Any]:
        """Return a JSON object.

        Raises:
            OSError, ClientError, ValueError: there is none, or the egress guard refuses its address.
        """
        self._policy.check_url(url)
        if self._session is None:
            self._session = guarded_session(self._policy, connections=CONNECTIONS, tls=self._tls)
        async with (
            asyncio.timeout(REQUEST_SECONDS),
            self._session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as response,
        ):
            if response.status != 200:  # noqa: PLR2004 - the only success
                raise ValueError(f"{url} answers {response.status}")
            body = await response.content.read(MAX_BYTES + 1)
            while len(body) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES + 1 - len(body))):
                body += more
        if len(body) > MAX_BYTES:
            raise ValueError(f"{url} answers with more than {MAX_BYTES} bytes")
        return mapping(orjson.loads(body))


def _usable(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the keys for signatures by their ids."""
    keys = (mapping(each) for each in entries(document.get("keys"))[:MAX_KEYS])
    return {
        text(each.get("kid")): each
        for each in keys
        if each.get("use", "sig") == "sig"
        and each.get("alg", ALGORITHMS[0]) in ALGORITHMS
        and "d" not in each
    }
