"""Who may ask the page: this browser on this machine, and no page of another origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

HOSTS: Final = ("127.0.0.1", "localhost")
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
OWN_SITES: Final = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for requests of the page itself and for an address that the user opens."""
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guard(port: int) -> Middleware:
    """Return a middleware that refuses what is not this page's own request.

    A name of another site may resolve to 127.0.0.1 (DNS rebinding), but its requests carry that name as Host. A
    request of another site's page says so in Origin or Sec-Fetch-Site.
    """
    hosts = {f"{host}:{port}" for host in HOSTS}
    origins = {f"http://{host}" for host in hosts}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Host") not in hosts:
            return web.Response(status=421, text="Open the address that notif web printed.\n")
        if _is_foreign(request, origins):
            return web.Response(status=403, text="Requests of other sites are refused.\n")
        if request.method not in SAFE_METHODS:
            return web.Response(status=405, text="This page is read-only.\n")
        return await handler(request)

    return check


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that keep the page apart from others to any response."""
    response.headers.update(HEADERS)


def _is_foreign(request: web.Request, origins: set[str]) -> bool:
    """Return whether another site's page made a request; to follow a link from there is allowed."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is not None and origin not in origins:
        return True
    navigates = (
        request.headers.get("Sec-Fetch-Mode") == "navigate"
        and request.headers.get("Sec-Fetch-Dest") == "document"
    )
    return site is not None and site not in OWN_SITES and not navigates
