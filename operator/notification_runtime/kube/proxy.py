"""The proxy that the environment names for a server, looked up once per session.

aiohttp's own `trust_env` reads the environment and ~/.netrc in threads for each request, which took a
fifth of the time of a reconciliation. Neither it nor urllib understands a CIDR block in NO_PROXY.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.request import getproxies

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Address: TypeAlias = IPv4Address | IPv6Address

_SEPARATORS = re.compile(r"[\s,]+")
_WITH_PORT = re.compile(r"(?P<host>\[[^]]*\]|[^:]*):(?P<port>[0-9]*)")


def bypasses_proxy(server: URL, no_proxy: str) -> bool:
    """Return whether requests to this server must not use a proxy. The server's own host never needs one."""
    host = (server.raw_host or "").lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        entry == "*" or _matches(entry, host, address, server.port) for entry in _entries(no_proxy.lower())
    )


def _entries(no_proxy: str) -> Iterator[str]:
    return (entry for entry in _SEPARATORS.split(no_proxy) if entry)


def _matches(entry: str, host: str, address: Address | None, port: int | None) -> bool:
    if "/" in entry:
        return address is not None and _contains(entry, address)
    if parts := _WITH_PORT.fullmatch(entry):
        if parts["port"] and int(parts["port"]) != port:
            return False
        entry = parts["host"]
    if excepted := _address(entry.strip("[]")):
        return excepted == address
    return address is None and _is_in_domain(host, entry)


def _contains(block: str, address: Address) -> bool:
    """Return whether a CIDR block contains the address; what is no block contains none."""
    try:
        network = ip_network(block, strict=False)
    except ValueError:
        return False
    return address in network


def _is_in_domain(host: str, entry: str) -> bool:
    domain = _ascii(entry.removeprefix("*").strip("."))
    itself = host == domain and not entry.startswith("*")
    return bool(domain) and (itself or host.endswith(f".{domain}"))


def _ascii(domain: str) -> str:
    """Return a domain as it is sent, which is how URLs have it."""
    if domain.isascii():
        return domain
    try:
        return URL.build(scheme="http", host=domain).raw_host or ""
    except ValueError:
        return ""


def _address(text: str) -> Address | None:
    """Return an IP address without its zone; an IPv4 address that is written as IPv6 is IPv4."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


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
