"""Errors for bad input, with the real engine and no cluster; docs/operations.md shows the same messages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra.names import PROJECT
from tests.harness.checkout import DRIFTING
from tests.kit.kubeconfig import kubeconfig
from tools.platform.errors import ExitCode

if TYPE_CHECKING:
    from tests.harness.checkout import Checkout

STACK = "trial"


def existing(checkout: Checkout) -> dict[str, Any]:
    """Settings of a stack whose API server does not answer."""
    file = checkout.folder / "kubeconfig"
    file.write_text(kubeconfig({"server": "https://127.0.0.1:1"}, {"token": "t"}))
    return {
        "clusterKind": "existing",
        "clusterKubeconfig": str(file),
        "clusterContext": "there",
        "operatorImage": "i:1",
    }


@pytest.fixture
def stack(checkout: Checkout) -> Checkout:
    """A checkout with a stack that the backend knows."""
    checkout.use_own_secrets()
    assert checkout.pulumi("stack", "init", STACK).code == 0
    checkout.write_stack(STACK, **existing(checkout))
    return checkout


def resources(checkout: Checkout) -> list[str]:
    """Return the types of all resources in the stack's state, without the stack itself."""
    state = json.loads(checkout.pulumi("stack", "export", "--stack", STACK).text)
    types = [entry["type"] for entry in state["deployment"].get("resources") or []]
    return [kind for kind in types if kind != "pulumi:pulumi:Stack"]


def test_wrong_type_and_unknown_key_are_reported_at_once(stack: Checkout) -> None:
    stack.write_stack(STACK, **existing(stack), operatorReplicas="many", operatorWorker=3)
    for result in (stack.platform("up", STACK), stack.platform("pulumi", "preview", "--stack", STACK)):
        assert result.code == 1
        assert "2 problem(s) in the stack's configuration:" in result.text
        assert "operatorReplicas is 'many', but should be a valid integer" in result.text
        assert "operatorWorker is not a setting; did you mean operatorWorkers?" in result.text
    assert resources(stack) == []


def test_plain_pulumi_rejects_a_wrong_type_and_an_unknown_key(
    stack: Checkout,
) -> None:
    stack.write_stack(STACK, **existing(stack), operatorReplicas="many")
    result = stack.pulumi("preview", "--stack", STACK)
    assert "'operatorReplicas' must be of type 'integer'" in result.text
    stack.write_stack(STACK, **existing(stack), operatorWorker=3)
    result = stack.pulumi("preview", "--stack", STACK)
    assert result.code != 0
    assert "operatorWorker is not a setting; did you mean operatorWorkers?" in result.text


def test_unreachable_cluster_is_named_and_nothing_is_created(stack: Checkout) -> None:
    result = stack.platform("up", STACK)
    assert result.code == 1
    message = result.text.rpartition("error: ")[2]
    assert message.startswith("the API server https://127.0.0.1:1 (context 'there') does not answer: ")
    assert "check it with `kubectl --context there version`" in message
    assert len(message.strip().splitlines()) == 1
    assert resources(stack) == []


def test_wrong_passphrase_has_a_hint_with_the_variables(stack: Checkout) -> None:
    result = stack.platform("up", STACK, PULUMI_CONFIG_PASSPHRASE="another")
    assert result.code == 1
    assert "incorrect passphrase" in result.text
    assert "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE" in result.text


def lock(checkout: Checkout) -> None:
    """Lock the stack as a killed engine leaves it."""
    place = checkout.state / ".pulumi" / "locks" / "organization" / PROJECT / STACK
    place.mkdir(parents=True, exist_ok=True)
    owner = {"pid": 4711, "username": "ann", "hostname": "desk", "timestamp": "2026-03-01T12:00:00Z"}
    (place / "left.json").write_text(json.dumps(owner))


