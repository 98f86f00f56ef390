"""`crd-check`: compare the CRD of this checkout with that of a commit."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from notification_contract.crds import notification_receiver, notification_request
from tools.platform.cli import app
from tools.platform.commands import crd_check
from tools.platform.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str) -> None:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose tag v1 has one field more in the CRD than this checkout, and whose head has the CRDs of this checkout."""
    wider = notification_request()
    schema = wider["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    schema["properties"]["urgent"] = {"type": "boolean"}
    file, other, *_ = (tmp_path / each for each in crd_check.FILES)
    file.parent.mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    for definition, tag in ((wider, "v1"), (notification_request(), None)):
        file.write_text(yaml.safe_dump(definition))
        if not tag:
            other.write_text(yaml.safe_dump(notification_receiver()))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", "a definition")
        if tag:
            git(tmp_path, "tag", tag)
    monkeypatch.setattr(crd_check, "ROOT", tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["crd-check", *arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.usefixtures("history")
def test_commit_with_the_same_definition_is_compatible() -> None:
    code, text = run("HEAD")
    assert code == 0
    assert "accept everything that they accepted at HEAD" in text


@pytest.mark.usefixtures("history")
def test_removed_field_is_incompatible_with_the_last_tag() -> None:
    assert crd_check.last_release() == "v1"
    code, text = run()
    assert code == ExitCode.DIFFERENT
    assert "Incompatible CRD change since v1" in text
    assert "- notificationrequest.yaml: v1alpha1.spec.urgent: the field was removed" in text


def test_removed_field_of_a_receiver_is_incompatible(history: Path) -> None:
    wider = notification_receiver()
    schema = wider["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    schema["properties"]["urgent"] = {"type": "boolean"}
    _, other, *_ = (history / each for each in crd_check.FILES)
    other.write_text(yaml.safe_dump(wider))
    git(history, "commit", "--quiet", "--all", "--message", "a wider definition")
    code, text = run("HEAD")
    assert code == ExitCode.DIFFERENT
    assert "- notificationreceiver.yaml: v1alpha1.spec.urgent: the field was removed" in text


@pytest.mark.usefixtures("history")
def test_crd_that_the_commit_does_not_have_is_compatible() -> None:
    assert list(crd_check.crds_at("v1")) == [next(iter(crd_check.FILES))]


@pytest.mark.usefixtures("history")
def test_unknown_commit_is_named() -> None:
    code, text = run("no-such-commit")
    assert code == 1
    assert "error: COMMIT: there is no such tag, branch or commit as 'no-such-commit'" in text


def test_previous_commit_is_compared_without_a_tag(history: Path) -> None:
    git(history, "tag", "--delete", "v1")
    assert crd_check.last_release() == "HEAD~"
    assert run()[0] == ExitCode.DIFFERENT
