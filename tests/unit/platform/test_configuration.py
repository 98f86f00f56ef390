"""The configuration of a stack as the engine resolves it, and values of Pulumi's command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandResult, StackNotFoundError

from tools.localcluster.toolchain import Toolchain
from tools.platform.commands import pulumi
from tools.platform.pulumi.engine import Engine
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import StackFileError, UnknownStackError, check_configuration

ENGINE = Engine(toolchain=Toolchain(root=Path("/cache/key")), stack="trial", backend="s3://state")


def entries(**values: str | None) -> dict[str, dict[str, Any]]:
    """Configuration in the engine's form; None stands for a secret."""
    return {
        f"notification-platform:{key}": {"secret": True}
        if value is None
        else {"value": value, "secret": False}
        for key, value in values.items()
    }


def test_resolved_values_become_settings() -> None:
    settings = check_configuration("trial", entries(operatorReplicas="2", watchNamespaces='["a"]'))
    assert settings.operator.replicas == 2
    assert settings.watch.namespaces == ("a",)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(StackFileError) as caught:
        check_configuration("trial", entries(operatorReplicas="many", logLevel="loud", clusterKnd="local"))
    for key in ("operatorReplicas", "logLevel", "clusterKnd"):
        assert f"- {key} is " in str(caught.value)


def test_other_packages_are_ignored() -> None:
    check_configuration("trial", {"kubernetes:context": {"value": "x", "secret": False}})


def test_secret_value_is_left_to_the_program() -> None:
    values = {
        "clusterKind": "existing",
        "clusterContext": "c",
        "operatorImage": "i",
        "clusterKubeconfig": None,
    }
    check_configuration("trial", entries(**values))


def test_override_of_the_command_line_counts() -> None:
    with pytest.raises(StackFileError, match="operatorReplicas is 'many'"):
        check_configuration("trial", entries(operatorReplicas="2"), {"operatorReplicas": "many"})
    settings = check_configuration(
        "trial", entries(operatorReplicas="many"), {"notification-platform:operatorReplicas": "3"}
    )
    assert settings.operator.replicas == 3


class FakeWorkspace:
    """Resolves the configuration of one stack, and records the file that was asked for."""

    def __init__(self, resolved: dict[str, dict[str, Any]] | None) -> None:
        self.resolved = resolved
        self.files: list[str] = []

    def resolved_config(self, _stack: str, *, config_file: str) -> dict[str, dict[str, Any]]:
        self.files.append(config_file)
        if self.resolved is None:
            raise StackNotFoundError(CommandResult("", "error: no stack named 'trial' found", 255))
        return self.resolved


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "operatorReplicas=many"],
        ["--config", "operatorReplicas=many"],
        ["--config=operatorReplicas=many"],
    ],
)
def test_config_option_is_checked(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(pulumi, "workspace_of", lambda _engine: FakeWorkspace(entries()))
    with pytest.raises(StackFileError, match="operatorReplicas is 'many'"):
        pulumi.check(ENGINE, ["preview", *arguments])
    pulumi.check(ENGINE, ["preview", "--config-path", *arguments])


def test_config_file_option_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = FakeWorkspace(entries())
    monkeypatch.setattr(pulumi, "workspace_of", lambda _engine: workspace)
    pulumi.check(ENGINE, ["up", "--config-file", "other.yaml"])
    assert workspace.files == ["other.yaml"]


def test_missing_stack_with_a_file_is_left_to_pulumi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "workspace_of", lambda _engine: FakeWorkspace(None))
    pulumi.check(replace(ENGINE, stack="organization/notification-platform/prod"), ["up"])
    with pytest.raises(UnknownStackError, match="there is no stack prdo"):
        pulumi.check(replace(ENGINE, stack="prdo"), ["up"])


def test_engine_runs_in_the_checkout_with_the_environment_of_the_stack() -> None:
    assert ENGINE.command(["up", "-s", "trial"]) == [
        "/cache/key/bin/pulumi",
        "-C",
        str(ROOT),
        "up",
        "-s",
        "trial",
    ]
    assert ENGINE.variables["PULUMI_HOME"] == "/cache/key/pulumi-home"
