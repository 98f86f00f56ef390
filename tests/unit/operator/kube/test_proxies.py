"""The proxy of a session: taken from the environment when the session is created."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from yarl import URL

from notification_runtime.kube.proxy import session_options

SERVER = "https://10.0.0.1:6443"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_environment_without_a_proxy_sets_no_option() -> None:
    assert session_options(SERVER) == {}


def test_proxy_is_chosen_by_the_scheme_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert session_options(SERVER) == {"proxy": URL("http://proxy.example:3128")}
    assert session_options("http://10.0.0.1") == {}


@pytest.mark.parametrize(
    "excepted", ["10.0.0.1", "*", "other.example,10.0.0.1", "10.0.0.0/8", "10.0.0.1:6443"]
)
def test_server_in_no_proxy_is_reached_directly(monkeypatch: pytest.MonkeyPatch, excepted: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert session_options(SERVER) == {}


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_block_in_no_proxy_excepts_an_ipv6_server(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv(variable, "fd00:10:96::/112")
    assert session_options("https://[fd00:10:96::1]:443") == {}
    assert session_options("https://[fd00:10:97::1]:443") == {"proxy": URL("http://proxy.example:3128")}


def test_server_on_this_host_is_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert session_options("https://127.0.0.1:6443") == session_options("https://[::1]:6443") == {}


def test_proxy_without_a_scheme_is_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert session_options(SERVER) == {"proxy": URL("http://proxy.example:3128")}


@pytest.mark.parametrize("url", ["http://[::1", "no url", ""])
def test_invalid_url_sets_no_option(url: str) -> None:
    assert session_options(url) == {}


async def test_session_accepts_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    async with aiohttp.ClientSession(**session_options(SERVER)) as session:
        with pytest.raises(aiohttp.ClientProxyConnectionError):
            await asyncio.wait_for(session.get(SERVER), 5)
