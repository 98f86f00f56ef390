"""The stacks of a repository in waves, and those that a range of commits changes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from platform_infra.names import PROJECT
from tools.platform import cli
from tools.platform.deployment.waves import changed_in, discover, plan
from tools.platform.errors import PlatformError
from tools.platform.pulumi.stack_file import StackFileError

if TYPE_CHECKING:
    from pathlib import Path

REMOTE = {"clusterKind": "existing", "clusterKubeconfig": "/k", "clusterContext": "c"}
WAVES = {"prod-us": 3, "prod-eu": 3, "staging": 2, "lab": 1, "dev": 0}
ZEROS = "0" * 40


def write(root: Path, name: str, **values: object) -> None:
    file = root / "stacks" / f"Pulumi.{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    config = {f"{PROJECT}:{key}": value for key, value in values.items()}
    file.write_text(yaml.safe_dump({"config": config}), "utf-8")


def run(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(root: Path) -> str:
    run(root, "add", "--all")
    run(root, "commit", "--quiet", "--allow-empty", "--message", "Change")
    return run(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit and five stacks."""
    run(tmp_path, "init", "--quiet")
    for name, wave in WAVES.items():
        write(tmp_path, name, deployWave=wave, **(REMOTE if wave else {}))
    write(tmp_path, "pr-7", **REMOTE)
    commit(tmp_path)
    return tmp_path


def changed(root: Path, revisions: str) -> list[str]:
    return [stack.name for stack in changed_in(discover(root), revisions, root=root)]


def test_stacks_are_discovered_in_the_order_of_deployment(root: Path) -> None:
    assert [stack.name for stack in discover(root)] == ["lab", "staging", "prod-eu", "prod-us", "dev"]


def test_plan_has_the_stacks_with_an_image_by_wave(root: Path) -> None:
    write(root, "prod-eu", deployWave=3, operatorImage="i:1", **REMOTE)
    write(root, "lab", deployWave=1, operatorEnabled=False, **REMOTE)
    lab, prod = {"stack": "lab", "image": ""}, {"stack": "prod-eu", "image": "i:1"}
    assert plan(discover(root)) == {
        "stacks": ["lab", "staging", "prod-eu", "prod-us"],
        "checkable": ["lab", "staging", "prod-eu", "prod-us"],
        "deployable": [lab, prod],
        "1": [lab],
        "2": [],
        "3": [prod],
    }


def test_stack_whose_cluster_is_in_an_environment_is_listed(root: Path) -> None:
    file = root / "stacks" / "Pulumi.eu.yaml"

    def write_stack(**values: object) -> None:
        write(root, "eu", deployWave=3, **values)
        file.write_text(f"environment: [acme/eu]\n{file.read_text()}")

    write_stack()
    found = plan(discover(root))
    assert found["stacks"] == ["lab", "staging", "eu", "prod-eu", "prod-us"]
    assert found["checkable"] == ["lab", "staging", "prod-eu", "prod-us"]
    assert found["deployable"] == [], "the file names no image, so CI could not verify it"
    write_stack(operatorImage="i:1", clusterContext="there")
    assert plan(discover(root))["3"] == [{"stack": "eu", "image": "i:1"}]
    write_stack(operatorImage="i:1", clusterKind="local")
    with pytest.raises(StackFileError, match="a CI job cannot deploy to a node of another machine"):
        discover(root)


def test_stack_file_changes_its_stack_alone(root: Path) -> None:
    write(root, "staging", deployWave=2, operatorReplicas=2, **REMOTE)
    (root / "README.md").write_text("x")
    commit(root)
    assert changed(root, "HEAD~..HEAD") == ["staging"]
    assert changed(root, "HEAD..HEAD") == []


@pytest.mark.parametrize(
    "path", ["infra/a.py", "operator/notification_contract/a.py", "Pulumi.yaml", "requirements.lock"]
)
def test_program_changes_every_stack(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("x")
    commit(root)
    assert len(changed(root, "HEAD~..HEAD")) == len(WAVES)


def test_failed_deployment_and_its_revert_change_the_stack(root: Path) -> None:
    write(root, "staging", deployWave=2, operatorReplicas=2, **REMOTE)
    commit(root)
    write(root, "staging", deployWave=2, **REMOTE)
    commit(root)
    assert changed(root, "HEAD~2..HEAD") == ["staging"]


def test_reverted_program_changes_every_stack(root: Path) -> None:
    (root / "infra").mkdir()
    (root / "infra" / "a.py").write_text("x")
    commit(root)
    (root / "infra" / "a.py").unlink()
    commit(root)
    assert len(changed(root, "HEAD~2..HEAD")) == len(WAVES)


def test_merge_of_the_base_changes_only_what_the_branch_changes(root: Path) -> None:
    """GitHub tests the merge of a pull request into its base, which has moved on."""
    main = run(root, "branch", "--show-current")
    run(root, "checkout", "--quiet", "-b", "change")
    write(root, "staging", deployWave=2, operatorReplicas=2, **REMOTE)
    commit(root)
    run(root, "checkout", "--quiet", main)
    write(root, "lab", deployWave=1, operatorReplicas=2, **REMOTE)
    base = commit(root)
    run(root, "merge", "--quiet", "--no-edit", "change")
    assert changed(root, f"{base}..HEAD") == ["staging"]


def test_operator_and_pages_change_no_stack(root: Path) -> None:
    for path in ("operator/notification_operator/a.py", "docs/a.md", "tests/infra/a.py"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    commit(root)
    assert changed(root, "HEAD~..HEAD") == []


@pytest.mark.parametrize("first", [ZEROS, "1" * 40, "gone", ""])
def test_unknown_beginning_changes_every_stack(root: Path, first: str) -> None:
    assert len(changed(root, f"{first}..HEAD")) == len(WAVES)


@pytest.mark.parametrize("revisions", ["HEAD", "HEAD...HEAD", "HEAD..", f"HEAD..{'1' * 40}", "HEAD..--all"])
def test_range_without_an_end_is_refused(root: Path, revisions: str) -> None:
    with pytest.raises(PlatformError, match="--changed"):
        changed(root, revisions)


def test_committed_stacks_are_staging_before_prod() -> None:
    result = CliRunner().invoke(cli.app, ["stacks", "-o", "json"])
    found = json.loads(result.stdout)
    assert found["stacks"] == ["staging", "prod"]
    assert found.keys() == {"stacks", "checkable", "deployable", "1", "2", "3"}


def test_table_names_wave_stack_cluster_and_image() -> None:
    result = CliRunner().invoke(cli.app, ["stacks"])
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[:3] == [
        ["wave", "stack", "cluster", "image"],
        ["2", "staging", "existing", "-"],
        ["3", "prod", "existing", "-"],
    ]
    assert ["-", "dev", "local", "-"] in rows[3:]
