"""The CI workflows call commands that exist, and GitHub and GitLab do the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.runner.__main__ import COMMANDS as RUNNER_COMMANDS
from tests.unit.repository.test_docs import sessions
from tools.platform.cli import COMMANDS
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKS = "tools/with-env pre-commit run --all-files --hook-stage manual\n"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = sorted([*WORKFLOWS, ROOT / "docs" / "ci" / "gitlab-ci.yml"])
PINNED_ACTION = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
CALL = re.compile(
    r"\btools/(?:notif-platform|with-env nox -s|with-env python -m tests\.runner) ([a-z-]+(?: (?:up|down|reap)\b)?)"
)
COMMAND_NAMES = {
    *COMMANDS.keys() - {"preview"},
    *RUNNER_COMMANDS,
    *sessions(),
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


def document(name: str) -> dict[str, Any]:
    (file,) = [file for file in FILES if file.stem == name]
    content: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return content


def called(name: str) -> set[str]:
    return {command for line in lines(document(name)) for command in CALL.findall(line)}


@pytest.mark.parametrize("name", [file.stem for file in FILES if file.stem != "scorecard"])
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
    assert CHECKS in (ROOT / "docs" / "ci" / "gitlab-ci.yml").read_text("utf-8")


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


def test_diff_needs_an_environment_that_requires_reviewers() -> None:
    jobs = document("pull-request")["jobs"]
    asking = jobs["diff-approval"]
    assert "environment" not in asking
    assert asking["permissions"] == {"actions": "read"}
    assert "required_reviewers" in "\n".join(lines(asking))
    assert "diff-approval" in jobs["diff"]["needs"]
    assert "needs.diff-approval.result == 'success'" in jobs["diff"]["if"]


def test_each_workflow_calls_what_its_event_requires() -> None:
    assert called("pull-request") >= {
        "repository-tests",
        "policy",
        "crd-check",
        "preview up",
        "stack",
        "preview down",
    }
    text = (ROOT / ".github" / "workflows" / "pull-request.yml").read_text("utf-8")
    assert CHECKS in text
    assert "make unit" in text
    assert text.count('gh pr comment "$PR" --edit-last --create-if-none') == 2
    assert called("nightly") == {"drift", "preview reap", "vulnerabilities", "chaos", "fuzz", "long"}
    assert called("release") >= {"all", "up"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_script_contains_an_interpolated_expression(file: Any) -> None:
    for line in lines(yaml.safe_load(file.read_text("utf-8"))):
        assert "${{" not in line


def steps(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every step of a GitHub workflow."""
    for job in document["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_commit_with_its_version(file: Path) -> None:
    uses = re.findall(r"uses: (.*)", file.read_text("utf-8"))
    assert uses
    assert [line for line in uses if not PINNED_ACTION.fullmatch(line)] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_checkout_leaves_its_token_on_disk(file: Path) -> None:
    checkouts = [
        step
        for step in steps(yaml.safe_load(file.read_text("utf-8")))
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflow_may_only_read_unless_a_job_needs_more(file: Path) -> None:
    assert yaml.safe_load(file.read_text("utf-8"))["permissions"] == {"contents": "read"}


def test_release_signs_the_image_that_it_published() -> None:
    job = document("release")["jobs"]["image"]
    text = "\n".join(lines(job))
    assert text.index("tools/publish") < text.index("cosign sign") < text.index("cosign attest")
    assert job["permissions"]["id-token"] == "write"
    actions = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
    assert {"anchore/sbom-action", "actions/attest-build-provenance"} <= set(actions)


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_release_verifies_the_image_before_it_is_deployed(environment: str) -> None:
    text = "\n".join(lines(document("release")["jobs"][environment]))
    order = [
        "cosign verify ",
        "cosign verify-attestation",
        "gh attestation verify",
        "config set operatorImage",
        " up ",
    ]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)


def test_gitlab_releases_on_runners_that_merge_requests_cannot_use() -> None:
    jobs = document("gitlab-ci")
    merge_requests = {"check", "stack-tests", "preview", "destroy"}
    assert {tag for name in merge_requests for tag in jobs[name].get("tags", ())} == {"docker-host"}
    released = {name: jobs[name]["tags"] for name in ("image", "verify", "staging", "prod", "comment")}
    assert released.pop("image") == ["protected-docker-host"]
    assert set(map(tuple, released.values())) == {("protected",)}
    assert jobs["stages"].index("verify") < jobs["stages"].index("staging")


def test_gitlab_comment_is_posted_by_the_code_of_the_default_branch() -> None:
    jobs = document("gitlab-ci")
    assert jobs["request-comment"]["trigger"] == {
        "project": "$CI_PROJECT_PATH",
        "branch": "$CI_DEFAULT_BRANCH",
    }
    (rule,) = jobs["comment"]["rules"]
    assert rule["if"].startswith(
        '$CI_PIPELINE_SOURCE == "pipeline" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'
    )
    users = [name for name, job in jobs.items() if "GITLAB_TOKEN" in "\n".join(lines(job))]
    assert users == ["comment"]
    assert [name for name, job in jobs.items() if "$NOTES" in "\n".join(lines(job))] == ["comment"]
