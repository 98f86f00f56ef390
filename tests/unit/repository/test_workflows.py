"""The CI workflows call commands that exist, and GitHub and GitLab do the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.settings.model import WAVES
from tests.harness.eventually import eventually
from tests.runner.__main__ import COMMANDS as RUNNER_COMMANDS
from tests.unit.platform.test_waves import commit, run
from tests.unit.repository.test_docs import sessions
from tests.workflows.runner import SHELLS, shell_of
from tools.platform.cli import COMMANDS
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

CHECKS = "tools/with-env pre-commit run --all-files --hook-stage manual\n"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
GITLAB = sorted((ROOT / "docs" / "ci").glob("*.yml"))
FILES = sorted([*WORKFLOWS, *GITLAB])
SETUP = ROOT / ".github" / "actions" / "setup" / "action.yml"
PINNED_ACTION = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/[\w./-]+")
CALL = re.compile(
    r"\btools/(?:notif-platform|with-env nox -s|with-env python -m tests\.runner) ([a-z-]+(?: (?:up|down|reap)\b)?)"
)
COMMAND_NAMES = {
    *COMMANDS.keys() - {"preview"},
    *RUNNER_COMMANDS,
    *sessions(),
    *(f"preview {command}" for command in ("up", "list", "down", "reap")),
}


LIMITED = re.compile(
    r"(?P<exec>exec )?timeout --foreground --signal=INT --kill-after=60 (?P<minutes>\d+)m (?:\\\n\s*)?"
    r"tools/notif-platform (?:up|preview (?:up|down|reap --yes))\b"
)
UPDATING = re.compile(r"tools/notif-platform (?:up|preview (?:up|down|reap --yes))\b")


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
    github = {command for file in WORKFLOWS for command in called(file.stem)}
    gitlab = {command for file in GITLAB for command in called(file.stem)}
    # Which asks GitHub about its environments.
    assert github - gitlab == {"all", "preflight"}
    assert gitlab - github == set()
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
            "secrets.KUBECONFIG",
            "KUBECONFIG_FILE",
        ):
            assert foreign not in text
        assert "tee" not in text.split()


@pytest.mark.parametrize("command", ["preview down", "preview reap"])
def test_preview_is_taken_down_without_a_login_to_its_registry(command: str) -> None:
    for name, job in jobs_with(command).items():
        assert "docker" not in "\n".join(lines(job)), name


def test_no_job_of_a_pull_request_holds_credentials_of_shared_stacks() -> None:
    text = (ROOT / ".github" / "workflows" / "pull-request.yml").read_text("utf-8")
    for foreign in (
        "vars.PULUMI_",
        "secrets.PULUMI_",
        "secrets.KUBECONFIG",
        "packages:",
        "contents: write",
        "secrets: inherit",
    ):
        assert foreign not in text
    assert set(re.findall(r"secrets\.(\w+)", text)) == {
        "GITHUB_TOKEN",
        "PREVIEW_CONFIG_PASSPHRASE",
        "PREVIEW_KUBECONFIG",
        "PREVIEW_PUSH_PASSWORD",
        "PREVIEW_REGISTRY_PASSWORD",
    }


def test_only_a_job_without_code_of_the_pull_request_may_write_to_it() -> None:
    jobs = document("pull-request")["jobs"]
    (writing,) = [
        name for name, job in jobs.items() if "write" in str({**job.get("permissions", {}), "id-token": ""})
    ]
    assert writing == "comment"
    assert [step.get("uses") for step in jobs[writing]["steps"]] == [None]


def test_merge_request_pushes_to_the_repository_of_previews_only() -> None:
    for name, job in document("gitlab-ci").items():
        text = "\n".join(lines(job))
        if "docker login" in text or "RELEASE_" in text:
            assert ("RELEASE_" in text) == (name in {"image", "verify"}), name
        assert "CI_REGISTRY" not in text


def jobs_of(file: Path) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text("utf-8"))["jobs"]
    return jobs


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_job_that_opens_a_backend_prepares_login_and_checks_variables(file: Path) -> None:
    for name, job in jobs_of(file).items():
        if "PULUMI_BACKEND_URL" in job.get("env", {}):
            assert job["permissions"]["id-token"] == "write", name
            (setup,) = [
                step["with"] for step in job["steps"] if step.get("uses") == "./.github/actions/setup"
            ]
            assert setup["vars"] == "${{ toJSON(vars) }}", name
            assert "PULUMI_BACKEND_URL" in setup["needs"].split(), name


def test_checks_cancel_their_predecessors_and_deployments_never() -> None:
    cancelling = {
        name
        for file in WORKFLOWS
        for name, job in jobs_of(file).items()
        if job.get("concurrency", {}).get("cancel-in-progress")
    }
    assert cancelling == {"check", "stack-tests", "stop"}
    assert {jobs_of(file).get("concurrency") for file in WORKFLOWS} == {None}
    waves = document("deploy")["jobs"]
    assert {waves[f"wave-{wave}"]["concurrency"]["group"] for wave in (1, 2, 3)} == {
        "deploy-${{ matrix.stack }}"
    }
    interruptible = {
        name for name, job in document("gitlab-ci").items() if "interruptible" in job and name != "workflow"
    }
    assert interruptible == {"check", "stack-tests"}


def scripts(part: Any) -> Iterator[str]:
    """Yield every script, as a whole."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in {"run", "script"}:
                yield value if isinstance(value, str) else "\n".join(value)
            else:
                yield from scripts(value)
    elif isinstance(part, list):
        for value in part:
            yield from scripts(value)


