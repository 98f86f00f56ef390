"""The resolver of receivers' names against a real name server, on both event loops (DD-DNS-001)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

from notification_domain.error_text import chain
from notification_runtime.delivery.http import name_resolver as module
from notification_runtime.delivery.http.egress_guard import guarded_session
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError, EgressPolicy
from notification_runtime.delivery.http.name_resolver import MOST_LOOKUPS, NameResolver, resolving_for
from notification_runtime.delivery.http_client import HttpClient
from tests.unit.operator.channels.receivers import LOOPBACK
from tests.unit.operator.delivery.http.name_server import NameServer, name_server
from tests.unit.operator.delivery.receiving import serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    import aiohttp

    Run = Callable[[Coroutine[None, None, None]], None]

GOOD = "good.test"
ZONE = {GOOD: ("192.0.2.1",), "both.test": ("192.0.2.2", "2001:db8::2"), "empty.test": ()}
HANGING = 50


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """The event loop that ships is uvloop's."""
    running: Run = request.param
    return running


async def addresses(resolver: NameResolver, host: str) -> list[str]:
    return [each["host"] for each in await resolver.resolve(host, 443, socket.AF_UNSPEC)]


async def refusal(resolver: NameResolver, host: str) -> str:
    try:
        results = await addresses(resolver, host)
    except OSError as error:
        return str(error.strerror)
    pytest.fail(f"{host} has the addresses {results}")


