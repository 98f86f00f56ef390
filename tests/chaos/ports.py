"""Ports for servers that end and start again: below the range that connections get their own ports from."""

from __future__ import annotations

import random
import socket
import threading

RANGE = range(20_000, 30_000)
_lock, _taken = threading.Lock(), set[int]()


def lasting_port() -> int:
    """Return a port of 127.0.0.1 that is free now, and that no other part of this process gets."""
    with _lock:
        while True:
            port = random.SystemRandom().choice(RANGE)
            if port not in _taken and _is_free(port):
                _taken.add(port)
                return port


def _is_free(port: int) -> bool:
    with socket.socket() as server:
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
