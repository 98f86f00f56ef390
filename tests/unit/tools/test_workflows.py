"""The CI workflows call commands that exist, and GitHub and GitLab do the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.image.build import ImageError
from tests.runner.__main__ import COMMANDS as RUNNER_COMMANDS
from tools.platform.cli import COMMANDS
from tools.platform.commands.publish import by_digest
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = sorted([*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / "docs" / "ci" / "gitlab-ci.yml"])
CALL = re.compile(
    r"\btools/with-env python -m (?:tools\.platform|tests\.runner) ([a-z-]+(?: (?:up|down|reap)\b)?)"
)
COMMAND_NAMES = {
    *COMMANDS.keys() - {"preview"},
    *RUNNER_COMMANDS,
    *(f"preview {command}" for command in ("up", "list", "down", "reap")),
}


def lines(part: Any) -> Iterator[str]:
    """Yield every line of every script."""
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
    return {command for line in lines(document) for command in CALL.findall(line)}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_every_called_command_exists(name: str) -> None:
    assert called(name)
    assert called(name) <= COMMAND_NAMES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_make_is_called_only_where_the_exit_code_does_not_matter(file: Any) -> None:
    targets = re.findall(r"\bmake ([a-z-]+)", file.read_text("utf-8"))
    assert set(targets) <= {"unit"}


def test_github_and_gitlab_do_the_same() -> None:
    github = called("pull-request") | called("nightly") | called("release")
    assert github - called("gitlab-ci") == {"all"}
    assert called("gitlab-ci") <= github


def jobs_with(command: str) -> dict[str, dict[str, Any]]:
    """Return the jobs of all workflows that call a command, by file and name."""
    jobs: dict[str, dict[str, Any]] = {}
    for file in FILES:
        document = yaml.safe_load(file.read_text("utf-8"))
        for name, job in (document.get("jobs") or document).items():
            if isinstance(job, dict) and any(
                call == command for line in lines(job) for call in CALL.findall(line)
            ):
                jobs[f"{file.stem}/{name}"] = job
    return jobs


@pytest.mark.parametrize("command", ["preview up", "preview down", "preview reap"])
def test_jobs_of_previews_have_their_own_backend_and_secrets(command: str) -> None:
    jobs = jobs_with(command)
    assert len(jobs) == 2
    for job in jobs.values():
        variables = job.get("env") or job["variables"]
        assert "PREVIEW_BACKEND_URL" in variables["PULUMI_BACKEND_URL"]
        assert "PREVIEW_CONFIG_PASSPHRASE" in variables["PULUMI_CONFIG_PASSPHRASE"]
        assert str(job["environment"]).replace("{'name': '", "").startswith("preview")
        text = yaml.safe_dump(job)
        for foreign in (
            "vars.PULUMI_BACKEND_URL",
            "secrets.PULUMI_",
            "KUBECONFIG_CONTENT",
            "KUBECONFIG_FILE",
        ):
            assert foreign not in text
        assert "tee" not in text.split()


def test_job_with_credentials_of_shared_stacks_waits_for_an_approval() -> None:
    jobs = jobs_with("diff")
    assert len(jobs) == 2
    for job in jobs.values():
        assert job["environment"] in ("diff", {"name": "diff", "action": "access"})


def test_each_workflow_calls_what_its_event_requires() -> None:
    assert called("pull-request") >= {
        "check",
        "policy",
        "crd-check",
        "preview up",
        "stack",
        "preview down",
        "comment",
    }
    assert "make unit" in (ROOT / ".github" / "workflows" / "pull-request.yml").read_text("utf-8")
    assert called("nightly") == {"drift", "preview reap", "long"}
    assert called("release") >= {"all", "publish", "up"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_script_contains_an_interpolated_expression(file: Any) -> None:
    for line in lines(yaml.safe_load(file.read_text("utf-8"))):
        assert "${{" not in line


def test_pushed_image_has_the_digest_of_its_repository() -> None:
    digests = ["other.example/o@sha256:1", "registry.example/o@sha256:2"]
    assert by_digest("registry.example/o", digests) == "registry.example/o@sha256:2"
    with pytest.raises(ImageError, match="gave the image no digest"):
        by_digest("registry.example/p", digests)
