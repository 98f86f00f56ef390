"""Which addresses a receiver may lead to: what the egress guard permits (DD-CHANNELS-001).

A receiver is written by a user, so its URL may point at the cluster's own services or at the metadata
service of a cloud.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from notification_contract.settings.gateway import Gateway
    from notification_contract.settings.receivers import Receivers

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: Final = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",
        "168.63.129.16",  # Azure
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:c1::a9fe:a9fe",  # Oracle
        "fd00:ec2::23",  # AWS, for pods
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google
    )
)
"""Services that give credentials to whoever asks; no setting permits them."""
NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "100::/64",
        "2001::/32",  # Teredo
        "2001:20::/28",  # ORCHIDv2
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""Link-local, multicast, unspecified and reserved networks; no setting permits them."""
ALLOWABLE: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "::1/128",
        "2001:db8::/32",
        "fc00::/7",
    )
)
"""Loopback, private and test networks: permitted where `allowed_networks` names a part of them."""
EMBEDDING: Final[tuple[tuple[IPv6Network, int], ...]] = (
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated
    (IPv6Network("::/96"), 0),  # IPv4-compatible
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 of one site
    (IPv6Network("2002::/16"), 80),  # 6to4
)
"""IPv6 networks whose addresses contain an IPv4 address, with the number of bits behind it."""
ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
NUMERIC: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|\d+)\.?\Z")


class AddressNotAllowedError(OSError):
    """The guard refuses a URL, a host or an address; the text says which one and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """What the guard permits to one receiver in addition to public addresses over https."""

    allowed_networks: tuple[Network, ...] = ()
    """Private networks. A network opens only the kind of network that it lies within: 0.0.0.0/0 opens none."""
    denied_networks: tuple[Network, ...] = ()
    """Networks of the settings that no receiver may reach, public or allowed."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that the settings permit alone, each with the names below it; empty for all."""
    insecure: bool = False
    """Permits http."""

    def check(self, host: str, address: str) -> None:
        """Check one address of a host.

        Raises:
            AddressNotAllowedError: the operator must not connect to it.
        """
        # A zone such as %eth0 belongs to link-local addresses, which are refused with or without it.
        resolved = ip_address(address.partition("%")[0])
        for each in (resolved, *_embedded(resolved)):
            reason = self._objection(each)
            if reason is not None:
                target = host if host == address else f"{host} ({address})"
                raise AddressNotAllowedError(f"the egress guard refuses {target}: {reason}")

    def check_url(self, url: str) -> None:
        """Check scheme and host of a URL, and the address if the host is one.

        Raises:
            AddressNotAllowedError: no request may be sent there. The text shows no path, which may be secret.
        """
        try:
            parsed = URL(url)
            host = parsed.raw_host or ""
        except ValueError as error:
            raise AddressNotAllowedError("the egress guard refuses the URL: it is not valid") from error
        schemes = ("https", "http") if self.insecure else ("https",)
        if parsed.scheme not in schemes:
            raise AddressNotAllowedError(
                f"the egress guard refuses the scheme {parsed.scheme!r}: use {' or '.join(schemes)}"
            )
        if parsed.user is not None or parsed.password is not None:
            raise AddressNotAllowedError("the egress guard refuses credentials in a URL: use a header")
        self.check_host(host)

    def check_host(self, host: str) -> None:
        """Check the name of a host, or its address in any spelling; what a name leads to is checked when it is resolved.

        Raises:
            AddressNotAllowedError: the host is empty, none of the allowed ones, a forbidden address, or an unusual spelling
                of one.
        """
        if not host:
            raise AddressNotAllowedError("the egress guard refuses the URL: it has no host")
        if self.allowed_hosts and not self._names(host.rstrip(".").lower()):
            raise AddressNotAllowedError(
                f"the egress guard refuses the host {host}: the operator's setting receivers.allowed_hosts does not contain it"
            )
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            # Systems disagree about 127.1, 0x7f.1, 017700000001 and 2130706433.
            if NUMERIC.match(host.rstrip(".").rpartition(".")[2] or host):
                raise AddressNotAllowedError(
                    f"the egress guard refuses the host {host!r}: write an IPv4 address as four decimal numbers"
                ) from None
            return
        self.check(host, host)

    def _names(self, host: str) -> bool:
        return any(host == each or host.endswith(f".{each}") for each in self.allowed_hosts)

    def _objection(self, address: Address) -> str | None:
        if address in METADATA:
            return "it is the metadata service of a cloud"
        if any(address in network for network in NEVER):
            return "it is a link-local, multicast, unspecified or reserved address"
        for network in self.denied_networks:
            if address in network:
                return f"it is in the network {network}, which the operator's setting receivers.denied_networks contains"
        for network in ALLOWABLE:
            if address in network:
                return None if self._allows(address, network) else _private(network)
        return None

    def _allows(self, address: Address, kind: Network) -> bool:
        return any(
            address in network and network.version == kind.version and network.subnet_of(kind)  # type: ignore[arg-type]  # both have one version
            for network in self.allowed_networks
        )


def egress_policy(
    settings: Receivers | Gateway, allowed_networks: Iterable[str] = (), *, insecure: bool = False
) -> EgressPolicy:
    """Return what the guard permits under the settings of a program (DD-EGRESS-001)."""
    return EgressPolicy(
        allowed_networks=_networks(allowed_networks),
        denied_networks=_networks(settings.denied_networks),
        allowed_hosts=tuple(settings.allowed_hosts),
        insecure=insecure,
    )


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)


def _private(network: Network) -> str:
    return f"it is in the private network {network}, which the receiver's allowedNetworks do not contain"


def _embedded(address: Address) -> Iterator[Address]:
    """Yield the IPv4 address that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if number in {0, 1}:  # the unspecified address and loopback, not IPv4-compatible ones
        return
    for network, shift in EMBEDDING:
        if address in network:
            yield IPv4Address((number >> shift) & 0xFFFFFFFF)
    if (number >> 32) & 0xFFFFFFFF in ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)
