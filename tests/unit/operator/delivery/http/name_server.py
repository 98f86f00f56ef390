"""A name server on 127.0.0.1 with a port of its own; names below slow.test get no answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

import aiohttp

from notification_runtime.delivery.http.name_resolver import ANSWER_SECONDS, RESOLV_CONF, NameResolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

SILENT = "slow.test"
TYPES = {1: 4, 28: 6}
"""The versions of the addresses in records of the types A and AAAA."""
TTL = 0
"""Seconds; nothing between the test and this server remembers an answer."""
NXDOMAIN, SERVFAIL = 3, 2
SOA = b"\0" + struct.pack("!HHIH", 6, 1, TTL, 22) + b"\0\0" + struct.pack("!IIIII", 1, 1, 1, 1, TTL)
"""How long a negative answer may be remembered: not at all."""


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers from a zone; a name that it does not contain does not exist."""

    zone: Mapping[str, Sequence[str]]
    broken: bool = False
    """Whether it answers that it has failed."""
    mute: frozenset[int] = frozenset()
    """Versions of addresses that it does not answer questions for."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each name was asked for."""
    port: int = 0
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is no asyncio.DatagramTransport.
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        name, end = _name(data)
        self.asked[name] += 1
        version = TYPES.get(struct.unpack("!H", data[end : end + 2])[0], 0)
        if name.endswith(SILENT) or version in self.mute:
            return
        addresses = [ip_address(each) for each in self.zone.get(name, ())]
        records = [_record(address.packed) for address in addresses if address.version == version]
        code = SERVFAIL if self.broken else 0 if name in self.zone else NXDOMAIN
        authorities = [] if records or self.broken else [SOA]
        head = struct.pack("!HHHHH", 0x8180 | code, 1, len(records), len(authorities), 0)
        self.transport.sendto(data[:2] + head + data[12 : end + 4] + b"".join(records + authorities), addr)

    def resolver(
        self,
        *,
        search: Sequence[str] = (),
        resolv_conf: Path = RESOLV_CONF,
        seconds: Callable[[], float] = time.monotonic,
    ) -> NameResolver:
        """Return the resolver that ships, which asks this server, with the search list of a pod."""
        return NameResolver(
            lambda: aiohttp.AsyncResolver(
                timeout=ANSWER_SECONDS,
                tries=2,
                servers=[f"127.0.0.1:{self.port}"],
                domains=search,
                ndots=5,
            ),
            resolv_conf=resolv_conf,
            seconds=seconds,
        )


def _name(data: bytes) -> tuple[str, int]:
    """Return the name of the question, and where it ends."""
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
        at += data[at] + 1
    return ".".join(labels), at + 1


def _record(packed: bytes) -> bytes:
    kind = 1 if len(packed) == 4 else 28
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, TTL, len(packed)) + packed


@contextlib.asynccontextmanager
async def name_server(zone: Mapping[str, Sequence[str]]) -> AsyncIterator[NameServer]:
    """Serve a zone."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(zone), local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    try:
        yield server
    finally:
        transport.close()