@pytest.mark.parametrize("command", ["up", "down"])
def test_locked_stack_is_reported_with_owner_and_unlock_command(stack: Checkout, command: str) -> None:
    lock(stack)
    result = stack.platform(command, STACK)
    assert result.code == 1
    assert "created by ann@desk (pid 4711)" in result.text
    (unlock,) = re.findall(r"`tools/notif-platform pulumi (.*?)`", result.text)
    assert stack.platform("pulumi", *unlock.replace("NAME", STACK).split()).code == 0
    assert "locked" not in stack.platform(command, STACK).text


def test_shared_stack_requires_its_own_passphrase(checkout: Checkout) -> None:
    result = checkout.platform("up", "prod", PULUMI_BACKEND_URL=f"file://{checkout.state}?create_dir=true")
    assert result.code == 1
    assert "prod: its secrets would be encrypted with a well-known passphrase" in result.text
    assert not checkout.state.exists()


def test_shared_stack_is_refused_by_the_embedded_backend(checkout: Checkout) -> None:
    checkout.write_stack("prod-eu", **existing(checkout))
    for command in (("up", "prod-eu"), ("pulumi", "up", "--stack", "prod-eu")):
        result = checkout.platform(*command, PULUMI_CONFIG_PASSPHRASE="its own")
        assert result.code == 1
        assert "prod-eu: its cluster is not local, but its state would be stored in" in result.text
        assert "set PULUMI_BACKEND_URL" in result.text
    assert not (checkout.folder / ".pulumi-state").exists()


def test_state_folder_of_a_local_stack_is_for_its_owner_only(checkout: Checkout) -> None:
    checkout.platform("pulumi", "stack", "init", "mine")
    assert (checkout.folder / ".pulumi-state" / ".pulumi").exists()
    assert (checkout.folder / ".pulumi-state").stat().st_mode & 0o777 == 0o700


def test_rollback_without_a_deployment_is_an_error(stack: Checkout) -> None:
    assert "nothing has been deployed yet" in stack.platform("rollback", STACK).text
    stack.write_stack("none", **existing(stack))
    assert "none is not up, so there is no deployment to roll back" in stack.platform("rollback", "none").text


def test_invalid_stack_is_not_created(checkout: Checkout) -> None:
    checkout.write_stack("new", operatorReplicas="many")
    assert checkout.platform("up", "new").code == 1
    assert "new" not in checkout.pulumi("stack", "ls").text


@pytest.mark.parametrize("verb", ["up", "down", "drift", "pulumi up -s"])
def test_mistyped_stack_is_refused_and_not_created(stack: Checkout, verb: str) -> None:
    result = stack.platform(*verb.split(), "trail")
    assert result.code == ExitCode.USAGE
    assert result.text.startswith(
        "error: there is no stack trail: stacks/Pulumi.trail.yaml does not exist; did you mean trial?\n"
        "hint: the stacks are ci, dev, kind, prod, staging, trial; `tools/notif-platform init "
    )
    assert "trail" not in stack.pulumi("stack", "ls").text
    assert not (stack.folder / "stacks" / "Pulumi.trail.yaml").exists()


def test_stack_whose_file_was_deleted_is_not_updated_and_can_be_taken_down(checkout: Checkout) -> None:
    (checkout.folder / "infra" / "__main__.py").write_text(DRIFTING.read_text("utf-8"), "utf-8")
    file = checkout.write_stack("dev")
    for command in (["stack", "init", "dev"], ["up", "--yes", "--skip-preview", "-s", "dev"]):
        done = checkout.platform("pulumi", *command)
        assert done.code == 0, done.text
    file.unlink()
    assert checkout.platform("up", "dev").code == ExitCode.USAGE
    down = checkout.platform("down", "dev")
    assert down.code == 0, down.text
    assert down.text.endswith("dev is down; none of its resources is left.\n")
    assert not file.exists()


def test_value_of_the_command_line_is_checked(stack: Checkout) -> None:
    result = stack.platform("pulumi", "preview", "--stack", STACK, "-c", "operatorReplicas=many")
    assert result.code == 1
    assert "operatorReplicas is 'many', but should be a valid integer" in result.text
