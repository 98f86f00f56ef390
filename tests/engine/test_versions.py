"""Rollback, drift, and recovery of a killed `up`: the real engine and the whole program, with files instead of a cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.names import PROJECT
from tests.harness.checkout import DRIFTING, NO_CLUSTER, PLATFORM
from tests.harness.eventually import eventually
from tools.platform.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.checkout import Checkout

STACK = "trial"


@pytest.fixture
def stack(checkout: Checkout) -> Iterator[Checkout]:
    """A checkout whose program needs no cluster, with a stack in the backend."""
    checkout.create_offline_stack(STACK)
    yield checkout
    checkout.kill_processes()


def deployed(checkout: Checkout) -> dict[str, Any]:
    """Return the inputs of the Deployment in the stack's state."""
    state = json.loads(checkout.pulumi("stack", "export", "--stack", STACK).text)["deployment"]
    (deployment,) = [
        entry for entry in state["resources"] if entry["type"] == "kubernetes:apps/v1:Deployment"
    ]
    inputs: dict[str, Any] = deployment["inputs"]
    return inputs


def image(checkout: Checkout) -> str:
    (container,) = deployed(checkout)["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def values(checkout: Checkout) -> dict[str, Any]:
    """Return the settings in the stack's file."""
    content = yaml.safe_load((checkout.folder / "stacks" / f"Pulumi.{STACK}.yaml").read_text("utf-8"))
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in content["config"].items()}


def test_rollback_restores_image_and_settings_and_can_be_undone(stack: Checkout) -> None:
    first = NO_CLUSTER | {"operatorImage": "operator:1", "operatorReplicas": 2}
    second = NO_CLUSTER | {"operatorImage": "operator:2", "networkEgressPorts": [443]}
    for settings in (first, second):
        stack.write_stack(STACK, **settings)
        assert stack.platform("up", STACK).code == 0
    assert image(stack) == "operator:2"
    outputs = stack.pulumi("stack", "output", "--json", "--show-secrets", "--stack", STACK).text
    assert json.loads(outputs).keys() == {"namespace", "image", "context"}
    assert not (stack.folder / ".pulumi-state" / "kubeconfigs").exists()

    dry_run = stack.platform("rollback", STACK, "--dry-run")
    assert "operatorImage: operator:1" in dry_run.text
    assert image(stack) == "operator:2"

    assert stack.platform("rollback", STACK).code == 0
    assert image(stack) == "operator:1"
    assert deployed(stack)["spec"]["replicas"] == 2
    assert values(stack)["operatorImage"] == "operator:1"
    assert "networkEgressPorts" not in values(stack)

    assert stack.platform("rollback", STACK).code == 0
    assert image(stack) == "operator:2"
    assert values(stack)["networkEgressPorts"] == [443]


def run_and_signal(
    checkout: Checkout, number: signal.Signals, *, slow: int, verb: str = "up", group: bool = True
) -> tuple[int, str]:
    """Run `up` or `rollback` and send a signal while a resource is being created; return exit code and output.

    A terminal sends Ctrl-C to the whole process group (`group`); other senders reach the command alone.
    """
    variables = checkout.variables({"TRIAL_SLOW": str(slow)})
    started, log = checkout.folder / "started", checkout.folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*PLATFORM, verb, STACK, "--yes"],
            cwd=checkout.folder,
            env=variables,
            start_new_session=True,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            eventually(started.exists, bool, within=90)
        finally:
            (os.killpg if group else os.kill)(process.pid, number)
        code = process.wait(timeout=60)
    return code, log.read_text()


@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_interrupted_up_completes_its_step_and_continues_later(
    stack: Checkout, number: signal.Signals, *, group: bool
) -> None:
    stack.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:1")
    code, text = run_and_signal(stack, number, slow=4, group=group)
    assert code == 128 + signal.SIGINT
    assert text.rstrip().endswith("interrupted: run the same command again to continue.")
    assert "Traceback" not in text

    again = stack.platform("up", STACK, TRIAL_SLOW="0")
    assert again.code == 0
    assert "interrupted while" not in again.text


