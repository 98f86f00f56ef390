"""Going back, and going on after an `up` that was killed: the real engine, the whole program, files in place of a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.names import PROJECT
from tests.engine.checkout import OFFLINE
from tests.harness.eventually import eventually
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.checkout import Checkout

STACK = "trial"
KNOWN = {"PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE}
SETTINGS: dict[str, Any] = {
    "clusterKind": "existing",
    "clusterKubeconfig": "/nowhere",
    "clusterContext": "none",
}


@pytest.fixture
def stack(checkout: Checkout) -> Iterator[Checkout]:
    """A checkout whose program needs no cluster, with a stack that the backend knows."""
    (checkout.place / "infra" / "__main__.py").write_text(OFFLINE.read_text("utf-8"), "utf-8")
    assert checkout.pulumi("stack", "init", STACK, **KNOWN).code == 0
    yield checkout
    end_all(checkout.place)


def end_all(place: Path) -> None:
    """Kill the processes that work with a checkout's state: plugins outlive an engine that is killed."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        # One that is not ours to look at, or has ended meanwhile.
        with contextlib.suppress(OSError):
            if f"{place}/".encode() in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)


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


def up_and_signal(
    checkout: Checkout, number: signal.Signals, *, slow: int, group: bool = True
) -> tuple[int, str]:
    """Run `up`, and send a signal while a resource is being made; return how it ended, and what it said.

    A terminal sends Ctrl-C to all that runs in it, the `group`; others send to the verb alone.
    """
    variables = checkout.variables({"TRIAL_SLOW": str(slow)})
    begun, said = checkout.place / "begun", checkout.place / "said"
    with (
        said.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "tools.platform.commands.up", STACK],
            cwd=checkout.place,
            env=variables,
            start_new_session=True,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            eventually(begun.exists, bool, within=90)
        finally:
            (os.killpg if group else os.kill)(process.pid, number)
        code = process.wait(timeout=60)
    return code, said.read_text()


@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_an_up_that_is_told_to_stop_ends_what_it_has_begun_and_run_again_it_goes_on(
    stack: Checkout, number: signal.Signals, *, group: bool
) -> None:
    stack.write_stack(STACK, **SETTINGS, operatorImage="operator:1")
    code, said = up_and_signal(stack, number, slow=4, group=group)
    assert code == 128 + signal.SIGINT
    assert said.rstrip().endswith("interrupted: run the same command again to go on.")
    assert "Traceback" not in said

    again = stack.verb("up", STACK, TRIAL_SLOW="0")
    assert again.code == 0
    assert "interrupted while" not in again.text


def test_an_up_that_was_killed_is_told_and_run_again_it_ends_the_work(stack: Checkout) -> None:
    stack.write_stack(STACK, **SETTINGS, operatorImage="operator:1")
    up_and_signal(stack, signal.SIGKILL, slow=60)

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