def limits(file: Path) -> Iterator[tuple[str, int, int]]:
    """Yield each job that updates stacks, the minutes of its command and its own."""
    document = yaml.safe_load(file.read_text("utf-8"))
    github = "jobs" in document
    for name, job in document.get("jobs", document).items():
        for script in scripts(job):
            if updating := UPDATING.findall(script):
                (limited,) = [*LIMITED.finditer(script)]
                assert len(updating) == 1, name
                # A later command would run after the time is up; GitHub signals the process that a step starts, and no other.
                assert not github or limited["exec"], name
                assert "\n" not in script[limited.end() :].replace("\\\n", "").rstrip(), name
                own = job["timeout-minutes"] if github else int(job["timeout"].removesuffix(" minutes"))
                yield name, int(limited["minutes"]), own


def test_command_that_updates_ends_before_its_job_is_killed() -> None:
    found = {file.stem: [*limits(file)] for file in FILES}
    names = {stem: [name for name, _, _ in jobs] for stem, jobs in found.items() if jobs}
    assert names == {
        "deploy": ["wave-1", "wave-2", "wave-3"],
        "nightly": ["reap"],
        "pull-request": ["preview", "destroy"],
        "gitlab-ci": ["preview", "destroy", "reap"],
        "gitlab-stacks": [".deploy"],
    }
    assert [each for jobs in found.values() for each in jobs if each[1] + 5 > each[2]] == []
    # The slow nodes of docs/guest-install.md: operatorRolloutSeconds 600 for each of three replicas and once more.
    assert {minutes * 60 >= 600 * (3 + 1) for _, minutes, _ in found["deploy"] + found["gitlab-stacks"]} == {
        True
    }


def test_signal_to_the_entry_process_of_a_step_reaches_the_command(tmp_path: Path) -> None:
    waiting = "trap 'touch ended; exit 130' TERM; touch started; while :; do sleep 0.1; done"
    programs(tmp_path / "tools", **{"notif-platform": waiting})
    (script,) = [each for each in scripts(document("deploy")["jobs"]["wave-1"]) if UPDATING.search(each)]
    environment = {"PATH": os.environ["PATH"], "STACK": "x"}
    with subprocess.Popen([*SHELLS["bash"], script], cwd=tmp_path, env=environment) as process:
        eventually((tmp_path / "started").exists, bool, within=30)
        process.terminate()
        assert process.wait(timeout=30) == 130
    assert (tmp_path / "ended").exists()


