"""A promotion is one commit on a branch that changes one line of one stack's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from tests.unit.platform.test_waves import REMOTE, commit, run, write
from tools.platform import cli
from tools.platform.deployment.promotion import Promotion, PromotionError, next_stack, with_image
from tools.platform.deployment.promotion import commit as promote
from tools.platform.deployment.waves import discover
from tools.platform.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

NAME = "registry.example.com:5000/team/operator"
IMAGE = f"{NAME}@sha256:{'1' * 64}"
OTHER = f"{NAME}@sha256:{'2' * 64}"
STAGING = Promotion(stack="staging", image=IMAGE)
FILE = """\
# yaml-language-server: $schema=schema.json
encryptionsalt: v1:x
config:
  # A comment.
  notification-platform:clusterKind: existing  # of the team
  notification-platform:operatorReplicas: 2
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose file of `staging` has comments, and `prod` after it."""
    run(tmp_path, "init", "--quiet", "--initial-branch", "main")
    write(tmp_path, "prod", deployWave=3, **REMOTE)
    write(tmp_path, "staging", deployWave=2, **REMOTE)
    commit(tmp_path)
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "t")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "t@example.com")
    return tmp_path


@pytest.mark.parametrize(
    "old", ["", f"  notification-platform:operatorImage: {OTHER}\n", "  operatorImage: x:1\n"]
)
def test_edit_changes_one_line_and_keeps_comments(old: str) -> None:
    edited = with_image(FILE + old, IMAGE)
    assert yaml.safe_load(edited)["config"]["notification-platform:operatorImage"] == IMAGE
    rest = [line for line in edited.splitlines() if "operatorImage" not in line]
    assert rest == FILE.splitlines()


@pytest.mark.parametrize("text", ["config: {a: b}\n", "", f"{FILE}  operatorImage: >-\n    x\n"])
def test_file_that_cannot_be_edited_by_line_is_refused(text: str) -> None:
    with pytest.raises(PromotionError, match="cannot be edited line by line"):
        with_image(text, IMAGE)


def test_promotion_is_one_commit_on_a_branch_and_changes_no_file_here(root: Path) -> None:
    (root / "stacks" / "Pulumi.staging.yaml").write_text("half an edit")
    assert promote(STAGING, root=root)
    assert (root / "stacks" / "Pulumi.staging.yaml").read_text() == "half an edit"
    assert run(root, "diff", "--name-only", "main", STAGING.branch) == "stacks/Pulumi.staging.yaml"
    assert run(root, "rev-list", "--count", f"main..{STAGING.branch}") == "1"
    assert IMAGE in run(root, "log", "-1", "--format=%b", STAGING.branch)
    assert run(root, "branch", "--show-current") == "main"


def test_second_promotion_of_the_same_image_changes_nothing(root: Path) -> None:
    assert promote(STAGING, root=root)
    first = run(root, "rev-parse", STAGING.branch)
    assert promote(STAGING, root=root)
    assert run(root, "rev-parse", STAGING.branch) == first
    run(root, "reset", "--quiet", "--hard", STAGING.branch)
    assert not promote(STAGING, root=root)


def test_promotion_after_a_revert_is_a_new_commit(root: Path) -> None:
    assert promote(STAGING, root=root)
    run(root, "merge", "--quiet", "--no-ff", "--no-edit", STAGING.branch)
    run(root, "revert", "--no-edit", "-m", "1", "HEAD")
    assert promote(STAGING, root=root)
    assert run(root, "diff", "--name-only", f"main...{STAGING.branch}") == "stacks/Pulumi.staging.yaml"


def test_branch_with_another_content_is_refused(root: Path) -> None:
    run(root, "checkout", "--quiet", "-b", STAGING.branch)
    run(root, "commit", "--quiet", "--allow-empty", "--message", "Something else")
    run(root, "checkout", "--quiet", "main")
    with pytest.raises(PromotionError, match="exists and holds something else"):
        promote(STAGING, root=root)


def test_image_goes_from_wave_to_wave(root: Path) -> None:
    order = []
    while following := next_stack(discover(root), IMAGE):
        order.append(following.name)
        promotion = Promotion(stack=following.name, image=IMAGE)
        assert promote(promotion, root=root)
        run(root, "merge", "--quiet", "--ff-only", promotion.branch)
    assert order == ["staging", "prod"]


def test_revert_of_a_promotion_restores_the_image_before(root: Path) -> None:
    for image in (OTHER, IMAGE):
        promotion = Promotion(stack="staging", image=image)
        assert promote(promotion, root=root)
        run(root, "merge", "--quiet", "--ff-only", promotion.branch)
    run(root, "revert", "--no-edit", "HEAD")
    assert next(each.image for each in discover(root) if each.name == "staging") == OTHER


@pytest.mark.parametrize(
    "image", ["operator:1", f"{NAME}:1", f"{NAME}@sha256:{'0' * 64}", f"{IMAGE}0", f"-{IMAGE} "]
)
def test_image_that_is_not_named_by_digest_is_refused(image: str) -> None:
    result = CliRunner().invoke(cli.app, ["promote", "--", image])
    assert result.exit_code == ExitCode.USAGE
    assert "does not identify one image" in result.stderr
