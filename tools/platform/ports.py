"""Free ports for servers that cannot choose one themselves."""

from __future__ import annotations

import secrets
import socket
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PORTS = range(20_000, 30_000)
"""Below the ports that kernels give to connections, and those of Kubernetes: between the choice and its use, nobody else takes one."""
SHARE = 250
"""Ports of a process. Until it ends, it holds the first one, and gives each of the others once before it repeats one."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now, and that no other process gets here."""
    return next(port for port in _ports() if _bound(port, keep=False))


@cache
def _ports() -> Iterator[int]:
    """Return the ports of this process, again and again.

    Raises:
        OSError: other processes have claimed all of them.
    """
    shares = [PORTS[start : start + SHARE] for start in range(0, len(PORTS), SHARE)]
    secrets.SystemRandom().shuffle(shares)
    claimed = next((share for share in shares if _bound(share.start, keep=True)), None)
    if claimed is None:
        raise OSError(f"no ports are left from {PORTS.start} on: {len(shares)} processes have claimed them")
    return cycle(claimed[1:])


def _bound(port: int, *, keep: bool) -> bool:
    """Return whether the port could be bound; with `keep`, it stays bound."""
    server = socket.socket()
    try:
        server.bind(("127.0.0.1", port))
    except OSError:
        server.close()
        return False
    if keep:
        # The process holds it until its end.
        server.detach()
    else:
        server.close()
    return True
