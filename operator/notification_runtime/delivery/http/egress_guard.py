"""The egress guard: checks the address of every connection at the time that it is made.

A name is resolved once: the checked addresses are those that are connected to, so a name that changes its
address in between (DNS rebinding) gains nothing (DD-CHANNELS-001).
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from notification_runtime.delivery.http.bounded_answer import BoundedConnector

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from aiohttp.connector import AddrInfoType

    from notification_runtime.delivery.http.egress_policy import EgressPolicy

BODY_BUFFER: Final = 32 * 1024
"""Bytes of a body, decompressed, from twice which on a connection is not read until they are consumed."""


class GuardedResolver(AbstractResolver):
    """Resolves names for aiohttp; a name with one forbidden address is refused whole."""

    def __init__(self, policy: EgressPolicy, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name and check every address of it."""
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            self._policy.check(host, result["host"])
        return results

    async def close(self) -> None:
        await self._resolver.close()


def guarded_session(
    policy: EgressPolicy,
    *,
    connections: int,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str = "",
) -> aiohttp.ClientSession:
    """Return a session that connects to nothing but what the policy permits; the caller closes it.

    Call it within the running loop.

    Args:
        policy: what is permitted.
        connections: the most at once; 0 for no limit.
        resolver: how names are resolved, which stays open; None for threads of the event loop, for hosts that no tenant chooses.
        tls: the certificates; None for those of the system.
        proxy: the URL of a proxy. It resolves names itself, so the policy applies to the proxy alone.
    """

    def guarded_socket(info: AddrInfoType) -> socket.socket:
        # The last check, of the very address: whatever led here, also a literal or a cached one.
        family, kind, protocol, _name, sockaddr = info
        policy.check(str(sockaddr[0]), str(sockaddr[0]))
        return socket.socket(family=family, type=kind, proto=protocol)

    connector = BoundedConnector(
        limit=connections,
        keepalive_timeout=30.0,
        # Its cache lets one look-up stand for all that ask: a namespace would wait for the limit of another one.
        use_dns_cache=False,
        resolver=GuardedResolver(policy, resolver or aiohttp.ThreadedResolver()),
        socket_factory=guarded_socket,
        ssl=True if tls is None else tls,
    )
    return aiohttp.ClientSession(
        connector=connector,
        proxy=proxy or None,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
        read_bufsize=BODY_BUFFER,
    )


async def guarded_socket(
    policy: EgressPolicy, host: str, port: int, *, resolver: AbstractResolver | None = None
) -> socket.socket:
    """Resolve, check and connect, for a protocol other than HTTP; the caller closes the socket.

    TLS on top of it must verify `host`, not the address.

    Raises:
        AddressNotAllowedError: an address of the host is forbidden.
        OSError: no address of the host accepts a connection.
    """
    policy.check_host(host)
    inner = resolver or aiohttp.ThreadedResolver()
    results = await GuardedResolver(policy, inner).resolve(host, port, socket.AF_UNSPEC)
    return await _connect_first(results)


async def _connect_first(results: Iterable[ResolveResult]) -> socket.socket:
    failure = OSError("the host has no address")
    for result in results:
        connection = socket.socket(result["family"], socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (result["host"], result["port"]))
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure
