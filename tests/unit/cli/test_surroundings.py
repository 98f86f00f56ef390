"""What surrounds the command line: the terminal, its encoding, the browser and the home directory."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import stat
import sys
import webbrowser
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml

from notification_cli.errors import CliError
from notification_cli.kube.kubeconfig import Access, log_in
from notification_cli.output.yaml_text import dump
from notification_cli.views.lint.files import read_documents
from notification_cli.web.serve import opened
from tests.unit.cli.samples import failed
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.unit.cli.api_server import ApiServer, CommandLine

COMMAND = (sys.executable, "-m", "notification_cli")
PLURAL = "notificationrequests"


def test_browser_gets_a_private_file_and_not_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    called, ended = Event(), Event()

    def browse(url: str) -> bool:
        seen.append(url)
        called.set()
        return ended.wait(30)

    monkeypatch.setattr(webbrowser, "open", browse)
    with opened("http://127.0.0.1:1/s3cret-of-a-sender/"):
        assert called.wait(30), "while the browser runs"
        (url,) = seen
        file = Path(urlsplit(url).path)
        assert (urlsplit(url).scheme, "s3cret-of-a-sender" in url) == ("file", False)
        assert 'url=http://127.0.0.1:1/s3cret-of-a-sender/"' in file.read_text("utf-8")
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)]
        assert modes == [0o600, 0o700]
    assert not file.parent.exists()
    ended.set()


def test_time_without_quotes_is_read_as_a_text() -> None:
    (document,) = read_documents("a: 2026-12-01T12:00:00Z\nb: 2026-12-01\nc: 1\nd: true\n")
    assert document == {"a": "2026-12-01T12:00:00Z", "b": "2026-12-01", "c": 1, "d": True}


@pytest.mark.parametrize("text", ["1e5", "12e4567", "0o17", "y", "N", "a\nb", "2026-12-01", "plain"])
def test_text_is_written_as_kubectl_reads_it(text: str) -> None:
    written = dump({"label": text})
    assert yaml.safe_load(written) == {"label": text}
    assert (written == f"label: {text}\n") is (text == "plain")


async def test_unreadable_place_of_the_kubeconfig_is_one_line() -> None:
    with pytest.raises(CliError, match=r"the kubeconfig .* cannot be used: .*File name too long"):
        await log_in(Access(kubeconfig="/tmp/" + "a" * 300))


async def test_user_without_a_home_has_no_kubeconfig() -> None:
    with pytest.raises(CliError, match="there is no kubeconfig at ~absent/config"):
        await log_in(Access(kubeconfig="~absent/config"))


async def test_character_that_the_terminal_lacks_is_replaced(server: ApiServer, notif: CommandLine) -> None:
    obj = failed()
    obj["spec"]["subject"] = "Gruß ✔"
    server.add(PLURAL, obj)
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "ls",
        env=environment(notif, PYTHONIOENCODING="latin-1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, err, "Gruß ?".encode("latin-1") in out) == (0, b"", True)


async def test_first_interrupt_ends_a_question(server: ApiServer, notif: CommandLine) -> None:
    server.add(PLURAL, failed())
    parent, child = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "replay", "order-1"),
        env=environment(notif),
        stdin=child,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    await process.stderr.readuntil(b"[y/N] ")
    # The process waits for the answer soon after its question.
    await asyncio.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        _, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        os.write(parent, b"n\n")
        for each in (parent, child):
            os.close(each)
    assert (process.returncode, b"Traceback" in err, server.changes) == (130, False, [])


def environment(notif: CommandLine, **variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "operator"), "KUBECONFIG": notif.kubeconfig, **variables}
