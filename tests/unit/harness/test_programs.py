"""A program ends with the process that runs it, and cleanup completes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually
from tests.harness.programs import TIMED_OUT, run
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEPER = 'echo $$ >"$0"; exec sleep 60'
STUBBORN = f"trap '' INT; {SLEEPER}"
RUNNER = """
import sys, time
from pathlib import Path
from tests.harness.programs import run, undisturbed
from tools.platform.processes import terminated_as_interrupted
with terminated_as_interrupted():
    try:
        run(["sh", "-c", *sys.argv[1:]], variables={}, cwd=Path(), limit=60)
    finally:
        with undisturbed():
            print("cleaning", flush=True)
            time.sleep(1)
            print("clean", flush=True)
"""


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let SIGINT reach the programs of a test, also if pytest runs in the background and ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "pid"


def pid_in(file: Path) -> int:
    return eventually(lambda: int(file.read_text() or 0) if file.exists() else 0, bool, within=30)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_program_receives_variables_and_sets_exit_code(tmp_path: Path) -> None:
    text = "import os, sys; sys.exit(int(os.environ['CODE']))"
    assert run([sys.executable, "-c", text], variables={"CODE": "7"}, cwd=tmp_path, limit=60) == 7


def test_program_is_stopped_after_its_time_limit(pid_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    code = run(["sh", "-c", SLEEPER, str(pid_file)], variables={}, cwd=ROOT, limit=2)
    assert code == TIMED_OUT
    assert time.monotonic() - start < 15
    assert not is_running(pid_in(pid_file))
    assert "timed out after 2 s; stopping it" in capfd.readouterr().err


def test_program_that_ignores_signals_is_killed(pid_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.harness.programs.GRACE_SECONDS", 0.5)
    run(["sh", "-c", STUBBORN, str(pid_file)], variables={}, cwd=ROOT, limit=2)
    assert not is_running(pid_in(pid_file))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_signal_ends_the_program_and_cleanup_ignores_more_signals(
    pid_file: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", RUNNER, SLEEPER, str(pid_file)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as runner:
        assert runner.stdout is not None
        child = pid_in(pid_file)
        # Ctrl-C reaches every process of a terminal, SIGTERM a single process.
        (os.killpg if number == signal.SIGINT else os.kill)(runner.pid, number)
        assert runner.stdout.readline() == "cleaning\n"
        runner.send_signal(signal.SIGTERM)
        runner.send_signal(signal.SIGINT)
        assert runner.stdout.readline() == "clean\n"
        runner.wait(timeout=30)
    assert runner.returncode != 0
    assert not is_running(child)
