"""Free ports for servers that cannot choose one themselves."""

from __future__ import annotations

import secrets
import socket

PORTS = range(20_000, 30_000)
"""Below the ports that kernels give to connections, and those of Kubernetes: between the choice and its use, nobody else takes one."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as server:
            try:
                server.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
