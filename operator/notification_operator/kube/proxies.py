"""The proxy that the environment names for a server, looked up once a session.

aiohttp's own `trust_env` asks the environment, and ~/.netrc, anew for each request, and does so in threads: that
took a fifth of the time of a pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping


def session_options(url: str) -> Mapping[str, Any]:
    """Return what a client session for this one server has to be made with."""
    try:
        server = URL(url)
    except ValueError:
        # The request itself will say so.
        return {}
    proxy = getproxies().get(server.scheme)
    if proxy is None or server.host is None or proxy_bypass(server.host):
        return {}
    return {"proxy": URL(proxy)}
