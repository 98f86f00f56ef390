"""Fills the tables of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from notification_gateway.authentication.oidc import MAX_BYTES, OidcTokens
from tests.unit.gateway.test_oidc import LOCAL, Provider, subject
from tests.unit.loopback import listening

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

FLOOD, SHOP = "flood", "shop"
WIDE: Final = "\N{PACKAGE}"


class Tables:
    """The parts of the gateway that keep what senders and tenants choose."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def providers(self) -> bool:
        provider = Provider()
        usual = provider.keys

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.path.endswith("/openid-configuration"):
                return web.json_response({"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/keys"})
            return await provider.handle(request)

        url = provider.issuer = await self._stack.enter_async_context(listening(handle))
        tokens = OidcTokens(lambda _namespace: LOCAL, seconds=lambda: provider.now)
        self._stack.push_async_callback(tokens.close)
        assert await subject(tokens, provider, provider.token(), namespace=SHOP) == "ci"
        key = dict.fromkeys(("kid", "n", "e", "x", "y"), WIDE + "k" * 2040)
        provider.keys = [{**key, "kid": f"{number}{key['kid']}"} for number in range(MAX_BYTES // 11_000)]
        for number in range(500):
            provider.issuer = f"{url}/{number}"
            namespace = f"{FLOOD}-{number // 8}"
            assert await subject(tokens, provider, provider.token(), namespace=namespace) is None
        provider.issuer, provider.keys, provider.requests = url, usual, []
        return (
            await subject(tokens, provider, provider.token(), namespace=SHOP) == "ci"
            and not provider.requests
        )
