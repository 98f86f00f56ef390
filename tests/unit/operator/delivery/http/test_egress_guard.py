"""The egress guard against a real server that counts connections: forbidden addresses get none."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from notification_domain.error_text import chain
from notification_runtime.delivery.channel import DeliveryError, ReceiverError, ReceiverProblem
from notification_runtime.delivery.http.egress_guard import guarded_session, guarded_socket
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError, EgressPolicy
from notification_runtime.delivery.http.exchange import HttpExchange, NetworkAccess
from tests.unit.operator.channels.receivers import returning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INSECURE = EgressPolicy(insecure=True)
LOOPBACK = EgressPolicy(insecure=True, allowed_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
EVERYTHING = EgressPolicy(insecure=True, allowed_networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))

LOCAL = (
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0X7F.0X0.0X0.0X1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0",
    "localhost",
    "LOCALHOST",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
)
"""Hosts that lead to this machine."""
FOREIGN = (
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "169.254.1.1",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "10.0.0.1",
    "10.96.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[fd00:c1::a9fe:a9fe]",
    "[fd20:ce::254]",
    "[fd12:3456::1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[ff02::1]",
    "[::127.0.0.1]",
    "[::10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:10.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2002:c0a8:101::1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a00:1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:db8::1]",
    "[2001:20::1]",
    "[2001:2f:ffff::1]",
    "[3fff::1]",
    "[3fff:fff::1]",
    "[5f00::1]",
    "[2606:4700::5efe:a00:1]",
    "[2606:4700::200:5efe:c0a8:101]",
)
"""Hosts that lead to private or special networks; a guard that fails would at best time out."""
PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "2606:4700:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
    "2002:101:101::1",
)


@dataclass
class CountingServer:
    """A server on every address of this machine that counts connections."""

    port: int = 0
    connections: int = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()


@pytest.fixture
async def counter() -> AsyncIterator[CountingServer]:
    result = CountingServer()
    with socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET) as probe:
        probe.bind(("", 0))
        result.port = probe.getsockname()[1]
    server = await asyncio.start_server(result.accept, host=None, port=result.port)
    async with server:
        yield result


@dataclass
class Names(AbstractResolver):
    """Answers with scripted addresses, a further one at each question."""

    answers: list[list[str]] = field(default_factory=list)
    questions: int = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        answer = self.answers[min(self.questions, len(self.answers) - 1)]
        self.questions += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in answer
        ]

    async def close(self) -> None:
        pass


async def post(policy: EgressPolicy, url: str, resolver: AbstractResolver | None = None) -> None:
    """Post as the channels do."""
    async with guarded_session(policy, connections=2, resolver=resolver) as session:
        access = NetworkAccess(
            session=returning(session), policy=policy, clock=lambda: datetime.now(UTC), timeout=5
        )
        await HttpExchange(access, url).post(b"{}", headers={})


async def post_by_session(policy: EgressPolicy, url: str, resolver: AbstractResolver | None = None) -> None:
    """Post without the check of the URL, as a mistake in a channel would."""
    async with guarded_session(policy, connections=2, resolver=resolver) as session:
        await session.post(url, data=b"{}", timeout=aiohttp.ClientTimeout(total=5))


@pytest.mark.parametrize("host", [*LOCAL, *FOREIGN])
async def test_forbidden_address_gets_no_connection(counter: CountingServer, host: str) -> None:
    with pytest.raises(ReceiverError) as caught:
        await post(INSECURE, f"http://{host}:{counter.port}/hook/secret-path")
    assert caught.value.reason is ReceiverProblem.ADDRESS_NOT_ALLOWED
    assert "secret-path" not in str(caught.value)
    assert counter.connections == 0


@pytest.mark.parametrize("host", [*LOCAL, *FOREIGN])
async def test_session_alone_gives_a_forbidden_address_no_connection(
    counter: CountingServer, host: str
) -> None:
    with pytest.raises((aiohttp.ClientError, OSError, ValueError)) as caught:
        await post_by_session(INSECURE, f"http://{host}:{counter.port}/")
    refused = any(isinstance(link, AddressNotAllowedError) for link in chain(caught.value))
    unresolved = any(isinstance(link, aiohttp.ClientConnectorDNSError) for link in chain(caught.value))
    invalid = any(isinstance(link, aiohttp.InvalidURL | ValueError) for link in chain(caught.value))
    assert refused or unresolved or invalid
    assert counter.connections == 0


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "localhost", "0.0.0.0"],  # noqa: S104 - likewise
)
async def test_system_reaches_the_server_by_the_same_spellings(counter: CountingServer, host: str) -> None:
    _, writer = await asyncio.open_connection(host, counter.port, family=socket.AF_INET)
    writer.close()
    await writer.wait_closed()
    assert counter.connections == 1


@pytest.mark.parametrize("address", [host.strip("[]").replace("%25", "%") for host in FOREIGN[10:]])
async def test_name_of_a_forbidden_address_gets_no_connection(counter: CountingServer, address: str) -> None:
    with pytest.raises(ReceiverError, match=r"refuses receiver\.example"):
        await post(INSECURE, f"http://receiver.example:{counter.port}/", Names([[address]]))


async def test_name_that_changes_its_address_gains_nothing(counter: CountingServer) -> None:
    names = Names([["1.1.1.1"], ["127.0.0.1"]])
    INSECURE.check_url(f"http://receiver.example:{counter.port}/")
    names.questions = 1
    with pytest.raises(ReceiverError, match="private network"):
        await post(INSECURE, f"http://receiver.example:{counter.port}/", names)
    assert counter.connections == 0


async def test_name_is_resolved_once_per_connection(counter: CountingServer) -> None:
    names = Names([["127.0.0.1"], ["169.254.169.254"]])
    await post(LOOPBACK, f"http://receiver.example:{counter.port}/", names)
    assert (names.questions, counter.connections) == (1, 1)


async def test_name_with_one_forbidden_address_is_refused_whole(counter: CountingServer) -> None:
    with pytest.raises(ReceiverError):
        await post(LOOPBACK, f"http://receiver.example:{counter.port}/", Names([["127.0.0.1", "10.0.0.1"]]))
    assert counter.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_network_that_is_allowed_gets_its_connection(counter: CountingServer, host: str) -> None:
    await post(LOOPBACK, f"http://{host}:{counter.port}/")
    assert counter.connections == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]"])
async def test_network_of_everything_allows_no_private_address(counter: CountingServer, host: str) -> None:
    with pytest.raises(ReceiverError):
        await post(EVERYTHING, f"http://{host}:{counter.port}/")
    assert counter.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd00:c1::a9fe:a9fe",
        "224.0.0.1",
        "fe80::1",
        "5f00::1",
    ],
)
def test_no_setting_permits_metadata_services_and_link_local_addresses(address: str) -> None:
    network = ip_network(f"{address}/{128 if ':' in address else 32}")
    policy = EgressPolicy(allowed_networks=(network, ip_network("100.64.0.0/10"), ip_network("fc00::/7")))
    with pytest.raises(AddressNotAllowedError):
        policy.check(address, address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_permitted(address: str) -> None:
    EgressPolicy().check("receiver.example", address)


def test_allowed_network_permits_its_addresses_and_no_others() -> None:
    policy = EgressPolicy(allowed_networks=(ip_network("10.1.0.0/16"), ip_network("fd12::/16")))
    policy.check("10.1.2.3", "10.1.2.3")
    policy.check("::ffff:10.1.2.3", "::ffff:10.1.2.3")
    policy.check("fd12::1", "fd12::1")
    for address in ("10.2.0.1", "fd13::1", "192.168.0.1"):
        with pytest.raises(AddressNotAllowedError):
            policy.check(address, address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "10.1.2.3",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2606:4700:64::a00:1",
    ],
)
def test_denied_network_is_refused_although_it_is_public_or_allowed(address: str) -> None:
    denied = ("8.8.8.0/24", "10.1.2.0/24", "2606:4700:64::/96")
    policy = EgressPolicy(
        allowed_networks=(ip_network("10.1.0.0/16"),),
        denied_networks=tuple(ip_network(text) for text in denied),
    )
    with pytest.raises(
        AddressNotAllowedError, match=r"which the operator's setting receivers\.denied_networks"
    ):
        policy.check("receiver.example", address)
    for each in ("8.8.4.4", "10.1.3.1", "2606:4700:65::1"):
        policy.check("receiver.example", each)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", True),
        ("hooks.Example.COM.", True),
        ("events.pagerduty.com", True),
        ("pagerduty.com", False),
        ("badexample.com", False),
        ("example.com.evil.test", False),
        ("example.org", False),
        ("8.8.8.8", False),
        ("[2606:4700::1111]", False),
        ("xn--bcher-kva.example.com", True),
        ("bücher.test", True),
    ],
)
def test_url_of_a_host_outside_of_the_allowed_ones_is_refused(host: str, *, allowed: bool) -> None:
    policy = EgressPolicy(allowed_hosts=("example.com", "events.pagerduty.com", "xn--bcher-kva.test"))
    if allowed:
        policy.check_url(f"https://{host}/hook")
        return
    with pytest.raises(
        AddressNotAllowedError, match=r"the operator's setting receivers\.allowed_hosts does not contain"
    ):
        policy.check_url(f"https://{host}/hook")


def test_allowed_host_leads_to_no_forbidden_address() -> None:
    policy = EgressPolicy(allowed_hosts=("10.1.2.3", "8.8.8.8"))
    policy.check_host("8.8.8.8")
    with pytest.raises(AddressNotAllowedError, match="private network"):
        policy.check_host("10.1.2.3")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://example.com/", "the scheme 'http': use https"),
        ("ftp://example.com/", "the scheme 'ftp'"),
        ("file:///etc/passwd", "the scheme 'file'"),
        ("//example.com/", "the scheme ''"),
        ("https:///path", "it has no host"),
        ("https://user:password@example.com/", "credentials in a URL"),
        ("https://1.1.1.1@10.0.0.1/", "credentials in a URL"),
        ("https://[::1/", "it is not valid"),
        ("https://1.1.1.1.1/", "four decimal numbers"),
    ],
)
def test_url_is_refused_with_its_reason(url: str, text: str) -> None:
    with pytest.raises(AddressNotAllowedError) as caught:
        EgressPolicy().check_url(url)
    assert text in str(caught.value)
    assert "password" not in str(caught.value)


async def test_redirect_is_not_followed(counter: CountingServer) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        location = f"Location: http://127.0.0.1:{counter.port}/\r\n"
        writer.write(f"HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DeliveryError, match="HTTP 302"):
            await post(LOOPBACK, f"http://127.0.0.1:{port}/")
    assert counter.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "::1", "2130706433", "10.0.0.1"]
)
async def test_socket_to_a_forbidden_address_is_refused(counter: CountingServer, host: str) -> None:
    with pytest.raises(AddressNotAllowedError):
        await guarded_socket(INSECURE, host, counter.port)
    assert counter.connections == 0


async def test_socket_connects_to_the_address_that_was_checked(counter: CountingServer) -> None:
    names = Names([["127.0.0.1"], ["10.0.0.1"]])
    connection = await guarded_socket(LOOPBACK, "mail.example", counter.port, resolver=names)
    with connection:
        assert connection.getpeername()[:2] == ("127.0.0.1", counter.port)
    assert names.questions == 1


async def test_socket_tries_each_address_of_a_name() -> None:
    names = Names([["127.0.0.99", "127.0.0.1"]])
    server = await asyncio.start_server(CountingServer().accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connection = await guarded_socket(LOOPBACK, "mail.example", port, resolver=names)
        with connection:
            assert connection.getpeername()[0] == "127.0.0.1"
    with pytest.raises(OSError, match="Connect call failed"):
        await guarded_socket(LOOPBACK, "mail.example", port, resolver=names)
