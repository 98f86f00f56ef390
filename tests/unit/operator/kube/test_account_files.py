"""The files of a pod's account: a new token and a new authority are used without a restart."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import Configuration

from notification_runtime.kube.client import REFRESH_SECONDS, AccountFiles
from tests.harness.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def old(tmp_path: Path) -> Authority:
    return Authority(_folder(tmp_path / "old"))


@pytest.fixture
def new(tmp_path: Path) -> Authority:
    return Authority(_folder(tmp_path / "new"))


@pytest.fixture
def files(tmp_path: Path, old: Authority, clock: Clock) -> AccountFiles:
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_bytes(old.file.read_bytes())
    return AccountFiles(token=tmp_path / "token", authorities=tmp_path / "ca.crt", seconds=clock)


async def test_new_authority_is_trusted_by_a_context_that_exists(
    files: AccountFiles, clock: Clock, tmp_path: Path, old: Authority, new: Authority
) -> None:
    context = old.trust()
    files.follow(context)
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=new.identity("server"))
    port = server.sockets[0].getsockname()[1]
    async with server:
        (tmp_path / "ca.crt").write_bytes(old.file.read_bytes() + new.file.read_bytes())
        files.refresh(Configuration())
        with pytest.raises(ssl.SSLCertVerificationError):
            await _connect(port, context)
        clock.now += REFRESH_SECONDS
        files.refresh(Configuration())
        await _connect(port, context)


def test_token_is_read_again_after_a_minute(files: AccountFiles, clock: Clock, tmp_path: Path) -> None:
    configuration = Configuration()
    (tmp_path / "token").write_text("second\n")
    files.refresh(configuration)
    assert "BearerToken" not in configuration.api_key
    clock.now += REFRESH_SECONDS
    files.refresh(configuration)
    assert configuration.api_key["BearerToken"] == "bearer second"


@pytest.mark.parametrize("content", ["", "no certificate", None])
def test_unusable_authorities_are_ignored_and_the_token_is_kept(
    files: AccountFiles, clock: Clock, tmp_path: Path, old: Authority, content: str | None
) -> None:
    context, configuration = old.trust(), Configuration()
    files.follow(context)
    if content is None:
        (tmp_path / "ca.crt").unlink()
    else:
        (tmp_path / "ca.crt").write_text(content)
    clock.now += REFRESH_SECONDS
    files.refresh(configuration)
    assert configuration.api_key["BearerToken"] == "bearer first"
    assert len(context.get_ca_certs()) == 1


async def _connect(port: int, context: ssl.SSLContext) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.close()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
