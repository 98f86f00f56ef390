"""A session's proxy: the environment's, asked for once."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from yarl import URL

from notification_operator.kube.proxies import session_options

SERVER = "https://10.0.0.1:6443"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_without_a_proxy_nothing_is_set() -> None:
    assert session_options(SERVER) == {}


def test_the_proxy_is_that_of_the_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert session_options(SERVER) == {"proxy": URL("http://proxy.example:3128")}
    assert session_options("http://10.0.0.1") == {}


@pytest.mark.parametrize("excepted", ["10.0.0.1", "*", "other.example,10.0.0.1"])
def test_a_server_that_is_excepted_is_reached_without_it(
    monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert session_options(SERVER) == {}


@pytest.mark.parametrize("url", ["http://[::1", "no url", ""])
def test_what_is_no_url_is_left_to_the_request_to_tell(url: str) -> None:
    assert session_options(url) == {}


async def test_a_session_takes_what_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    async with aiohttp.ClientSession(**session_options(SERVER)) as session:
        with pytest.raises(aiohttp.ClientProxyConnectionError):
            await asyncio.wait_for(session.get(SERVER), 5)