def test_killed_up_is_reported_and_completes_later(stack: Checkout) -> None:
    stack.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:1")
    run_and_signal(stack, signal.SIGKILL, slow=60)

    locked = stack.platform("up", STACK, TRIAL_SLOW="0")
    assert locked.code == 1
    assert "remove its lock" in locked.text
    assert stack.platform("pulumi", "cancel", "--yes", "--stack", STACK).code == 0

    again = stack.platform("up", STACK, TRIAL_SLOW="0")
    assert again.code == 0
    assert "interrupted while creating" in again.text
    assert image(stack) == "operator:1"

    after = stack.platform("up", STACK, TRIAL_SLOW="0")
    assert "nothing to change" in after.text
    assert "interrupted" not in after.text


def test_interrupted_rollback_is_continued(stack: Checkout) -> None:
    for image_of_version in ("operator:1", "operator:2"):
        stack.write_stack(STACK, **NO_CLUSTER, operatorImage=image_of_version)
        assert stack.platform("up", STACK).code == 0
    code, text = run_and_signal(stack, signal.SIGINT, slow=4, verb="rollback")
    assert code == 128 + signal.SIGINT, text

    again = stack.platform("rollback", STACK, TRIAL_SLOW="0")
    assert again.code == 0, again.text
    assert image(stack) == "operator:1"
    assert values(stack)["operatorImage"] == "operator:1"


def test_drift_is_reported_with_values_and_its_own_exit_code(stack: Checkout) -> None:
    (stack.folder / "infra" / "__main__.py").write_text(DRIFTING.read_text("utf-8"), "utf-8")
    stack.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:1")
    assert stack.platform("up", STACK).code == 0

    unchanged = stack.platform("drift", STACK)
    assert (unchanged.code, unchanged.text) == (0, f"No drift in stack {STACK}.\n")

    not_applied = stack.platform("drift", STACK, TRIAL_SIZE="5")
    assert (not_applied.code, not_applied.text) == (0, f"No drift in stack {STACK}.\n")

    drifted = stack.platform("drift", STACK, TRIAL_DRIFT="1")
    assert drifted.code == ExitCode.DIFFERENT
    assert drifted.text.splitlines() == [
        f"Drift detected in stack {STACK}:",
        "  - delete Thing default/deleted",
        "  ~ update Thing default/scaled",
        "      size: 3 → 1",
        f"hint: to undo these changes, run `tools/notif-platform up {STACK} --refresh`",
    ]


def test_state_moves_to_another_backend_and_passphrase(checkout: Checkout) -> None:
    """The steps of docs/state.md; the new passphrase is typed."""
    (checkout.folder / "infra" / "__main__.py").write_text(DRIFTING.read_text("utf-8"), "utf-8")
    before = {"PULUMI_CONFIG_PASSPHRASE": "before"}
    checkout.write_stack(STACK)
    for command in (
        ["stack", "init", STACK],
        ["up", "--yes", "--skip-preview", "--stack", STACK],
        ["stack", "export", "--stack", STACK, "--file", "state.json"],
    ):
        assert checkout.pulumi(*command, **before).code == 0

    checkout.use_own_secrets()
    for command in (["stack", "init", STACK], ["stack", "import", "--stack", STACK, "--file", "state.json"]):
        assert checkout.pulumi(*command, **before).code == 0
    change = ["stack", "change-secrets-provider", "passphrase", "--stack", STACK]
    changed = checkout.pulumi(*change, **before, typed="trial\ntrial\n")
    assert changed.code == 0, changed.text

    unchanged = checkout.pulumi("preview", "--expect-no-changes", "--stack", STACK)
    assert unchanged.code == 0, unchanged.text
    assert "incorrect passphrase" in checkout.pulumi("preview", "--stack", STACK, **before).text


def test_diff_shows_changes_violations_and_errors(stack: Checkout) -> None:
    stack.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:1")
    created = stack.platform("diff", STACK)
    assert created.code == 0
    assert "`+` create Deployment `platform-operator-deployment`" in created.text

    assert stack.platform("up", STACK).code == 0
    assert "no changes" in stack.platform("diff", STACK).text
    stack.write_stack(STACK, **NO_CLUSTER, operatorImage="operator:2", operatorReplicas=2)
    updated = stack.platform("diff", STACK)
    assert "`~` update Deployment `platform-operator-deployment`" in updated.text
    assert "`spec.replicas`: `1` → `2`" in updated.text
    assert "`operator:1` → `operator:2`" in updated.text

    stack.write_stack("missing", **NO_CLUSTER)
    missing = stack.platform("diff", "missing")
    assert missing.code == 1
    assert "no stack named 'missing' found" in missing.text
