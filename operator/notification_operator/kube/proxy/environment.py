"""The proxy that the environment names for a server, looked up once per session.

aiohttp's own `trust_env` reads the environment and ~/.netrc in threads for each request, which took a
fifth of the time of a reconciliation. Neither it nor urllib understands a CIDR block in NO_PROXY.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from yarl import URL

from notification_operator.kube.proxy.no_proxy import bypasses_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping


def session_options(url: str) -> Mapping[str, Any]:
    """Return the options of a client session for this one server."""
    try:
        server = URL(url)
    except ValueError:
        # The request itself fails on it.
        return {}
    environment = getproxies()
    proxy = environment.get(server.scheme)
    if proxy is None or server.host is None or bypasses_proxy(server, environment.get("no", "")):
        return {}
    return {"proxy": URL(proxy if "://" in proxy else f"http://{proxy}")}
