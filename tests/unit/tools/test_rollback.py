"""Going back: which deployment counts as the one before, what is set for it, and what is said where there is none."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.automation import ConfigValue, UpdateSummary
from rich.console import Console

from tools.platform.commands import rollback
from tools.platform.pulumi.history import (
    IMAGE,
    Deployment,
    NoWayBackError,
    Value,
    before,
    deployments,
    recorded_images,
    settings,
    steps,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKERS = "notification-platform:operatorWorkers"


def update(image: str = "", kind: str = "update", result: str = "succeeded", **values: Any) -> UpdateSummary:
    """One entry of a history, as the engine tells it: every setting, the defaults included."""
    given = {"operatorImage": image, "operatorReplicas": "1", "networkEgressPorts": "[443,6443]", **values}
    config = {f"notification-platform:{key}": {"value": text, "secret": False} for key, text in given.items()}
    return UpdateSummary(kind, NOW, "", {}, config, result)


def target(*updates: UpdateSummary, images: tuple[str, ...] = ()) -> Deployment:
    return before(deployments(updates, images))


def test_one_goes_back_to_the_latest_deployment_that_was_another_one() -> None:
    assert target(update("i:3"), update("i:3"), update("i:2"), update("i:1")).image == "i:2"


def test_another_value_is_another_deployment() -> None:
    found = target(update("i:1", operatorWorkers="8"), update("i:1"))
    assert (found.image, found.values) == ("i:1", {})


def test_a_deployment_that_failed_is_left_and_never_gone_back_to() -> None:
    failed = update("i:broken", result="failed")
    assert target(failed, update("i:2"), update("i:1")).image == "i:2"
    assert target(update("i:3"), failed, update("i:2")).image == "i:2"


def test_going_back_twice_goes_forward_again() -> None:
    assert target(update("i:1"), update("i:2"), update("i:1")).image == "i:2"


def test_other_work_of_the_engine_is_no_deployment() -> None:
    refreshed = update("i:0", kind="refresh")
    assert target(update("i:2"), refreshed, update("i:1")).image == "i:1"


@pytest.mark.parametrize(
    ("updates", "told"),
    [
        ([], "nothing has been deployed yet"),
        ([update("i:1")], r"all have the image i:1 and the same settings, or failed"),
        ([update("i:1"), update("i:1")], r"its 2 deployment\(s\)"),
        ([update("i:2"), update("i:1", result="failed")], "or failed"),
        ([update("i:2"), update("", kind="destroy"), update("i:1")], r"its 1 deployment\(s\)"),
    ],
)
def test_where_there_is_nothing_to_go_back_to_that_is_said(updates: list[UpdateSummary], told: str) -> None:
    with pytest.raises(NoWayBackError, match=told):
        target(*updates)


def test_an_image_that_was_built_on_the_spot_is_known_by_the_copies_of_the_state() -> None:
    assert target(update(), update(), images=("o:b", "o:a")).image == "o:a"


def test_a_deployment_of_which_nothing_tells_the_image_is_not_gone_back_to() -> None:
    with pytest.raises(NoWayBackError, match="unknown"):
        target(update(operatorWorkers="8"), update())


def test_only_what_differs_is_set_and_what_was_not_set_then_is_removed() -> None:
    wanted = deployments([update("i:1", operatorWorkers="8")], [])[0]
    present = settings(update("i:2", logLevel="debug", operatorWorkers="8").config)
    assert steps(present, wanted) == {IMAGE: Value(content="i:1"), "notification-platform:logLevel": None}


def test_lists_and_maps_are_compared_and_set_as_what_they_are() -> None:
    spaced, dense = (
        update("i", networkEgressPorts="[443, 8080]"),
        update("i", networkEgressPorts="[443,8080]"),
    )
    assert settings(spaced.config) == settings(dense.config)
    (_, ports) = settings(dense.config).values()
    assert rollback._entry(ports) == {"value": "[443, 8080]", "objectValue": [443, 8080], "secret": False}


def test_a_secret_is_set_as_one_and_never_shown() -> None:
    value = Value.of(ConfigValue("https://hooks/x", secret=True))
    assert rollback._entry(value) == {"value": "https://hooks/x", "secret": True}
    assert "hooks" not in rollback.told("notification-platform:channelsSlackWebhookUrl", value)


def copy_of_a_state(folder: Path, name: str, image: str | None, *, packed: bool = False) -> None:
    resources = [] if image is None else [{"type": "pulumi:pulumi:Stack", "outputs": {"image": image}}]
    content = json.dumps({"checkpoint": {"latest": {"resources": resources}}}).encode()
    (folder / name).write_bytes(gzip.compress(content) if packed else content)
    (folder / f"{name}.attrs").write_text("{}")


def test_the_copies_are_read_newest_first_packed_or_not(tmp_path: Path) -> None:
    copy_of_a_state(tmp_path, "dev-1.checkpoint.json", "o:a")
    copy_of_a_state(tmp_path, "dev-2.checkpoint.json.gz", "o:b", packed=True)
    copy_of_a_state(tmp_path, "dev-3.checkpoint.json", None)
    (tmp_path / "dev-1.history.json").write_text("{}")
    assert recorded_images(tmp_path) == ["", "o:b", "o:a"]
    assert recorded_images(tmp_path / "none") == []


def test_a_stack_that_is_not_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "exists", lambda _name: False)
    with pytest.raises(NoWayBackError, match="dev is not up"):
        rollback.roll_back("dev", Console())