def test_every_wave_has_a_job_after_the_one_before() -> None:
    jobs = document("deploy")["jobs"]
    assert {name for name in jobs if name.startswith("wave-")} == {
        f"wave-{each + 1}" for each in range(WAVES)
    }
    for wave in range(2, WAVES + 1):
        assert f"wave-{wave - 1}" in jobs[f"wave-{wave}"]["needs"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_stack_is_listed(file: Path) -> None:
    assert not re.search(r"\b(staging|prod)\b", file.read_text("utf-8"))


def checked(command: Sequence[str], variables: Mapping[str, str], *, cwd: Path = ROOT) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def checks() -> dict[str, list[str]]:
    """Return the commands that check the variables of a job."""
    (action,) = [
        [*shell_of(step), step["run"]]
        for step in yaml.safe_load(SETUP.read_text("utf-8"))["runs"]["steps"]
        if step.get("name") == "Check the variables"
    ]
    script = document("gitlab-stacks")[".stack-job"]["before_script"][0]
    # GitLab's runner sets the same options.
    return {"github": action, "gitlab": [*SHELLS["bash"], script]}


@pytest.mark.parametrize("forge", ["github", "gitlab"])
@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"CLOUD": "ibm"}, ["'ibm'", "aws, azure, gcp, pulumi or empty"]),
        ({"NEEDS": "PULUMI_BACKEND_URL OTHER", "PULUMI_BACKEND_URL": "s3://x"}, ["OTHER"]),
        ({"NEEDS": "PULUMI_BACKEND_URL OTHER", "PULUMI_BACKEND_URL": ""}, ["PULUMI_BACKEND_URL OTHER"]),
        ({"CLOUD": "aws", "AWS_REGION": "eu-central-1"}, ["AWS_ROLE_ARN"]),
        ({"CLOUD": "azure"}, ["AZURE_CLIENT_ID AZURE_TENANT_ID"]),
        ({"CLOUD": "gcp"}, ["GCP_WORKLOAD_IDENTITY_PROVIDER GCP_SERVICE_ACCOUNT"]),
        ({"CLOUD": "pulumi"}, ["PULUMI_ORGANIZATION"]),
    ],
)
def test_missing_variable_is_an_error_with_its_name(
    forge: str, variables: dict[str, str], named: list[str]
) -> None:
    code, text = checked(checks()[forge], {"NEEDS": "", **variables})
    assert code == 1
    assert all(name in text for name in named), text


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_complete_variables_are_accepted(forge: str) -> None:
    given = {"NEEDS": "PULUMI_BACKEND_URL", "PULUMI_BACKEND_URL": "s3://x"}
    cloud = {"CLOUD": "aws", "AWS_ROLE_ARN": "arn", "AWS_REGION": "r"}
    assert checked(checks()[forge], given) == (0, "")
    assert checked(checks()[forge], given | cloud) == (0, "")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_script_of_a_workflow_fails_with_any_command_of_a_pipe(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text("utf-8"))
    for job in workflow["jobs"].values():
        for step in job.get("steps", ()):
            assert "run" not in step or shell_of(step, job, workflow) == SHELLS["bash"]


def step_of(name: str, job: str, start: str) -> list[str]:
    """Return the command of the step of a job whose name begins so."""
    workflow = document(name)
    steps = workflow["jobs"][job]["steps"]
    (step,) = [each for each in steps if each.get("name", "").startswith(start)]
    return [*shell_of(step, workflow["jobs"][job], workflow), step["run"]]