async def post(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(url, data=b"{}") as response:
        return response.status


@contextlib.contextmanager
def hanging(resolver: NameResolver, namespace: str = "tenant") -> Iterator[list[asyncio.Task[list[str]]]]:
    """Look up many names whose servers do not answer."""
    with resolving_for(namespace):
        tasks = [
            asyncio.create_task(addresses(resolver, f"n{number}.slow.test")) for number in range(HANGING)
        ]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


async def within(seconds: float, wanted: Awaitable[object]) -> object:
    async with asyncio.timeout(seconds):
        return await wanted


async def until_asked(server: NameServer, names: int) -> None:
    async with asyncio.timeout(5):
        while len(server.asked) < names:  # noqa: ASYNC110 - a server has no event
            await asyncio.sleep(0.01)


def test_name_resolves_while_fifty_others_get_no_answer(run: Run) -> None:
    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            with hanging(resolver):
                await until_asked(server, MOST_LOOKUPS)
                began = time.monotonic()
                assert await addresses(resolver, GOOD) == ["192.0.2.1"]
                assert time.monotonic() - began < 1
            await resolver.close()

    run(resolve())


def test_channel_of_the_settings_waits_for_no_name_of_a_receiver(run: Run) -> None:
    """Its client resolves by the system's own files: the name of this machine is in /etc/hosts."""

    async def post() -> None:
        async with name_server(ZONE) as server, serving() as receiver:
            resolver = server.resolver()
            client = HttpClient(receiver.url.replace("127.0.0.1", "localhost"), connections=1)
            with hanging(resolver):
                await until_asked(server, MOST_LOOKUPS)
                await within(1, client.post(b"{}", headers={}))
            await client.close()
            await resolver.close()

    run(post())


def test_namespace_looks_up_a_bounded_number_of_names_at_a_time(run: Run) -> None:
    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            with hanging(resolver), resolving_for("tenant"):
                await until_asked(server, MOST_LOOKUPS)
                with pytest.raises(TimeoutError):
                    await within(0.3, addresses(resolver, GOOD))
                assert len(server.asked) == MOST_LOOKUPS
                with resolving_for("other"):
                    assert await within(1, addresses(resolver, GOOD)) == ["192.0.2.1"]
            await resolver.close()

    run(resolve())


def test_look_up_without_an_answer_ends_in_time_and_makes_room(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.2)

    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            with hanging(resolver) as tasks:
                results = await asyncio.gather(*tasks, return_exceptions=True)
                assert {str(each) for each in results} == {
                    "[Errno None] no answer from a name server within 0.2 s"
                }
            assert len(server.asked) == HANGING
            await resolver.close()

    run(resolve())


def test_attempt_that_gives_up_keeps_the_room_of_its_look_up(run: Run) -> None:
    """The name server still works on it: attempts with a short time limit must not pile look-ups up."""

    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            with hanging(resolver):
                await until_asked(server, MOST_LOOKUPS)
            with hanging(resolver), pytest.raises(TimeoutError):
                await within(0.3, asyncio.Event().wait())
            assert len(server.asked) == MOST_LOOKUPS
            await resolver.close()

    run(resolve())


def test_look_ups_of_the_same_name_ask_once(run: Run) -> None:
    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            results = await asyncio.gather(*(addresses(resolver, GOOD) for _ in range(20)))
            assert results == [["192.0.2.1"]] * 20
            assert server.asked[GOOD] == 2, "one question by version of the address"
            await resolver.close()

    run(resolve())


@pytest.mark.parametrize("name", ["missing.test", "empty.test"])
async def test_missing_name_is_asked_for_again_after_half_a_minute(name: str) -> None:
    now = 0.0
    async with name_server(ZONE) as server:
        resolver = server.resolver(seconds=lambda: now)
        first = await refusal(resolver, name)
        asked = server.asked[name]
        now = 29.9
        assert await refusal(resolver, name) == first
        assert server.asked[name] == asked
        server.zone = {name: ("192.0.2.3",)}
        now = 30.1
        assert await addresses(resolver, name) == ["192.0.2.3"]
        await resolver.close()


async def test_failure_of_a_name_server_is_not_remembered() -> None:
    async with name_server(ZONE) as server:
        resolver = server.resolver()
        server.broken = True
        await refusal(resolver, GOOD)
        server.broken = False
        assert await addresses(resolver, GOOD) == ["192.0.2.1"]
        await resolver.close()


async def test_missing_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MISSING", 2)
    async with name_server(ZONE) as server:
        resolver = server.resolver()
        for number in range(3):
            await refusal(resolver, f"m{number}.test")
        asked = server.asked["m0.test"]
        await refusal(resolver, "m2.test")
        assert server.asked["m2.test"] == asked
        await refusal(resolver, "m0.test")
        assert server.asked["m0.test"] > asked
        await resolver.close()


def test_name_with_both_versions_has_both_addresses(run: Run) -> None:
    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            assert sorted(await addresses(resolver, "both.test")) == ["192.0.2.2", "2001:db8::2"]
            await resolver.close()

    run(resolve())


def test_name_resolves_whose_server_does_not_answer_for_version_6(run: Run) -> None:
    async def resolve() -> None:
        async with name_server(ZONE) as server:
            server.mute = frozenset({6})
            resolver = server.resolver()
            assert await within(3, addresses(resolver, GOOD)) == ["192.0.2.1"]
            await resolver.close()

    run(resolve())


def test_short_names_follow_the_search_list_of_a_pod(run: Run) -> None:
    search = ["team.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    zone = {
        "mail.team.svc.cluster.local": ("10.0.0.1",),
        "mail.other.svc.cluster.local": ("10.0.0.2",),
        "hooks.example.com": ("192.0.2.9",),
    }

    async def resolve() -> None:
        async with name_server(zone) as server:
            resolver = server.resolver(search=search)
            for host, address in {
                "mail": "10.0.0.1",
                "mail.team": "10.0.0.1",
                "mail.other": "10.0.0.2",
                "mail.other.svc": "10.0.0.2",
                "mail.other.svc.cluster.local": "10.0.0.2",
                "mail.other.svc.cluster.local.": "10.0.0.2",
                "hooks.example.com": "192.0.2.9",
            }.items():
                assert await addresses(resolver, host) == [address], host
            asked = list(server.asked)
            assert asked.index("hooks.example.com.team.svc.cluster.local") < asked.index("hooks.example.com")
            await resolver.close()

    run(resolve())


def test_localhost_and_addresses_ask_no_name_server(run: Run) -> None:
    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            assert set(await addresses(resolver, "localhost")) <= {"127.0.0.1", "::1"}
            assert await addresses(resolver, "192.0.2.7") == ["192.0.2.7"]
            assert await addresses(resolver, "2001:db8::7") == ["2001:db8::7"]
            assert not server.asked
            await resolver.close()

    run(resolve())


def test_own_name_of_a_pod_comes_from_its_hosts_file(run: Run) -> None:
    name = socket.gethostname()
    if name not in Path("/etc/hosts").read_text("utf-8").split():
        pytest.skip("/etc/hosts does not name this machine")

    async def resolve() -> None:
        async with name_server(ZONE) as server:
            resolver = server.resolver()
            assert await addresses(resolver, name)
            assert not server.asked
            await resolver.close()

    run(resolve())


def test_change_of_resolv_conf_takes_effect(run: Run, tmp_path: Path) -> None:
    file, search = tmp_path / "resolv.conf", ["one.test"]
    file.touch()

    async def resolve() -> None:
        async with name_server({"a.one.test": ("192.0.2.1",), "a.two.test": ("192.0.2.2",)}) as server:
            resolver = server.resolver(search=search, resolv_conf=file)
            assert await addresses(resolver, "a") == ["192.0.2.1"]
            search[:] = ["two.test"]
            assert await addresses(resolver, "a") == ["192.0.2.1"]
            os.utime(file, (1, 1))
            assert await addresses(resolver, "a") == ["192.0.2.2"]
            await resolver.close()

    run(resolve())


async def test_resolver_without_resolv_conf_knows_the_hosts_file(tmp_path: Path) -> None:
    resolver = NameResolver(resolv_conf=tmp_path / "absent")
    assert "127.0.0.1" in await addresses(resolver, "localhost")
    await resolver.close()


def test_guard_checks_what_the_name_server_answers(run: Run) -> None:
    zone = {"inside.test": ("10.1.2.3",), "mixed.test": ("192.0.2.1", "169.254.169.254")}

    async def post() -> None:
        async with name_server(zone) as server:
            resolver = server.resolver()
            async with guarded_session(
                EgressPolicy(insecure=True), connections=1, resolver=resolver
            ) as session:
                for host in zone:
                    with pytest.raises(Exception, match=host) as caught:
                        await session.post(f"http://{host}/")
                    assert any(isinstance(link, AddressNotAllowedError) for link in chain(caught.value))
            await resolver.close()

    run(post())


async def test_session_waits_for_no_look_up_of_another_namespace() -> None:
    """Receivers share sessions, and the one namespace has used up its limit before it asks for the other's name."""
    async with name_server({"receiver.test": ("127.0.0.1",)}) as server, serving() as receiver:
        resolver = server.resolver()
        url = receiver.url.replace("127.0.0.1", "receiver.test")
        async with guarded_session(LOOPBACK, connections=0, resolver=resolver) as session:
            with hanging(resolver):
                await until_asked(server, MOST_LOOKUPS)
                with resolving_for("tenant"):
                    waiting = asyncio.create_task(post(session, url))
                await asyncio.sleep(0.05)
                with resolving_for("other"):
                    assert await within(1, post(session, url)) == 200
                assert not waiting.done()
                waiting.cancel()
        await resolver.close()
