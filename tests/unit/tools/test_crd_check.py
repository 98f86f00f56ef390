"""The command that compares the CRD of this checkout with another commit's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_infra.crd.definitions import notification_request
from tools.platform.commands import crd_check

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str) -> None:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose tag v1 has the definition of this checkout with one field more, and whose head has this one."""
    wider = notification_request()
    schema = wider["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    schema["properties"]["urgent"] = {"type": "boolean"}
    file = tmp_path / crd_check.FILE
    file.parent.mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    for definition, tag in ((wider, "v1"), (notification_request(), None)):
        file.write_text(yaml.safe_dump(definition))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", "a definition")
        if tag:
            git(tmp_path, "tag", tag)
    monkeypatch.setattr(crd_check, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("history")
def test_a_commit_with_the_same_definition_is_compatible() -> None:
    assert crd_check.main(["HEAD"]) == 0


@pytest.mark.usefixtures("history")
def test_a_definition_that_took_more_at_the_last_tag_is_told_field_by_field(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert crd_check.last_release() == "v1"
    assert crd_check.main([]) == 2
    assert "- v1alpha1.spec.urgent: the field was removed" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("history")
def test_a_commit_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert crd_check.main(["no-such-commit"]) == 1
    assert "no-such-commit has no" in capsys.readouterr().out


def test_without_a_tag_the_commit_before_is_taken(history: Path) -> None:
    git(history, "tag", "--delete", "v1")
    assert crd_check.last_release() == "HEAD~"
    assert crd_check.main([]) == 2
