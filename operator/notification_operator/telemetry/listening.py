"""A listening socket for IPv6 and IPv4, and for IPv4 alone where there is no IPv6."""

from __future__ import annotations

import errno
import socket
from typing import Final

ALL_ADDRESSES: Final = "::"
ALL_IPV4_ADDRESSES: Final = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus connect from other hosts
WITHOUT_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
"""What the kernel reports if IPv6 is not built in, or disabled."""


def all_addresses(port: int) -> socket.socket:
    """Return a socket that accepts connections to every address of this host; port 0 selects a free one.

    asyncio cannot create it: for `::` it restricts a socket to IPv6, and for all addresses it creates one per family,
    with different ports if it selects them.

    Raises:
        OSError: the port is taken; names it.
    """
    try:
        return _bound(socket.AF_INET6, ALL_ADDRESSES, port)
    except OSError as error:
        if error.errno not in WITHOUT_IPV6:
            raise
    return _bound(socket.AF_INET, ALL_IPV4_ADDRESSES, port)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on port {port} of {host}: {error.strerror}") from error
    return listener
