"""A reader that closes or stops neither ends nor delays a command, nor a program that it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tools.platform.console import LastingConsole
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30
LINES = 20_000
"""More text than a pipe holds."""
COMMAND = f"""
import pathlib, subprocess, sys
from tools.platform import output
output.LOG = pathlib.Path(sys.argv[1]) / "log"
with output.relayed(keep=sys.argv[2] == "keep"):
    for number in range({LINES}):
        print("line", number, flush=number < 10)
        print("note", number, file=sys.stderr)
    subprocess.run(["sh", "-c", "echo from a program"], check=True)
    (pathlib.Path(sys.argv[1]) / "done").touch()
"""


def started(folder: Path, *, stderr: int = subprocess.STDOUT, keep: str = "keep") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(folder), keep],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )


@pytest.mark.slow
def test_everything_arrives_in_order(tmp_path: Path) -> None:
    with started(tmp_path) as command:
        assert command.stdout is not None
        lines = command.stdout.read().decode().splitlines()
        assert command.wait(SECONDS) == 0
    assert [line for line in lines if line.startswith("line")] == [f"line {each}" for each in range(LINES)]
    assert lines[-1] == "from a program"
    assert not (tmp_path / "log").exists()


@pytest.mark.slow
@pytest.mark.parametrize("read", [0, 1, 10])
def test_command_goes_on_without_a_reader_and_the_log_has_the_rest(tmp_path: Path, read: int) -> None:
    with started(tmp_path) as command:
        assert command.stdout is not None
        for _ in range(read):
            command.stdout.readline()
        command.stdout.close()
        assert command.wait(SECONDS) == 0
    assert (tmp_path / "done").exists()
    text = (tmp_path / "log").read_text()
    assert "notif-platform" in text.splitlines()[0]
    assert text.endswith("from a program\n")
    assert f"line {LINES - 1}\n" in text
    assert f"note {LINES - 1}\n" in text
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_output_with_secrets_is_not_kept(tmp_path: Path) -> None:
    with started(tmp_path, keep="drop") as command:
        assert command.stdout is not None
        command.stdout.close()
        assert command.wait(SECONDS) == 0
    assert (tmp_path / "done").exists()
    assert not (tmp_path / "log").exists()


@pytest.mark.slow
def test_other_output_is_passed_on_after_one_is_closed(tmp_path: Path) -> None:
    with started(tmp_path, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        notes = command.stderr.read().decode().splitlines()
        assert command.wait(SECONDS) == 0
    assert notes == [f"note {each}" for each in range(LINES)]


@pytest.mark.slow
def test_reader_that_does_not_read_does_not_stop_the_command(tmp_path: Path) -> None:
    with started(tmp_path) as command:
        assert command.stdout is not None
        assert command.wait(SECONDS) == 0
        assert (tmp_path / "done").exists()
        assert command.stdout.read().endswith(b"from a program\n")


@pytest.mark.slow
def test_relay_passes_on_what_is_written_after_a_signal(tmp_path: Path) -> None:
    text = (
        "import os, signal, sys\n"
        "from tools.platform.output import relayed\n"
        "signal.signal(signal.SIGHUP, lambda *_: None)\n"
        "with relayed():\n"
        "    os.killpg(0, signal.SIGHUP)\n"
        "    print('after it')\n"
    )
    command = subprocess.run(
        [sys.executable, "-c", text],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        start_new_session=True,
        timeout=SECONDS,
        check=False,
    )
    assert (command.returncode, command.stdout) == (0, b"after it\n")


def test_error_that_nothing_handles_is_shown() -> None:
    program = (
        "from tools.platform.output import relayed\nwith relayed():\n    raise ValueError('of the command')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.endswith("ValueError: of the command\n")


def test_console_without_a_reader_prints_nothing_more() -> None:
    """The thread that handles the events of the engine prints, too: it must not end."""
    source, target = os.pipe()
    os.close(source)
    with os.fdopen(target, "w", buffering=1) as stream:
        console = LastingConsole(file=stream)
        console.print("one")
        console.print("two")
        assert console.quiet
