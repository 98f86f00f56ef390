"""Process 1 of the node: starts everything in order, ends when anything ends, and says what and why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, NoReturn

from notification_node import certificates, components, machine, probes
from notification_node.facts import CONFIGS, LOGS, Facts

if TYPE_CHECKING:
    from types import FrameType

    from notification_node.components import Component

_API_SERVER_SECONDS = 60
_STOP_SECONDS = 1.0
_SHOWN_LINES = 20
_PAUSE_ARCHIVE = "/opt/notification-node/pause.tar"


class Supervisor:
    """Owns the processes of the node."""

    def __init__(self) -> None:
        self._running: dict[int, Component] = {}

    def start(self, component: Component) -> None:
        """Starts one program, its output appended to its log."""
        with (LOGS / f"{component.name}.log").open("ab") as log:
            process = subprocess.Popen(component.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # Reaped by pid below, like the orphans that fall to process 1.
        process.returncode = 0
        self._running[process.pid] = component
        say(f"{component.name} started")

    def check(self) -> None:
        """Ends the node when a component has ended; does not wait."""
        while (ended := _reap(os.WNOHANG)) is not None:
            self._judge(*ended)

    def watch(self) -> NoReturn:
        """Waits for ever, until a component ends."""
        while True:
            if ended := _reap(0):
                self._judge(*ended)

    def stop(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        """A clean end on request: the store and the runtime get a moment, the kernel takes the rest."""
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self._running and time.monotonic() < deadline:
            if ended := _reap(os.WNOHANG):
                self._running.pop(ended[0], None)
            else:
                time.sleep(0.02)
        os._exit(0)

    def _judge(self, pid: int, status: int) -> None:
        component = self._running.get(pid)
        if component is not None:
            code = os.waitstatus_to_exitcode(status)
            fail(component.name, f"ended with {code}")


def say(text: str) -> None:
    """One line to `docker logs`."""
    print(f"node: {text}", flush=True)


def fail(component: str, reason: str) -> NoReturn:
    """Ends the node, with the last lines of the component's log."""
    say(f"{component} {reason}; its last lines:")
    with (LOGS / f"{component}.log").open(errors="replace") as log:
        for line in deque(log, maxlen=_SHOWN_LINES):
            print(f"    {line.rstrip()}")
    sys.stdout.flush()
    os._exit(1)


def _reap(options: int) -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, options)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _await_api_server(supervisor: Supervisor, facts: Facts) -> None:
    deadline = time.monotonic() + _API_SERVER_SECONDS
    while (problem := probes.ask("kube-apiserver", facts)) is not None:
        supervisor.check()
        if time.monotonic() > deadline:
            fail("kube-apiserver", f"is not ready after {_API_SERVER_SECONDS} s: {problem}")
        time.sleep(0.1)


def _command(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        say(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
        os._exit(1)


def main() -> NoReturn:
    """The life of the node."""
    facts = Facts.find()
    supervisor = Supervisor()
    signal.signal(signal.SIGTERM, supervisor.stop)
    machine.prepare(facts)
    certificates.issue(facts)
    for component in components.foundation(facts):
        supervisor.start(component)
    _await_api_server(supervisor, facts)
    _command("ctr", "--namespace=k8s.io", "images", "import", "--local", _PAUSE_ARCHIVE)
    kubeconfig = certificates.kubeconfig("admin")
    _command("kubectl", f"--kubeconfig={kubeconfig}", "apply", f"--filename={CONFIGS}/objects.yaml")
    for component in components.agents(facts):
        supervisor.start(component)
    supervisor.watch()


if __name__ == "__main__":
    main()
