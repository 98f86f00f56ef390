"""The command that compares the CRD of this checkout with another commit's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import yaml

from platform_infra.crds import notification_request
from tools import crd_check

if TYPE_CHECKING:
    import pytest


def test_the_definition_of_this_commit_is_found_and_compatible() -> None:
    assert yaml.safe_load(crd_check.at("HEAD"))["kind"] == "CustomResourceDefinition"
    assert crd_check.main(["HEAD"]) == 0


def test_a_definition_that_took_more_is_told_field_by_field(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wider = notification_request()
    schema = wider["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    schema["properties"]["urgent"] = {"type": "boolean"}
    monkeypatch.setattr(crd_check, "at", lambda _commit: yaml.safe_dump(wider))
    assert crd_check.main(["v1"]) == 2
    assert "- v1alpha1.spec.urgent: the field is gone" in " ".join(capsys.readouterr().out.split())


def test_a_commit_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert crd_check.main(["no-such-commit"]) == 1
    assert "no-such-commit has no" in capsys.readouterr().out


def test_without_a_tag_the_commit_before_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*_arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 128, "", "fatal: No names found")

    monkeypatch.setattr(crd_check, "_git", git)
    assert crd_check.last_release() == "HEAD~"
