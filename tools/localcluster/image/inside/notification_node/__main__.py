"""Process 1 of the node: prepares the container, starts all components in order, and stops the node with a reason if one exits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, NoReturn

from notification_node import certificates, cgroups, components, ready
from notification_node.control_plane import SERVICE_CIDR
from notification_node.facts import CONFIGS, LOGS, RENDERED, STORAGE, Facts

if TYPE_CHECKING:
    from types import FrameType

    from notification_node.components import Component

_READY_SECONDS = 60
_STOP_SECONDS = 1.0
_SHOWN_LINES = 20
_PAUSE_ARCHIVE = "/opt/notification-node/pause.tar"
_RENDERED_FILES = ("kubelet.yaml", "Corefile")
_VOLUMES = 4


class Supervisor:
    def __init__(self) -> None:
        self._running: dict[int, Component] = {}

    def start(self, component: Component) -> None:
        """Start a component; its output is appended to its log."""
        with (LOGS / f"{component.name}.log").open("ab") as output:
            process = subprocess.Popen(
                component.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        # `_reap` waits for it by pid, as for the orphans that process 1 adopts.
        process.returncode = 0
        self._running[process.pid] = component
        log(f"{component.name} started")

    def check(self) -> None:
        """Stop the node if a component has exited; do not wait."""
        while (exited := _reap(os.WNOHANG)) is not None:
            self._handle_exit(*exited)

    def watch(self) -> NoReturn:
        while True:
            if exited := _reap(0):
                self._handle_exit(*exited)

    def stop(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        """Handle SIGTERM: etcd and containerd have a second to exit; the kernel kills the rest."""
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self._running and time.monotonic() < deadline:
            if exited := _reap(os.WNOHANG):
                self._running.pop(exited[0], None)
            else:
                time.sleep(0.02)
        os._exit(0)

    def _handle_exit(self, pid: int, status: int) -> None:
        component = self._running.get(pid)
        if component is not None:
            code = os.waitstatus_to_exitcode(status)
            fail(component.name, f"exited with {code}")


def log(text: str) -> None:
    print(f"node: {text}", flush=True)


def fail(component: str, reason: str) -> NoReturn:
    log(f"{component} {reason}; the end of its log:")
    with (LOGS / f"{component}.log").open(errors="replace") as lines:
        for line in deque(lines, maxlen=_SHOWN_LINES):
            print(f"    {line.rstrip()}")
    sys.stdout.flush()
    os._exit(1)


def _reap(options: int) -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, options)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _await(component: str, supervisor: Supervisor, facts: Facts) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while (problem := ready.check(component, facts)) is not None:
        supervisor.check()
        if time.monotonic() > deadline:
            fail(component, f"is not ready after {_READY_SECONDS} s: {problem}")
        time.sleep(0.1)


def _command(*command: str) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        log(f"`{' '.join(command)}` failed: {process.stderr.strip()}")
        os._exit(1)


def _prepare(facts: Facts) -> None:
    """Prepare the container before any component starts; every step can run again after a restart."""
    for mount in ("/proc/sys", "/sys"):
        _command("mount", "-o", "remount,rw", mount)
    # Mounts must propagate between the kubelet and its pods.
    _command("mount", "--make-rshared", "/")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # Until kube-proxy has rules for a Service, packets to its address would leave the node, where another host may answer for it.
    # The sender repeats a dropped packet after a second.
    rule = ("POSTROUTING", "--destination", SERVICE_CIDR, "--jump", "DROP")
    _command("iptables", "--wait", "--table=mangle", "--append", *rule)
    cgroups.prepare(facts.cgroup_root)
    for folder in (LOGS, RENDERED):
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, _VOLUMES + 1):
        volume = STORAGE / str(number)
        volume.mkdir(parents=True, exist_ok=True)
        # A pod runs as any user, and fsGroup does not apply to a hostPath.
        volume.chmod(0o1777)
    _render(facts)


def _render(facts: Facts) -> None:
    nameservers = any(
        line.startswith("nameserver") for line in Path("/etc/resolv.conf").read_text().splitlines()
    )
    values = {
        "ip": facts.ip,
        "cgroup_root": facts.cgroup_root,
        "forward": "forward . /etc/resolv.conf" if nameservers else "",
    }
    for name in _RENDERED_FILES:
        (RENDERED / name).write_text(Template((CONFIGS / name).read_text()).substitute(values))


def main() -> NoReturn:
    facts = Facts.find()
    supervisor = Supervisor()
    signal.signal(signal.SIGTERM, supervisor.stop)
    _prepare(facts)
    certificates.issue(facts)
    for component in components.foundation(facts):
        supervisor.start(component)
    _await("kube-apiserver", supervisor, facts)
    _command("ctr", "--namespace=k8s.io", "images", "import", "--local", _PAUSE_ARCHIVE)
    kubeconfig = certificates.kubeconfig("admin")
    _command("kubectl", f"--kubeconfig={kubeconfig}", "apply", f"--filename={CONFIGS}/objects.yaml")
    for component in components.agents(facts):
        supervisor.start(component)
    if facts.network_policy:
        _await("kubelet", supervisor, facts)
        supervisor.start(components.network_policy())
    supervisor.watch()


if __name__ == "__main__":
    main()
