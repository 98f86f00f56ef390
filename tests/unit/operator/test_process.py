"""The operator as a process: what a signal does to it, from the first moment on."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest
from kopf._core.intents.causes import Activity

from notification_contract.settings import Watch
from notification_operator.watch.kopf_adapter import KopfWatch, listen
from notification_operator.watch.namespaces import AllNamespaces
from tests.unit.operator.kopf_here import KopfHere

if TYPE_CHECKING:
    from pathlib import Path

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
clusters: [{{name: here, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: me, user: {{}}}}]
"""


COLLECTED = """
import gc, sys
import notification_operator.app
from notification_operator import cli

async def run(_settings):
    left = len(gc.get_objects())
    print(gc.get_freeze_count(), left, gc.get_threshold()[0])
    return 0

notification_operator.app.run = run
sys.argv[1:] = ["run"]
cli.app()
"""


@pytest.mark.slow
def test_imported_objects_are_excluded_from_garbage_collection() -> None:
    done = subprocess.run([sys.executable, "-c", COLLECTED], capture_output=True, text=True, check=True)
    frozen, left, threshold = map(int, done.stdout.split())
    assert frozen > 50_000
    assert left < 5_000
    assert threshold > 700


@pytest.mark.slow
def test_sigterm_during_the_start_ends_the_process_at_once(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(port=silent.getsockname()[1]))
        command = [sys.executable, "-m", "notification_operator", "run"]
        with subprocess.Popen(command, env={**os.environ, "KUBECONFIG": str(kubeconfig)}) as process:
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0


SIGNALLED = """
import asyncio, os, signal, kopf, uvloop
from kopf._core.intents.causes import Activity
from notification_operator.watch.kopf_adapter import end_at_signals, ignore_signals

async def main():
    loop, stopping, registry = asyncio.get_running_loop(), asyncio.Event(), kopf.OperatorRegistry()
    errors = []
    loop.set_exception_handler(lambda _loop, context: errors.append(context))
    end_at_signals(registry, stopping)
    (handler,) = registry._activities.get_handlers(activity=Activity.STARTUP)
    started = asyncio.create_task(handler.fn())
    await asyncio.sleep(0)
    # As kopf does, which has started the handler and installs its own.
    loop.add_signal_handler(signal.SIGTERM, loop.create_future().set_result, signal.SIGTERM)
    await started
    await asyncio.sleep(0)
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
    ignore_signals()
    print("stopped" if stopping.is_set() else "not stopped", errors)

uvloop.run(main())
os.kill(os.getpid(), signal.SIGTERM)
print("alive")
"""


@pytest.mark.slow
def test_repeated_sigterm_stops_once_and_a_late_one_changes_nothing() -> None:
    command = [sys.executable, "-c", SIGNALLED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["stopped []", "alive"]), done.stderr


async def test_shutdown_runs_in_a_task_that_was_not_cancelled() -> None:
    cancelled = []

    async def stop() -> None:
        task = asyncio.current_task()
        assert task is not None
        cancelled.append(task.cancelling())

    nothing = dict.fromkeys(("client", "cluster", "connectivity", "event_handler", "on_unavailable"))
    watch = KopfWatch(Watch(), namespaces=AllNamespaces(), **cast("dict[str, Any]", nothing))
    registry = watch.handlers(stop=stop)
    (handler,) = registry._activities.get_handlers(activity=Activity.CLEANUP)  # noqa: SLF001 - kopf calls it

    async def as_kopf_does() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await cast("Any", handler.fn)()

    task = asyncio.create_task(as_kopf_does())
    await asyncio.sleep(0)
    task.cancel()
    await task
    assert cancelled == [0]


def test_leftover_task_does_not_delay_the_exit() -> None:
    async def seconds_from_stop_to_end() -> float:
        loop, flag, ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        stopped_at, left = [], []

        async def stop() -> None:
            left.append(asyncio.create_task(asyncio.sleep(3600)))
            stopped_at.append(loop.time())
            ended.set()

        here = KopfHere(url="http://127.0.0.1:9", stop_flag=flag, stop=stop)
        loop.call_later(0.2, flag.set)
        await listen(here.run(), ended)
        assert left[0].cancelled()
        return loop.time() - stopped_at[0]

    assert asyncio.run(seconds_from_stop_to_end()) < 4
