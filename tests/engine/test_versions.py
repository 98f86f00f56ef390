"""Going back, and going on after an `up` that was killed: the real engine, the whole program, files in place of a cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.names import PROJECT
from tests.engine.checkout import OFFLINE
from tests.support.eventually import eventually
from tools.engine import LOCAL_PASSPHRASE

if TYPE_CHECKING:
    from tests.engine.checkout import Checkout

STACK = "trial"
KNOWN = {"PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE}
SETTINGS: dict[str, Any] = {
    "clusterKind": "existing",
    "clusterKubeconfig": "/nowhere",
    "clusterContext": "none",
}


@pytest.fixture
def stack(checkout: Checkout) -> Checkout:
    """A checkout whose program needs no cluster, with a stack that the backend knows."""
    (checkout.place / "infra" / "__main__.py").write_text(OFFLINE.read_text("utf-8"), "utf-8")
    assert checkout.pulumi("stack", "init", STACK, **KNOWN).code == 0
    return checkout


def deployed(checkout: Checkout) -> dict[str, Any]:
    """Return the Deployment's inputs as the stack's state has them."""
    state = json.loads(checkout.pulumi("stack", "export", "--stack", STACK, **KNOWN).text)["deployment"]
    (found,) = [entry for entry in state["resources"] if entry["type"] == "kubernetes:apps/v1:Deployment"]
    inputs: dict[str, Any] = found["inputs"]
    return inputs


def image(checkout: Checkout) -> str:
    (container,) = deployed(checkout)["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def values(checkout: Checkout) -> dict[str, Any]:
    """Return what the stack's file sets."""
    content = yaml.safe_load((checkout.place / "stacks" / f"Pulumi.{STACK}.yaml").read_text("utf-8"))
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in content["config"].items()}


def test_one_goes_back_to_the_image_and_the_settings_of_before_and_forward_again(stack: Checkout) -> None:
    first = SETTINGS | {"operatorImage": "operator:1", "operatorReplicas": 2}
    second = SETTINGS | {"operatorImage": "operator:2", "networkEgressPorts": [443]}
    for settings in (first, second):
        stack.write_stack(STACK, **settings)
        assert stack.verb("up", STACK).code == 0
    assert image(stack) == "operator:2"

    tried = stack.verb("rollback", STACK, "--dry-run")
    assert "operatorImage: operator:1" in tried.text
    assert image(stack) == "operator:2"

    assert stack.verb("rollback", STACK).code == 0
    assert image(stack) == "operator:1"
    assert deployed(stack)["spec"]["replicas"] == 2
    assert values(stack)["operatorImage"] == "operator:1"
    assert "networkEgressPorts" not in values(stack)

    assert stack.verb("rollback", STACK).code == 0
    assert image(stack) == "operator:2"
    assert values(stack)["networkEgressPorts"] == [443]


def begin_and_kill(checkout: Checkout) -> None:
    """Run `up`, and kill all of it while a resource is being made."""
    variables = checkout.variables({"TRIAL_SLOW": "60"})
    command = [sys.executable, "-m", "tools.up", STACK]
    begun = checkout.place / "begun"
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=checkout.place, env=variables, start_new_session=True, stdout=quiet, stderr=quiet
    ) as process:
        try:
            eventually(begun.exists, bool, within=90)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_an_up_that_was_killed_is_told_and_run_again_it_ends_the_work(stack: Checkout) -> None:
    stack.write_stack(STACK, **SETTINGS, operatorImage="operator:1")
    begin_and_kill(stack)

    locked = stack.verb("up", STACK, TRIAL_SLOW="0")
    assert locked.code == 1
    assert "take its lock away" in locked.text
    assert stack.verb("pulumi", "cancel", "--yes", "--stack", STACK).code == 0

    again = stack.verb("up", STACK, TRIAL_SLOW="0")
    assert again.code == 0
    assert "interrupted while creating" in again.text
    assert image(stack) == "operator:1"

    after = stack.verb("up", STACK, TRIAL_SLOW="0")
    assert "nothing to change" in after.text
    assert "interrupted" not in after.text
