"""`preflight --ci`: which environments of GitHub protect a deployment, and what is reported about the others."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.harness.release_hosts import release_hosts
from tools.platform.errors import PlatformError, UsageError
from tools.platform.preflight.environments import check_environments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.release_hosts import ReleaseHosts

REPOSITORY: Final = "https://api.github.com/repos/acme/platform"
REVIEWED: Final = {"protection_rules": [{"type": "required_reviewers", "reviewers": [{"type": "Team"}]}]}
OPEN: Final[dict[str, Any]] = {"protection_rules": [], "deployment_branch_policy": None}
PROTECTED: Final = {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False}}
NAMED: Final = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseHosts]:
    """GitHub with a repository that has no environment yet."""
    with release_hosts(tmp_path) as hosts:
        given = {"GITHUB_REPOSITORY": "acme/platform", "GH_TOKEN": "t", "NO_PROXY": "", **hosts.environment()}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        # The first request of a process reads these variables.
        monkeypatch.setattr(urllib.request, "_opener", None)
        hosts.files[REPOSITORY] = b'{"default_branch": "main"}'
        yield hosts


def declare(github: ReleaseHosts, name: str, environment: dict[str, Any], *branches: str) -> None:
    place = f"{REPOSITORY}/environments/{name}"
    github.files[place] = json.dumps({**OPEN, **environment}).encode()
    policies = {"branch_policies": [{"name": branch} for branch in branches]}
    github.files[f"{place}/deployment-branch-policies"] = json.dumps(policies).encode()


def test_environments_with_reviewers_and_branch_rules_are_accepted(github: ReleaseHosts) -> None:
    declare(github, "prod", {**REVIEWED, **PROTECTED})
    declare(github, "prod-read", NAMED, "main")
    check_environments(["prod"])


def test_every_environment_without_protection_is_reported(github: ReleaseHosts) -> None:
    declare(github, "prod", PROTECTED)
    declare(github, "prod-read", {})
    declare(github, "lab", {**REVIEWED, **NAMED}, "main", "feature/*")
    with pytest.raises(PlatformError) as raised:
        check_environments(["prod", "lab"])
    assert str(raised.value).splitlines() == [
        "the environment prod has no required reviewers",
        "the environment prod-read accepts every branch; permit main only",
        "the environment lab accepts feature/*, main; permit main only",
        "the environment lab-read does not exist",
    ]


def test_repository_that_the_token_cannot_read_is_an_error(github: ReleaseHosts) -> None:
    del github.files[REPOSITORY]
    with pytest.raises(PlatformError, match="GitHub answers 404"):
        check_environments(["prod"])


def test_missing_token_is_named(github: ReleaseHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_TOKEN")
    with pytest.raises(UsageError, match="GITHUB_REPOSITORY or GH_TOKEN is not set"):
        check_environments(["prod"])
    assert github.requests == []
