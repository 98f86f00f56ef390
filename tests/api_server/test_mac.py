"""Every command on a stack with a remote cluster works on a Mac that has Pulumi, with the exit codes of Linux.

The machine is a simulated Mac (`tests/harness/mac`), API server and engine are real. No run on a real Mac has proven it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_infra.names import PROJECT
from tests.harness.mac_machine import Mac
from tests.harness.shared_clusters import NAMESPACE, STACK

if TYPE_CHECKING:
    from tests.harness.shared_clusters import SharedCluster, Team

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(400, func_only=True)]
PROGRAM = Path(__file__).with_name("without_node.py")
IMAGE = "registry.example.com/operator@sha256:"
OPERATOR = "notification-operator"
BEFORE, AFTER = f"{IMAGE}{'1' * 64}", f"{IMAGE}{'2' * 64}"


@pytest.fixture
def mac(team: Team, tmp_path: Path) -> Mac:
    """A Mac with Pulumi, on which the team's checkout is."""
    mac = Mac(tmp_path / "mac")
    mac.install()
    shutil.copy(PROGRAM, team.checkout.folder / "infra" / "__main__.py")
    team.checkout.environment |= mac.variables(team.checkout.variables({})["PYTHONPATH"])
    team.checkout.environment["UV_CACHE_DIR"] = os.environ.get(
        "UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")
    )
    deploy(team, BEFORE)
    return mac


def deploy(team: Team, image: str, *, replicas: int = 2) -> None:
    """Write the image to the stack's file."""
    team.configure("there", operatorEnabled=True, operatorImage=image, operatorReplicas=replicas)


def run(team: Team, *arguments: str, code: int = 0) -> str:
    """Run a command that ends with this exit code, and return its output."""
    result = team.platform(*arguments)
    assert result.code == code, (arguments, result.text)
    assert "Traceback" not in result.text, result.text
    return result.text


def assert_nothing_of_linux_was_used(mac: Mac) -> None:
    assert not mac.log.exists(), mac.log.read_text("utf-8")


def test_stack_comes_up_and_goes_down_on_a_mac(team: Team, mac: Mac) -> None:
    team.checkout.write_stack(STACK, clusterKind="local")
    assert "a local node needs Linux" in run(team, "up", STACK, code=1)
    deploy(team, BEFORE)
    assert "changed" in run(team, "up", STACK)
    assert "nothing to change" in run(team, "up", STACK)
    assert "nothing has been destroyed" in run(team, "down", STACK, code=2)
    run(team, "down", STACK, "--yes")
    assert_nothing_of_linux_was_used(mac)


@pytest.mark.long
@pytest.mark.timeout(900, func_only=True)
def test_every_command_keeps_its_exit_codes_on_a_mac(team: Team, mac: Mac, cluster: SharedCluster) -> None:
    run(team, "preflight", STACK)
    run(team, "policy", STACK)
    deploy(team, BEFORE, replicas=1)
    assert "disruption-budget" in run(team, "policy", STACK, code=1)
    deploy(team, BEFORE)
    run(team, "up", STACK)
    run(team, "drift", STACK)
    assert cluster.send("DELETE", f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/{OPERATOR}")
    run(team, "drift", STACK, code=3)
    run(team, "up", STACK, "--refresh")
    run(team, "drift", STACK)
    deploy(team, AFTER)
    assert AFTER[-8:] in run(team, "diff", STACK, "--policy")
    run(team, "up", STACK)
    run(team, "rollback", STACK)
    assert BEFORE in run(team, "pulumi", "config", "get", f"{PROJECT}:operatorImage", "--stack", STACK)
    run(team, "up", "unknown", code=2)
    run(team, "down", STACK, "--yes")
    assert_nothing_of_linux_was_used(mac)
