"""Rollback: the target deployment, the settings that change, and the errors without a target."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.automation import ConfigValue, UpdateSummary
from rich.console import Console

from tools.localcluster.toolchain import Toolchain
from tools.platform.deployment import rollback
from tools.platform.deployment import update as up
from tools.platform.deployment.rollback import (
    IMAGE,
    MESSAGE,
    Deployment,
    NoRollbackTargetError,
    Value,
    deployments,
    recorded_images,
    rollback_target,
    settings,
    settings_to_change,
)
from tools.platform.pulumi.stack import entry

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKERS = "notification-platform:operatorWorkers"


def update(
    image: str = "", kind: str = "update", result: str = "succeeded", message: str = "", **values: Any
) -> UpdateSummary:
    """One entry of a history in the engine's form: it holds every setting, defaults included."""
    entries = {"operatorImage": image, "operatorReplicas": "1", "networkEgressPorts": "[443,6443]", **values}
    config = {
        f"notification-platform:{key}": {"value": text, "secret": False} for key, text in entries.items()
    }
    return UpdateSummary(kind, NOW, message, {}, config, result)


def target(*updates: UpdateSummary, images: tuple[str, ...] = ()) -> Deployment:
    return rollback_target(deployments(updates, images))


def test_target_is_the_latest_different_deployment() -> None:
    assert target(update("i:3"), update("i:3"), update("i:2"), update("i:1")).image == "i:2"


def test_different_setting_makes_a_different_deployment() -> None:
    deployment = target(update("i:1", operatorWorkers="8"), update("i:1"))
    assert (deployment.image, deployment.values) == ("i:1", {})


def test_failed_deployment_is_never_the_target() -> None:
    failed = update("i:broken", result="failed")
    assert target(failed, update("i:2"), update("i:1")).image == "i:2"
    assert target(update("i:3"), failed, update("i:2")).image == "i:2"


def test_second_rollback_restores_the_first_state() -> None:
    assert target(update("i:1"), update("i:2"), update("i:1")).image == "i:2"


def test_unfinished_rollback_is_continued() -> None:
    unfinished = update("i:1", result="failed", message=MESSAGE)
    failed = update("i:2", result="failed")
    assert target(unfinished, update("i:2"), update("i:1"), update("i:0")).image == "i:1"
    assert target(unfinished, failed, update("i:1"), update("i:0")).image == "i:1"
    assert target(unfinished, unfinished, update("i:2"), update("i:1")).image == "i:1"
    repeated_by_up = update("i:1", result="failed")
    assert target(repeated_by_up, unfinished, update("i:2"), update("i:1")).image == "i:1"


def test_failed_deployment_of_earlier_settings_is_no_rollback() -> None:
    failed = update("i:1", result="failed")
    assert target(failed, update("i:2"), update("i:1")).image == "i:2"
    unfinished = update("i:0", result="failed", message=MESSAGE)
    assert target(failed, unfinished, update("i:2"), update("i:1")).image == "i:2"


def test_refresh_is_not_a_deployment() -> None:
    refreshed = update("i:0", kind="refresh")
    assert target(update("i:2"), refreshed, update("i:1")).image == "i:1"


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ([], "nothing has been deployed yet"),
        ([update("i:1")], r"failed, or has the image i:1 and the same settings"),
        ([update("i:1"), update("i:1")], r"its 2 deployment\(s\)"),
        ([update("i:2"), update("i:1", result="failed")], "failed, or has"),
        ([update("i:2"), update("", kind="destroy"), update("i:1")], r"its 1 deployment\(s\)"),
    ],
)
def test_missing_target_is_explained(updates: list[UpdateSummary], message: str) -> None:
    with pytest.raises(NoRollbackTargetError, match=message):
        target(*updates)


def test_image_of_a_local_build_comes_from_the_state_copies() -> None:
    assert target(update(), update(), images=("o:b", "o:a")).image == "o:a"


def test_deployment_with_unknown_image_is_not_the_target() -> None:
    with pytest.raises(NoRollbackTargetError, match="unknown"):
        target(update(operatorWorkers="8"), update())


def test_only_different_settings_change_and_others_are_removed() -> None:
    wanted = deployments([update("i:1", operatorWorkers="8")], [])[0]
    present = settings(update("i:2", logLevel="debug", operatorWorkers="8").config)
    assert settings_to_change(present, wanted) == {
        IMAGE: Value(content="i:1"),
        "notification-platform:logLevel": None,
    }


def test_lists_and_maps_are_compared_as_values() -> None:
    spaced, dense = (
        update("i", networkEgressPorts="[443, 8080]"),
        update("i", networkEgressPorts="[443,8080]"),
    )
    assert settings(spaced.config) == settings(dense.config)
    (_, ports) = settings(dense.config).values()
    assert entry(ports.content) == {"value": "[443, 8080]", "objectValue": [443, 8080], "secret": False}


def test_secret_stays_secret_and_is_never_shown() -> None:
    value = Value.of(ConfigValue("https://hooks/x", secret=True))
    assert entry(value.content, secret=value.secret) == {"value": "https://hooks/x", "secret": True}
    assert "hooks" not in rollback.describe("notification-platform:channelsSlackWebhookUrl", value)


def write_state_copy(folder: Path, name: str, image: str | None, *, compressed: bool = False) -> None:
    resources = [] if image is None else [{"type": "pulumi:pulumi:Stack", "outputs": {"image": image}}]
    content = json.dumps({"checkpoint": {"latest": {"resources": resources}}}).encode()
    (folder / name).write_bytes(gzip.compress(content) if compressed else content)
    (folder / f"{name}.attrs").write_text("{}")


def test_state_copies_are_read_newest_first(tmp_path: Path) -> None:
    write_state_copy(tmp_path, "dev-1.checkpoint.json", "o:a")
    write_state_copy(tmp_path, "dev-2.checkpoint.json.gz", "o:b", compressed=True)
    write_state_copy(tmp_path, "dev-3.checkpoint.json", None)
    (tmp_path / "dev-1.history.json").write_text("{}")
    assert recorded_images(tmp_path) == ["", "o:b", "o:a"]
    assert recorded_images(tmp_path / "none") == []


def test_update_of_a_rollback_says_so_in_the_history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stack = SimpleNamespace(workspace=SimpleNamespace(env_vars={"a": "b"}))
    environments: list[dict[str, str]] = []

    def run(stack: Any, **_options: Any) -> tuple[dict[str, str], bool]:
        environments.append(stack.workspace.env_vars)
        return {"context": "there"}, True

    monkeypatch.setattr(up, "prepare", lambda _name, **_options: (stack, None, Toolchain(root=tmp_path)))
    monkeypatch.setattr(up, "update", run)
    monkeypatch.setattr(up, "drop_kubeconfig", lambda _name: None)
    monkeypatch.setattr(up, "is_lasting", lambda _name: False)
    up.bring_up("qa", Console(), up.Options(yes=True, message=MESSAGE))
    assert environments == [{"a": "b", "PULUMI_OPTION_MESSAGE": MESSAGE}]


def test_stack_that_is_not_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "exists", lambda _name: False)
    with pytest.raises(NoRollbackTargetError, match="dev is not up"):
        rollback.roll_back("dev", Console())
