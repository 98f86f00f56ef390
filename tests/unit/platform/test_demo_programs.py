"""Programs that run for a part of the demonstration: ready when the block begins, and gone after it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.harness.eventually import eventually
from tools.localcluster.toolchain import Toolchain
from tools.platform.demo import programs
from tools.platform.demo.cluster import DemoError
from tools.platform.demo.programs import HOST, running
from tools.platform.demo.sources import forwarded
from tools.platform.ports import free_port

SERVER = f"""#!{sys.executable}
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    answered = 0

    def do_GET(self):
        Handler.answered += 1
        # A server that starts answers 503 at first.
        self.send_response(401 if Handler.answered > 1 else 503)
        self.end_headers()
        self.wfile.write(json.dumps({{"pid": os.getpid(), "arguments": sys.argv[1:]}}).encode())

port = int(sys.argv[-1].removesuffix(":http"))
http.server.HTTPServer(("{HOST}", port), Handler).serve_forever()
"""
COMMAND = """
import signal
import sys
from pathlib import Path
from tools.localcluster.toolchain import Toolchain
from tools.platform.demo import programs
from tools.platform.ports import free_port
from tools.platform.processes import terminated_as_interrupted

# A test run under nohup ignores it, and every program below inherits that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
folder, port = Path(sys.argv[1]), free_port()
programs.ensure = lambda groups: Toolchain(root=folder)
with terminated_as_interrupted(), programs.running("server", str(port), folder=folder, ready=f"http://127.0.0.1:{port}"):
    print(port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the programs of a toolchain: `server`, `kubectl`, which is one as well, and `broken`."""
    toolchain = Toolchain(root=tmp_path)
    toolchain.bin.mkdir()
    for name, text in {
        "server": SERVER,
        "kubectl": SERVER,
        "broken": "#!/bin/sh\necho first\necho 'no such flag'\nexit 1\n",
    }.items():
        toolchain.program(name).write_text(text)
        toolchain.program(name).chmod(0o755)
    monkeypatch.setattr(programs, "ensure", lambda _groups: toolchain)
    return tmp_path


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def asked(url: str) -> dict[str, Any]:
    answer = urllib3.request("GET", url)
    assert answer.status == 401
    document: dict[str, Any] = answer.json()
    return document


def test_block_begins_when_the_program_answers_and_ends_it(folder: Path) -> None:
    port = free_port()
    url = f"http://{HOST}:{port}"
    with running("server", str(port), folder=folder, ready=url):
        pid = asked(url)["pid"]
        assert is_running(pid)
    assert not is_running(pid)


def test_program_that_ends_says_why(folder: Path) -> None:
    with (
        pytest.raises(DemoError, match=r"^broken has ended: no such flag$"),
        running("broken", folder=folder, ready="http://127.0.0.1:1"),
    ):
        pytest.fail("it does not answer")


def test_program_that_does_not_exist_is_named(folder: Path) -> None:
    with (
        pytest.raises(DemoError, match="there is no program absent-program"),
        running("absent-program", folder=folder, ready=""),
    ):
        pytest.fail("it does not exist")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_no_program(folder: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(folder)],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as command:
        assert command.stdout is not None
        port = int(command.stdout.readline())
        pid = asked(f"http://{HOST}:{port}")["pid"]
        command.send_signal(number)
        command.wait(timeout=20)
    eventually(lambda: is_running(pid), lambda running: not running, within=5)


@pytest.mark.usefixtures("folder")
def test_gateway_is_reached_by_the_port_of_its_service() -> None:
    with forwarded(Path("/kubeconfig"), "home") as url:
        found = asked(url)["arguments"]
    port = url.rpartition(":")[2]
    assert found == [
        "--kubeconfig=/kubeconfig",
        "--namespace=home",
        "port-forward",
        "--address=127.0.0.1",
        "service/notification-gateway",
        f"{port}:http",
    ]
