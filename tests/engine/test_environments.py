"""Stacks whose values come from ESC environments: what judges a stack without its cluster sees the values that the engine resolves.

Only Pulumi's service has environments, so a stub takes the place of the engine's answer about the configuration.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pulumi.automation import CommandResult, StackNotFoundError

from tests.harness.checkout import WAY_OUT
from tools.platform.preflight.rights import registered_objects
from tools.platform.pulumi import policy
from tools.platform.pulumi.engine import Workspace
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack import resolved_settings
from tools.platform.pulumi.stack_file import StackFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE = f"registry.example.com/operator@sha256:{'1' * 64}"
VALUES: dict[str, Any] = {
    "clusterKind": "existing",
    "clusterKubeconfig": None,
    "clusterContext": "prod",
    "operatorImage": IMAGE,
    "operatorReplicas": "2",
    "operatorNamespace": "from-the-environment",
    **{key: json.dumps(value) for key, value in WAY_OUT.items()},
}
"""What the environment adds; None stands for a secret."""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A stack whose file imports an environment, and a backend of its own."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "trial")
    name = f"ci-{uuid.uuid4().hex[:6]}-environment"
    file = ROOT / "stacks" / f"Pulumi.{name}.yaml"
    file.write_text(yaml.safe_dump({"environment": ["acme/prod"], "config": {}}), "utf-8")
    yield name
    file.unlink()


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stub: the engine's answer with the values of the environment."""
    entries = {
        f"notification-platform:{key}": {"secret": True}
        if value is None
        else {"value": value, "secret": False}
        for key, value in VALUES.items()
    }
    monkeypatch.setattr(Workspace, "resolved_config", lambda _workspace, _stack: entries)


@pytest.mark.usefixtures("resolved")
def test_policies_judge_the_values_of_the_environment(stack: str) -> None:
    assert policy.levels(stack).name == "strict.json"
    # The image that a local stack builds has no digest.
    assert [each for each in policy.evaluate(stack) if each.mandatory] == []


@pytest.mark.usefixtures("resolved")
def test_objects_are_those_of_the_environment_s_values(stack: str) -> None:
    assert resolved_settings(stack).operator.namespace == "from-the-environment"
    (home,) = [each for each in registered_objects(stack) if each.kind == "Namespace"]
    assert home.name == "from-the-environment"


def test_environment_of_a_missing_stack_cannot_be_resolved(
    stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_workspace: Workspace, _stack: str) -> None:
        raise StackNotFoundError(CommandResult("", "error: no stack named 'trial' found", 255))

    monkeypatch.setattr(Workspace, "resolved_config", missing)
    with pytest.raises(StackFileError, match="imports ESC environments, and the stack does not exist yet"):
        resolved_settings(stack)
