"""A signal always ends a run of the engine: gracefully when the engine can handle it, else by itself or by force."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually
from tools.platform import engine_process
from tools.platform.engine_process import OPERATION, Interruption, run_attached, run_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

GRACEFUL = 'trap "echo graceful; exit 3" INT; echo $$ >"$0"; while :; do sleep 0.1; done'
STUBBORN = """trap '' INT; echo $$ >"$0"; sleep 60 & wait; wait"""
COUNTED = 'trap "echo again >>$0.signals" INT; echo $$ >"$0"; for i in 1 2 3 4 5 6; do sleep 0.3; done'
COUNTING = 'trap "echo again" INT; echo $$ >"$0"; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; done'
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    """Let the signals reach the tests, however pytest was started."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def operation() -> Iterator[Interruption]:
    """An operation in this thread."""
    interruption = Interruption()
    before = OPERATION.set(interruption)
    yield interruption
    OPERATION.reset(before)


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "pid"


def pid_in(file: Path) -> int:
    return eventually(lambda: int(file.read_text() or 0) if file.exists() else 0, bool, within=30)


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and was not waited for has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def later(pid_file: Path, *steps: object) -> threading.Thread:
    """Take steps, numbers of signals to this process or calls, as soon as the engine runs."""

    def take() -> None:
        pid_in(pid_file)
        for step in steps:
            if isinstance(step, signal.Signals):
                os.kill(os.getpid(), step)
            elif callable(step):
                step()

    thread = threading.Thread(target=take)
    thread.start()
    return thread


def run(script: str, pid_file: Path) -> engine_process.Ended:
    return run_engine(["/bin/sh", "-c", script, str(pid_file)], cwd="/", variables=dict(os.environ))


def test_output_and_exit_code_are_returned() -> None:
    command = ["/bin/sh", "-c", "echo out; echo err >&2; exit 7"]
    ended = run_engine(command, cwd="/", variables=dict(os.environ))
    assert (ended.code, ended.stdout, ended.stderr) == (7, "out", "err")


@pytest.mark.parametrize("number", ENDING)
def test_engine_at_work_gets_one_signal(
    number: signal.Signals, operation: Interruption, pid_file: Path
) -> None:
    operation.handles(handles=True)
    thread = later(pid_file, number, number)
    with pytest.raises(KeyboardInterrupt):
        run(GRACEFUL, pid_file)
    thread.join()
    assert not is_running(pid_in(pid_file))


@pytest.mark.slow
@pytest.mark.parametrize(("within", "signals"), [(10.0, 1), (0.0, 2)])
def test_later_signal_is_a_second_request(
    within: float, signals: int, operation: Interruption, pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "AGAIN_SECONDS", within)
    operation.handles(handles=True)
    received = pid_file.with_suffix(".signals")
    thread = later(
        pid_file, signal.SIGTERM, lambda: eventually(received.exists, bool, within=10), signal.SIGHUP
    )
    with pytest.raises(KeyboardInterrupt):
        run(COUNTED, pid_file)
    thread.join()
    assert received.read_text() == "again\n" * signals


def test_signal_before_the_first_event_waits_for_it(operation: Interruption, pid_file: Path) -> None:
    seen: list[bool] = []

    def first_event() -> None:
        time.sleep(0.3)
        seen.append(is_running(pid_in(pid_file)))
        operation.handles(handles=True)

    thread = later(pid_file, signal.SIGTERM, first_event)
    with pytest.raises(KeyboardInterrupt):
        run(GRACEFUL, pid_file)
    thread.join()
    assert seen == [True]


@pytest.mark.slow
def test_signal_after_the_last_event_lets_the_engine_end(operation: Interruption, pid_file: Path) -> None:
    operation.handles(handles=True)
    operation.handles(handles=False)
    thread = later(pid_file, signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run('echo $$ >"$0"; sleep 1; touch "$0.completed"', pid_file)
    thread.join()
    assert pid_file.with_suffix(".completed").exists()


@pytest.mark.slow
def test_query_completes_and_then_the_command_ends(pid_file: Path) -> None:
    thread = later(pid_file, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run('echo $$ >"$0"; sleep 1; touch "$0.completed"', pid_file)
    thread.join()
    assert pid_file.with_suffix(".completed").exists()


@pytest.mark.slow
def test_engine_that_ignores_everything_is_killed_with_its_programs(
    operation: Interruption, pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(engine_process, "ABORT_SECONDS", 0.5)
    operation.handles(handles=True)
    thread = later(pid_file, signal.SIGHUP)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(STUBBORN, pid_file)
    thread.join()
    assert time.monotonic() - start < 20
    assert not is_running(pid_in(pid_file))
    assert operation.killed_at_work


@pytest.mark.slow
def test_signal_to_the_group_reaches_the_engine_once(pid_file: Path) -> None:
    """A terminal sends Ctrl-C to the group; the second signal would abort current operations."""
    text = (
        "import os, sys\n"
        "from tools.platform.engine_process import run_attached\n"
        "try:\n"
        "    run_attached(['/bin/sh', '-c', *sys.argv[1:]], dict(os.environ))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", text, COUNTING, str(pid_file)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        pid_in(pid_file)
        os.killpg(command.pid, signal.SIGINT)
        shown, _ = command.communicate(timeout=30)
    assert shown == "again\ninterrupted\n"


@pytest.mark.slow
def test_engine_does_not_outlive_a_killed_command(pid_file: Path) -> None:
    text = (
        "import os, sys\n"
        "from tools.platform.engine_process import run_engine\n"
        "run_engine(['/bin/sh', '-c', *sys.argv[1:]], cwd='/', variables=dict(os.environ))\n"
    )
    with subprocess.Popen([sys.executable, "-c", text, GRACEFUL, str(pid_file)]) as command:
        engine = pid_in(pid_file)
        command.kill()
    eventually(lambda: is_running(engine), lambda running: not running, within=10)


def test_plugin_that_the_engine_leaves_ends_with_the_run(tmp_path: Path, pid_file: Path) -> None:
    plugin = tmp_path / "pulumi-language-sleep"
    shutil.copy(shutil.which("sleep") or "", plugin)
    started = 'until grep -q pulumi "/proc/$!/comm"; do :; done'
    engine = f'setsid {plugin} 60 >/dev/null 2>&1 & echo $! >"$0"; {started}'
    run_engine(["/bin/sh", "-c", engine, str(pid_file)], cwd="/", variables=dict(os.environ))
    eventually(lambda: is_running(pid_in(pid_file)), lambda runs: not runs, within=10)


def test_attached_run_returns_its_exit_code() -> None:
    assert run_attached(["/bin/sh", "-c", "exit 5"], dict(os.environ)) == 5


def test_ignored_signal_stays_ignored(pid_file: Path) -> None:
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    thread = later(pid_file, signal.SIGHUP)
    ended = run('echo $$ >"$0"; sleep 0.5; exit 4', pid_file)
    thread.join()
    assert ended.code == 4
