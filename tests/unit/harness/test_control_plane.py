"""The control plane of the bench: started with the flags of the node, and removed afterwards."""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.control_plane import running
from tests.harness.control_plane_commands import AUDIT_POLICY, ControlPlaneLayout, api_server, etcd
from tests.harness.eventually import eventually
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

INSIDE = ROOT / "tools" / "localcluster" / "image" / "inside"
OF_ITS_PLACE = {"etcd-servers", "advertise-address", "secure-port"}
OF_THE_KUBELET = {
    "kubelet-certificate-authority",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "kubelet-preferred-address-types",
}
WITHOUT_A_CLUSTER = {"bind-address", "endpoint-reconciler-type"}
PORTS_OF_ITS_OWN = {
    "listen-client-urls",
    "advertise-client-urls",
    "listen-peer-urls",
    "initial-advertise-peer-urls",
    "initial-cluster",
}


@pytest.fixture
def layout(tmp_path: Path) -> ControlPlaneLayout:
    return ControlPlaneLayout(folder=tmp_path, store=1, peers=2, api=3)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[str]]:
    """The commands of the node's programs, by name."""
    monkeypatch.syspath_prepend(INSIDE)
    components = importlib.import_module("notification_node.components")
    facts = importlib.import_module("notification_node.facts").Facts(ip="192.0.2.1", cgroup_root="/")
    return {each.name: each.command for each in components.foundation(facts)}


def flags(command: Sequence[str]) -> dict[str, str]:
    """Return the flags with their values; of paths only the last part."""
    pairs = (flag.removeprefix("--").partition("=") for flag in command[1:])
    return {name: Path(value).name if value.startswith("/") else value for name, _, value in pairs}


def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def test_api_server_has_the_flags_of_the_node(
    layout: ControlPlaneLayout, node: dict[str, Sequence[str]]
) -> None:
    result = differing(flags(api_server(layout)), flags(node["kube-apiserver"]))
    assert result == OF_ITS_PLACE | OF_THE_KUBELET | WITHOUT_A_CLUSTER


def test_etcd_has_the_flags_of_the_node(layout: ControlPlaneLayout, node: dict[str, Sequence[str]]) -> None:
    assert differing(flags(etcd(layout)), flags(node["etcd"])) == PORTS_OF_ITS_OWN


def test_audit_policy_equals_that_of_the_node() -> None:
    assert AUDIT_POLICY.is_file()
    assert AUDIT_POLICY.is_relative_to(INSIDE)


PYTHON = Path(sys.executable)
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
)


def test_program_ends_with_its_block(tmp_path: Path) -> None:
    command = (PYTHON.name, "-c", "import signal; signal.pause()")
    with pytest.raises(KeyboardInterrupt), running(PYTHON.parent, command, tmp_path) as process:
        raise KeyboardInterrupt
    assert process.returncode == -signal.SIGTERM


def test_program_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.harness.control_plane.ENDS_WITHIN", 0.1)
    with running(PYTHON.parent, (PYTHON.name, "-c", DEAF), tmp_path) as process:
        eventually((tmp_path / f"{PYTHON.name}.log").read_text, lambda message: "deaf" in message)
    assert process.returncode == -signal.SIGKILL


def test_program_does_not_inherit_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOGC", "300")
    command = (PYTHON.name, "-c", "import os; print(os.environ.get('GOGC'))")
    with running(PYTHON.parent, command, tmp_path) as process:
        process.wait(timeout=30)
    assert (tmp_path / f"{PYTHON.name}.log").read_text() == "None\n"
