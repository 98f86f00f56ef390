"""The workspace and the engine: secrets are in no file and in no argument."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from pulumi.automation import CommandError, ConcurrentUpdateError, Deployment, Stack
from pydantic import SecretStr

from tools.platform.deployment import rollback
from tools.platform.deployment.rollback import Value
from tools.platform.pulumi.engine import EngineCommand, Workspace
from tools.platform.pulumi.operations import destroy
from tools.platform.pulumi.stack import configure, entry

if TYPE_CHECKING:
    from pathlib import Path

LOCKED = "error: the stack is currently locked by 1 lock(s)."
RECORDING = """#!/bin/sh
cd "$RECORDS"
echo "$*" >>arguments
cat >>input
[ ! -e failure ] || { cat failure >&2; exit 1; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A workspace whose engine records its arguments and its input."""

    workspace: Workspace
    records: Path

    def fail(self, message: str) -> None:
        (self.records / "failure").write_text(message)

    @property
    def arguments(self) -> list[str]:
        return (self.records / "arguments").read_text("utf-8").splitlines()

    @property
    def input(self) -> str:
        return (self.records / "input").read_text("utf-8")


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(RECORDING)
    program.chmod(0o755)
    records = tmp_path / "records"
    records.mkdir()
    workspace = Workspace(
        backend="file:///state",
        work_dir=str(tmp_path),
        env_vars={"PATH": os.environ["PATH"], "RECORDS": str(records)},
        pulumi_command=EngineCommand(tmp_path),
    )
    return Recorded(workspace=workspace, records=records)


@pytest.mark.parametrize("locked", [False, True])
def test_import_leaves_no_file_with_the_state(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, locked: bool
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    state = Deployment(version=3, deployment={"password": "hunter2"})
    if locked:
        recorded.fail(LOCKED)
        with pytest.raises(ConcurrentUpdateError):
            recorded.workspace.import_stack("prod", state)
    else:
        recorded.workspace.import_stack("prod", state)
    assert list(temporary.iterdir()) == []
    assert recorded.input == '{"version": 3, "deployment": {"password": "hunter2"}}'
    assert recorded.arguments == ["--non-interactive stack import --stack prod"]


def test_destruction_is_the_last_call_of_the_engine(recorded: Recorded) -> None:
    """What the engine would be asked after it, the history for example, could only fail a command that has done its work."""
    destroy(Stack.select("prod", recorded.workspace))
    assert recorded.arguments[-1].startswith("--non-interactive destroy ")


def test_secret_is_in_no_argument(recorded: Recorded) -> None:
    stack = Stack.select("prod", recorded.workspace)
    secret = SecretStr('[{"url": "https://hooks.example/hunter2"}]\n')
    configure(stack, {"receivers": entry(secret), "operatorReplicas": entry(2)})
    assert recorded.arguments[1:] == [
        '--non-interactive config set-all --stack prod --json {"operatorReplicas": {"value": "2", "secret": false}}',
        "--non-interactive config set receivers --secret --raw --stack prod",
    ]
    assert recorded.input == secret.get_secret_value()


def test_rollback_has_no_secret_among_its_arguments_and_restores_the_file(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config: {}\n")
    monkeypatch.setattr(rollback, "file_of", lambda _name: file)
    stack = Stack.select("prod", recorded.workspace)
    recorded.fail("error: the disk is full")
    changes = {
        "notification-platform:receivers": Value(content=[{"url": "hunter2"}], secret=True),
    }
    with pytest.raises(CommandError, match="the disk is full"):
        rollback.change_file(stack, changes)
    assert recorded.arguments[1:] == [
        "--non-interactive config set notification-platform:receivers --secret --raw --stack prod"
    ]
    assert recorded.input == '[{"url": "hunter2"}]'
    assert file.read_text() == "config: {}\n"
