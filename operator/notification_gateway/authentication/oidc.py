"""Tokens of OpenID Connect providers. Their keys are read through the egress guard, and kept.

A tenant names the provider of a source, and a stranger can make the gateway read its keys. So everything is bounded by namespace: the keys
that are kept, the reads, and the look-ups of names.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import aiohttp
import orjson
import structlog

from notification_domain.json_values import entries, mapping, text
from notification_gateway.authentication.unverified import ALGORITHMS, LEEWAY, claims_of
from notification_gateway.errors import Unavailable
from notification_runtime.delivery.http.egress_guard import guarded_session
from notification_runtime.delivery.http.name_resolver import NameResolver, resolving_for
from notification_runtime.fair.lru import SharedMap

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from aiohttp.abc import AbstractResolver

    from notification_gateway.authentication.unverified import Claims
    from notification_runtime.delivery.http.egress_policy import EgressPolicy

logger = structlog.get_logger(__name__)

DISCOVERY: Final = "/.well-known/openid-configuration"
UNKNOWN_KEY_SECONDS: Final = 30.0
"""Minimum seconds between two reads of the keys: tokens with unknown key ids must not flood the provider."""
FRESH_SECONDS: Final = 3600.0
"""A key that the provider has removed is accepted for so long."""
REQUEST_SECONDS: Final = 5.0
READ_SECONDS: Final = 2 * REQUEST_SECONDS
"""Time limit of a read, which takes two requests, with the wait for its turn."""
READS: Final = 2
"""Concurrent reads of a namespace."""
MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
MAX_VALUE: Final = 2048
"""Characters of a value of a key; the modulus of RSA with 8192 bits has 1366."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""Bytes of the keys of all providers that sources name; of the namespace with the most, the oldest are read again (DD-TABLE-001)."""
PROVIDER_BYTES: Final = 4096
"""Bytes of a provider without its keys."""
CONNECTIONS: Final = 64
KEY_FIELDS: Final = ("kid", "kty", "use", "alg", "n", "e", "crv", "x", "y")
"""What is kept of a key."""
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

    @property
    def size(self) -> int:
        """Bytes in memory."""
        texts = (text for key in self.keys.values() for text in key.values())
        return PROVIDER_BYTES + sum(map(getsizeof, (*self.keys, *self.keys.values(), *texts)))


class OidcTokens:
    """Verifies tokens.

    Args:
        policy: returns the addresses where the providers of a namespace may be.
        tls: the certificate authorities; None for those of the system.
        resolver: how names are resolved; closed with this object.
        seconds: a monotonic clock.
    """

    def __init__(
        self,
        policy: Callable[[str], EgressPolicy],
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        seconds: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._tls = tls
        self._resolver = resolver or NameResolver()
        self._seconds = seconds
        self._own = Provider()
        """The provider of the settings, which no tenant displaces."""
        self._providers: SharedMap[str, Provider] = SharedMap(MOST_BYTES, size=lambda each: each.size)
        """The providers of sources, by namespace and issuer."""
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """The turns of the namespaces that read, which hold them."""
        self._sessions: dict[EgressPolicy, aiohttp.ClientSession] = {}

    async def subject_of(self, token: str, *, issuer: str, audience: str, namespace: str = "") -> str | None:
        """Return the claim sub of a token of this issuer for this audience; None if it is not valid.

        Args:
            token: what was sent.
            issuer: the provider.
            audience: for whom the token has to be.
            namespace: that of the source that names the issuer; empty for the issuer of the settings.

        Raises:
            Unavailable: the token looks like one of this issuer, whose keys cannot be read.
        """
        claims = claims_of(token)
        if claims is None or claims.issuer != issuer or audience not in claims.audiences:
            return None
        key = await self._key(namespace, issuer, claims)
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
        # A token for several audiences can come from each of them, unless it names the one that it was issued to.
        if len(claims.audiences) > 1 and verified.get("azp") != audience:
            return None
        return text(verified.get("sub")) or None

    async def close(self) -> None:
        for each in self._sessions.values():
            await each.close()
        await self._resolver.close()

    def _provider(self, namespace: str, issuer: str) -> Provider:
        if not namespace:
            return self._own
        provider = self._providers.get(namespace, issuer)
        if provider is None:
            provider = Provider()
            self._providers.put(namespace, issuer, provider)
        return provider

    async def _key(self, namespace: str, issuer: str, claims: Claims) -> Mapping[str, Any] | None:
        provider = self._provider(namespace, issuer)
        if self._seconds() - provider.read_at > FRESH_SECONDS or claims.key_id not in provider.keys:
            await self._read(namespace, issuer, provider)
        key = provider.keys.get(claims.key_id)
        if not provider.keys or (key is None and not provider.is_read):
            raise Unavailable(f"the keys of {issuer} cannot be read")
        if key is None or key.get("kty") != KEY_TYPES[claims.algorithm]:
            return None
        return key if key.get("alg", claims.algorithm) == claims.algorithm else None

    async def _read(self, namespace: str, issuer: str, provider: Provider) -> None:
        """Read the keys of a provider, unless that was tried a moment ago; a failure leaves them as they are."""
        async with provider.reading:
            if self._seconds() - provider.tried_at < UNKNOWN_KEY_SECONDS:
                return
            provider.tried_at = self._seconds()
            turn = self._turns.setdefault(namespace, asyncio.Semaphore(READS))
            try:
                async with asyncio.timeout(READ_SECONDS), turn:
                    with resolving_for(namespace):
                        policy = self._policy(namespace)
                        url = await self._key_url(issuer, policy)
                        provider.keys = _usable(await self._document(url, policy))
            except (aiohttp.ClientError, OSError, ValueError) as error:
                logger.warning("keys of OpenID Connect provider not read", issuer=issuer, error=str(error))
            else:
                provider.read_at = self._seconds()
                if namespace:
                    self._providers.put(namespace, issuer, provider)

    async def _key_url(self, issuer: str, policy: EgressPolicy) -> str:
        discovery = await self._document(issuer.rstrip("/") + DISCOVERY, policy)
        if discovery.get("issuer") != issuer:
            raise ValueError("its discovery document names another issuer")
        return text(discovery.get("jwks_uri"))

    async def _document(self, url: str, policy: EgressPolicy) -> Mapping[str, Any]:
        """Return a JSON object.

        Raises:
            OSError, ClientError, ValueError: there is none, or the egress guard refuses its address.
        """
        policy.check_url(url)
        if (session := self._sessions.get(policy)) is None:
            session = guarded_session(policy, connections=CONNECTIONS, resolver=self._resolver, tls=self._tls)
            self._sessions[policy] = session
        async with (
            asyncio.timeout(REQUEST_SECONDS),
            session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as response,
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
        text(each.get("kid")): _kept(each)
        for each in keys
        if each.get("use", "sig") == "sig"
        and each.get("alg", ALGORITHMS[0]) in ALGORITHMS
        and "d" not in each
    }


def _kept(key: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name in KEY_FIELDS if 0 < len(value := text(key.get(name))) <= MAX_VALUE}