def programs(folder: Path, **scripts: str) -> str:
    """Write programs into a folder, and return a PATH that begins with it."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
@pytest.mark.parametrize(
    ("answer", "code"),
    [('echo \'{"checkable": ["prod"]}\'', 0), ("echo '{\"checkable\": []}'", 0), ("exit 1", 1)],
)
def test_policies_are_not_skipped_if_the_stacks_are_unknown(tmp_path: Path, answer: str, code: int) -> None:
    programs(tmp_path / "tools", **{"notif-platform": f'[ "$1" = policy ] || {answer}'})
    script = step_of("pull-request", "check", "Check the stacks")
    assert checked(script, {"BASE": "base"}, cwd=tmp_path)[0] == code


@pytest.mark.parametrize(
    ("answer", "code"), [("echo mine", 0), ("echo newer", 1), ("exit 1", 1), ("true", 1)]
)
def test_only_the_newest_commit_of_main_is_deployed(tmp_path: Path, answer: str, code: int) -> None:
    path = programs(
        tmp_path / "programs",
        gh=f'[ "$*" = "api repos/acme/platform/commits/main --jq .sha" ] || exit 9; {answer}',
    )
    script = step_of("deploy", "wave-1", "Leave the deployment")
    given = {
        "PATH": path,
        "GITHUB_SHA": "mine",
        "GITHUB_REPOSITORY": "acme/platform",
        "GITHUB_SERVER_URL": "file:///nowhere",
    }
    assert checked(script, given)[0] == code


def gitlab_script(name: str) -> list[str]:
    """Return the command of a job of GitLab, whose runner sets the same options as a declared bash."""
    return [*SHELLS["bash"], "\n".join(document("gitlab-ci")[name]["script"])]


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
@pytest.mark.parametrize(
    ("source", "answer", "changed"),
    [
        ("push", 'echo \'[{"sha": "last"}]\'', "last..new"),
        ("push", "echo '[]'", "..new"),
        ("push", "echo '<html>'", "..new"),
        ("push", "exit 22", "..new"),
        ("schedule", "exit 22", ""),
    ],
)
def test_gitlab_deploys_what_changed_since_the_last_successful_pipeline(
    tmp_path: Path, source: str, answer: str, changed: str
) -> None:
    programs(tmp_path / "tools", **{"notif-platform": "printf '%s\\n' \"$@\" >asked; echo '{}'"})
    path = programs(
        tmp_path / "programs", curl=f"printf '%s\\n' \"$@\" >queried; {answer}", **{"apt-get": "true"}
    )
    given = {
        "PATH": path,
        "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_PIPELINE_SOURCE": source,
        "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_BEFORE_SHA": "superseded",
        "CI_COMMIT_SHA": "new",
        "GITLAB_TOKEN": "t",
    }
    code, _ = checked(gitlab_script("plan"), given, cwd=tmp_path)
    assert code == 0
    assert (tmp_path / "asked").read_text().split("\n")[:3] == ["stacks", "--changed", changed]
    if source == "push":
        assert {
            "PRIVATE-TOKEN: t",
            "ref=main",
            "source=push&status=success&per_page=1",
            "https://gitlab.example.com/api/v4/projects/7/pipelines",
        } <= set((tmp_path / "queried").read_text().split("\n"))


NOTES = r"""
case "$*" in
*/artifacts/*) printf '/merge\n```\n/approve\rx\n' >build/comment.md ;;
*--request*) for each; do case $each in body@*) cp "${each#body@}" sent ;; esac; done ;;
*) echo '[]' ;;
esac
"""


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_gitlab_posts_no_quick_action_of_a_merge_request(tmp_path: Path) -> None:
    path = programs(tmp_path / "programs", curl=NOTES, **{"apt-get": "true"})
    given = {
        "PATH": path,
        "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
        "CI_PROJECT_ID": "7",
        "COMMENT_JOB_ID": "1",
        "COMMENT_MERGE_REQUEST": "2",
        "NOTES": "https://gitlab.example.com/notes",
        "GITLAB_TOKEN": "t",
    }
    code, text = checked(gitlab_script("comment"), given, cwd=tmp_path)
    assert code == 0, text
    sent = (tmp_path / "sent").read_bytes().decode()
    assert sent == "### Preview pr-2\n> /merge\n> ```\n> /approve\rx\n"


OURS = '{"number": 2, "isCrossRepository": false}'
FORK = '[{"number": 1, "isCrossRepository": true}]'
PROMOTE = """
made=$(date +%s%N | git -c user.name=t -c user.email=t@example.com commit-tree -p HEAD 'HEAD^{tree}')
git branch --force promote/staging-1 "$made"
echo promote/staging-1
"""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A repository at a forge, in whose clones `promote` makes another commit each time."""
    desk, remote = tmp_path / "desk", tmp_path / "forge" / "acme" / "platform"
    desk.mkdir()
    programs(desk / "tools", **{"notif-platform": PROMOTE})
    run(desk, "init", "--quiet", "--initial-branch", "main")
    commit(desk)
    run(tmp_path, "clone", "--quiet", "--bare", str(desk), str(remote))
    run(remote, "config", "receive.advertisePushOptions", "true")
    return remote


def promoted(script: list[str], remote: Path, place: Path, **variables: str) -> str:
    """Run the script in a new clone, and return its commit after the forge has it."""
    run(remote, "clone", "--quiet", remote.as_uri(), str(place))
    address = "https://promotion:t@gitlab.example.com/acme/platform.git"
    given = {
        "GITHUB_SERVER_URL": remote.parents[1].as_uri(),
        "GITHUB_REPOSITORY": "acme/platform",
        "CI_SERVER_HOST": "gitlab.example.com",
        "CI_PROJECT_PATH": "acme/platform",
        "CI_DEFAULT_BRANCH": "main",
        "PROMOTION_TOKEN": "t",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{remote.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
        **dict.fromkeys(("IMAGE", "STACK", "GITLAB_USER_LOGIN", "GITLAB_USER_EMAIL"), "x"),
        **variables,
    }
    assert checked(script, given, cwd=place)[0] == 0
    made = run(place, "rev-parse", "promote/staging-1")
    assert run(remote, "rev-parse", "promote/staging-1") == made
    return made


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_github_promotes_the_same_image_again(tmp_path: Path, remote: Path) -> None:
    script = step_of("promote", "promote", "Open the pull request")
    calls, found = tmp_path / "calls", tmp_path / "found"
    last = "for last; do :; done"
    answer = f'[ "$1 $2" != "pr list" ] || jq -r "$last" {found}'
    path = programs(tmp_path / "programs", gh=f'echo "$1 $2" >>{calls}; {last}; {answer}')
    made = set()
    for place, others, created in (
        ("first", "[]", 1),
        ("fork", FORK, 2),
        ("open", f"{FORK[:-1]}, {OURS}]", 2),
    ):
        found.write_text(others)
        made.add(promoted(script, remote, tmp_path / place, PATH=path))
        assert calls.read_text().count("pr create") == created
    assert len(made) == 3


def test_gitlab_promotes_the_same_image_again(tmp_path: Path, remote: Path) -> None:
    script = gitlab_script("promote")
    assert promoted(script, remote, tmp_path / "first") != promoted(script, remote, tmp_path / "again")
    # A clone that a runner uses again has the branches of the run before.
    assert document("gitlab-ci")["promote"]["variables"] == {"GIT_STRATEGY": "clone"}


def test_each_workflow_calls_what_its_event_requires() -> None:
    assert called("pull-request") >= {
        "repository-tests",
        "stacks",
        "policy",
        "crd-check",
        "preview up",
        "stack",
        "preview down",
    }
    text = (ROOT / ".github" / "workflows" / "pull-request.yml").read_text("utf-8")
    assert CHECKS in text
    assert "make unit" in text
    assert text.count('gh pr comment "$PR"') == 1
    assert called("nightly") == {
        "stacks",
        "drift",
        "preview reap",
        "vulnerabilities",
        "chaos",
        "fuzz",
        "long",
    }
    assert called("release") == {"all", "release"}
    assert called("promote") == {"promote"}
    assert called("deploy") == {"preflight", "stacks", "diff", "up"}


@pytest.mark.parametrize("file", [*FILES, SETUP], ids=lambda file: file.stem)
def test_no_script_contains_an_interpolated_expression(file: Any) -> None:
    for line in lines(yaml.safe_load(file.read_text("utf-8"))):
        assert "${{" not in line


def steps(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every step of a GitHub workflow."""
    for job in document["jobs"].values():
        yield from job.get("steps", ())


@pytest.mark.parametrize("file", [*WORKFLOWS, SETUP], ids=lambda file: file.stem)
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


def test_release_is_signed_by_a_job_without_code_of_the_repository() -> None:
    jobs = document("release")["jobs"]
    rights = {name: set(job.get("permissions", {})) for name, job in jobs.items()}
    assert [name for name in jobs if rights[name] & {"id-token", "attestations"}] == ["sign"]
    assert rights == {
        "test": set(),
        "image": {"contents", "packages"},
        "sign": {"packages", "id-token", "attestations"},
        "page": {"contents"},
        "promote": {"contents", "pull-requests"},
    }
    for name in ("sign", "page"):
        assert "tools/" not in "\n".join(lines(jobs[name]))
    assert jobs["image"]["permissions"]["contents"] == "read"
    assert [step["uses"].partition("@")[0] for step in jobs["sign"]["steps"] if "uses" in step] == [
        "actions/download-artifact",
        "sigstore/cosign-installer",
        "actions/attest-build-provenance",
    ]
    text = "\n".join(lines(jobs["sign"]))
    order = ["sha256sum --check --strict", "cosign sign", "cosign attest"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)


def test_deployment_verifies_the_image_and_lets_the_policies_decide() -> None:
    jobs = document("deploy")["jobs"]
    order = ["cosign verify ", "cosign verify-attestation", "gh attestation verify", 'up "$STACK" --policy']
    for wave in range(1, WAVES + 1):
        text = "\n".join(lines(jobs[f"wave-{wave}"]))
        positions = [text.index(part) for part in order]
        assert positions == sorted(positions)


def test_deployment_begins_with_a_check_of_its_environments() -> None:
    jobs = document("deploy")["jobs"]
    assert next(iter(jobs)) == "plan"
    assert next(lines(jobs["plan"])) == "tools/notif-platform preflight --ci"
    assert jobs["plan"]["permissions"]["actions"] == "read"


MERGE_REQUEST = '$CI_PIPELINE_SOURCE == "merge_request_event"'


def test_gitlab_runs_jobs_with_protected_variables_on_protected_machines() -> None:
    jobs = {name: job for name, job in document("gitlab-ci").items() if "rules" in job}
    conditions = {name: {rule["if"] for rule in job["rules"]} for name, job in jobs.items()}
    tags = {name: job.get("tags", []) for name, job in jobs.items()}
    unprotected = {name for name in jobs if tags[name] == ["docker-host"]}
    assert unprotected == {"stack-tests", "preview", "destroy"}
    assert [name for name in unprotected if conditions[name] != {MERGE_REQUEST}] == []
    # A container runs `check`; GitLab itself runs the two that start another pipeline.
    assert {name for name in jobs if not tags[name]} == {"check", "request-comment", "stacks"}
    assert {"trigger" in jobs[name] for name in ("request-comment", "stacks")} == {True}
    protected = {name for name in jobs if tags[name]} - unprotected
    assert {tag for name in protected for tag in tags[name]} == {"protected", "protected-docker-host"}
    assert [name for name in protected if MERGE_REQUEST in conditions[name]] == []


def test_gitlab_runs_stack_tests_of_requests_and_the_default_branch() -> None:
    jobs = document("gitlab-ci")
    assert jobs["default-branch-stack-tests"]["extends"] == "stack-tests"
    rules = jobs["stack-tests"]["rules"] + jobs["default-branch-stack-tests"]["rules"]
    assert rules == jobs["check"]["rules"]


def test_gitlab_releases_on_runners_that_merge_requests_cannot_use() -> None:
    jobs = document("gitlab-ci")
    assert jobs["image"]["tags"] == ["protected-docker-host"]
    for name in ("verify", "promote", "plan", "comment", "reap"):
        assert jobs[name]["tags"] == ["protected"]
    assert document("gitlab-stacks")[".on-shared-stacks"]["tags"] == ["protected"]
    assert jobs["stages"].index("verify") < jobs["stages"].index("promote") < jobs["stages"].index("deploy")


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
    assert users == ["comment", "plan"]
    assert [name for name, job in jobs.items() if "$NOTES" in "\n".join(lines(job))] == ["comment"]


def test_page_of_ci_lists_the_variables_that_the_pipelines_read() -> None:
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    table = page.partition("\n## Variables\n")[2].partition("\n## ")[0]
    listed = {name for row in table.splitlines() for name in re.findall(r"`([A-Z_]+)`", row.split(" | ")[0])}
    texts = [file.read_text("utf-8") for file in (*FILES, SETUP)]
    github = re.compile(r"\b(?:vars|secrets|fromJSON\(inputs\.vars\))\.([A-Z_]+)")
    read = {name for text in texts for name in github.findall(text)} - {"GITHUB_TOKEN"}
    assert read <= listed
    assert [name for name in listed if not any(re.search(rf"\b{name}\b", text) for text in texts)] == []
