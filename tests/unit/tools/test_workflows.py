"""The workflows call what a person can call, and what they call exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.crd.definitions import notification_request
from platform_infra.image.build import ImageError
from tools.platform.commands.drift import Look, notification
from tools.platform.commands.publish import by_digest
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = sorted([*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / "docs" / "ci" / "gitlab-ci.yml"])
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
CALL = re.compile(r"\bmake ((?:--no-print-directory )?(?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)")


def lines(part: Any) -> Iterator[str]:
    """Every line of every script."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in {"run", "script", "after_script"}:
                yield from value.splitlines() if isinstance(value, str) else map(str, value)
            else:
                yield from lines(value)
    elif isinstance(part, list):
        for value in part:
            yield from lines(value)


def called(name: str) -> set[str]:
    (file,) = [file for file in FILES if file.stem == name]
    document = yaml.safe_load(file.read_text("utf-8"))
    found = {word for line in lines(document) for words in CALL.findall(line) for word in words.split()}
    return {word for word in found if not word.startswith("--")}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_every_make_target_that_is_called_exists(name: str) -> None:
    assert called(name)
    assert called(name) <= TARGETS


def test_github_and_gitlab_do_the_same() -> None:
    github = called("pull-request") | called("nightly") | called("release")
    assert github - called("gitlab-ci") == {"test"}
    assert called("gitlab-ci") <= github


def test_what_a_pull_request_is_held_against_and_what_a_merge_does() -> None:
    assert called("pull-request") >= {
        "check",
        "unit",
        "policy",
        "crd-check",
        "preview",
        "stack-tests",
        "preview-down",
        "comment",
    }
    assert called("nightly") == {"drift", "preview-reap", "long-tests"}
    assert called("release") >= {"test", "publish", "up"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_script_has_a_value_of_a_stranger_written_into_it(file: Any) -> None:
    for line in lines(yaml.safe_load(file.read_text("utf-8"))):
        assert "${{" not in line


def test_only_a_change_that_was_not_expected_is_drift() -> None:
    assert Look(code=255, text="error: no changes were expected but changes were proposed").drifted
    assert not Look(code=255, text="error: the stack is locked").drifted
    assert not Look(code=0, text="").drifted


def test_drift_is_told_as_a_notification_that_the_kind_takes() -> None:
    text = """Previewing refresh (prod):
  pulumi:pulumi:Stack: (same)
    [urn=urn:pulumi:prod::notification-platform::pulumi:pulumi:Stack::notification-platform-prod]
    ~ kubernetes:apps/v1:Deployment: (update)
        [id=notification-system/notification-operator]
        [urn=urn:pulumi:prod::notification-platform::kubernetes:apps/v1:Deployment::operator]
      ~ replicas: 3 => 1
    - kubernetes:core/v1:Service: (delete)
        [id=notification-system/metrics]
Resources:
    ~ 1 to update
"""
    spec = notification("prod", text)
    assert spec["body"].splitlines()[:3] == [
        "~ kubernetes:apps/v1:Deployment notification-system/notification-operator (update)",
        "  ~ replicas: 3 => 1",
        "- kubernetes:core/v1:Service notification-system/metrics (delete)",
    ]
    assert "prod" in spec["subject"]
    (version,) = notification_request()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert set(schema["required"]) <= spec.keys() <= schema["properties"].keys()
    for field in ("type", "priority"):
        assert spec[field] in schema["properties"][field]["enum"]
    assert notification("prod", "nothing to quote")["body"] == "nothing to quote"


def test_a_pushed_image_is_named_by_the_digest_of_its_own_repository() -> None:
    digests = ["other.example/o@sha256:1", "registry.example/o@sha256:2"]
    assert by_digest("registry.example/o", digests) == "registry.example/o@sha256:2"
    with pytest.raises(ImageError, match="gave the image no digest"):
        by_digest("registry.example/p", digests)
