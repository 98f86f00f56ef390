"""Runs GitHub's workflows: the `run` steps with the environment that the YAML gives and no other, in fresh clones.

Actions of others are stubs, which STUBS lists. Permissions and concurrency are not simulated.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from tests.workflows.expressions import evaluate, filled, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STUBS = {
    "actions/checkout": "clones the repository",
    "actions/setup-python": "nothing: the machine has Python",
    "actions/setup-go": "nothing: no program is built",
    "actions/cache": "nothing: the cache of the machine is used",
    "aws-actions/configure-aws-credentials": "sets the credentials of the object store",
    "sigstore/cosign-installer": "nothing: cosign is a stub on PATH",
    "actions/upload-artifact": "nothing: the next job has the same folder",
    "actions/download-artifact": "nothing: the job before had the same folder",
    "actions/attest-build-provenance": "nothing",
}
NOT_RUN = ("tools/with-env pre-commit", "make unit", "tools/with-env nox", "sudo ")
"""How the steps begin that run the checks and tests of the repository, which run themselves."""
INDEX = (
    "SSL_CERT",
    "REQUESTS_CA",
    "CURL_CA",
    "UV_",
    "PIP_",
    "GOPROXY",
    "GOFLAGS",
    "NPM_CONFIG",
    "NODE_EXTRA",
)
SUBSTITUTES = {
    'tools/notif-platform release publish "$GITHUB_REF_NAME" --registry': "publish-a-stub",
    "go run github.com/anchore/syft/cmd/syft": "true",
    "tools/notif-platform preflight --ci": "true",
}
"""Commands that another test runs, and the program on PATH that takes the place of each."""
SHELLS = {
    "": ["bash", "-e", "-c"],
    "bash": ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c"],
}
"""How GitHub starts the shell that a step declares; only one that is declared notices a failure in a pipe."""
SECONDS = 600


class StepFailedError(AssertionError):
    """A step failed; the message has its output."""


def shell_of(step: Mapping[str, Any], *defaults: Mapping[str, Any]) -> list[str]:
    """Return the command that runs the script of a step; `defaults` are its job and its workflow."""
    declared = (step, *(each.get("defaults", {}).get("run", {}) for each in defaults))
    return SHELLS[next((each["shell"] for each in declared if "shell" in each), "")]


@dataclass(frozen=True, kw_only=True)
class Forge:
    """A repository with its variables and secrets: those of an environment count for its jobs only."""

    remote: Path
    work: Path
    path: str
    variables: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]]
    """Secrets by environment; those of the repository under an empty name."""
    cloud: Mapping[str, str]
    """What a login to the cloud sets."""
    log: list[str] = field(default_factory=list)

    @property
    def machine(self) -> dict[str, str]:
        """Return what a machine has: programs, a home, and how it reaches package indexes."""
        index = {key: value for key, value in os.environ.items() if key.startswith(INDEX)}
        return {**index, "PATH": self.path, "HOME": str(self.work / "home"), "LANG": "C.UTF-8"}

    def clone(self, revision: str) -> Path:
        """Replace the checkout by a fresh clone; virtual environments stay, as in the cache of a machine."""
        place, kept = self.work / "clone", self.work / "kept"
        for folder in (".venv", "infra/policy_pack/.venv"):
            if (place / folder).is_dir():
                (kept / folder).parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(kept / folder, ignore_errors=True)
                (place / folder).rename(kept / folder)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", str(self.remote), str(place)], check=True)
        subprocess.run(["git", "-C", str(place), "checkout", "--quiet", revision], check=True)
        for folder in (".venv", "infra/policy_pack/.venv"):
            if (kept / folder).is_dir():
                (kept / folder).rename(place / folder)
        return place


@dataclass(kw_only=True)
class Job:
    """One job of a run, or one of its matrix."""

    forge: Forge
    name: str
    contexts: dict[str, Any]
    env: dict[str, str]
    defaults: tuple[Mapping[str, Any], ...] = ()
    """The job and its workflow, whose defaults count for the steps."""
    outputs: dict[str, Any] = field(default_factory=dict)
    failed: bool = False

    def run(self, steps: list[dict[str, Any]]) -> None:
        self.contexts["steps"] = self.contexts.get("steps", {})
        for step in steps:
            if evaluate(_condition(step, "success()"), self.contexts, self._functions()):
                self._step(step)

    def _functions(self) -> dict[str, Callable[[], bool]]:
        return _status(complete=not self.failed, failed=self.failed)

    def _step(self, step: dict[str, Any]) -> None:
        fill = partial(filled, contexts=self.contexts, functions=self._functions())
        if action := step.get("uses"):
            self._use(action.partition("@")[0], fill(step.get("with", {})))
            return
        script = step["run"]
        for command, substitute in SUBSTITUTES.items():
            script = script.replace(command, substitute)
        if script.startswith(NOT_RUN):
            self.forge.log.append(f"{self.name}: not run: {script.splitlines()[0]}")
            return
        env = {key: text(value) for key, value in fill(step.get("env", {})).items()}
        self._shell(step, script, env)

    def _use(self, action: str, given: dict[str, Any]) -> None:
        if action.startswith("./"):
            folder = self.forge.work / "clone" / action
            definition = yaml.safe_load((folder / "action.yml").read_text("utf-8"))
            defaults = {key: each.get("default", "") for key, each in definition["inputs"].items()}
            inner = Job(
                forge=self.forge, name=self.name, contexts={**self.contexts, "steps": {}}, env=self.env
            )
            inner.contexts["inputs"] = {**defaults, **{key: text(value) for key, value in given.items()}}
            inner.run(definition["runs"]["steps"])
            return
        assert action in STUBS, f"{action} has no stub"
        match action:
            case "actions/checkout":
                self.forge.clone(given.get("ref") or self.contexts["github"]["sha"])
            case "aws-actions/configure-aws-credentials":
                assert given["role-to-assume"]
                self.env |= self.forge.cloud

    def _shell(self, step: Mapping[str, Any], script: str, env: Mapping[str, str]) -> None:
        files = {
            name: self.forge.work / name for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.write_text("")
        place = self.forge.work / "clone"
        place.mkdir(exist_ok=True)
        done = subprocess.run(
            [*shell_of(step, *self.defaults), script],
            env={**self._given(), **self.env, **env, **{name: str(file) for name, file in files.items()}},
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        self.forge.log.append(
            f"{self.name}: {script}\n{done.stdout}{files['GITHUB_STEP_SUMMARY'].read_text()}"
        )
        if done.returncode:
            self.failed = True
            raise StepFailedError(f"{self.name}: exit code {done.returncode} of\n{script}\n{done.stdout}")
        if identifier := step.get("id", ""):
            self.contexts["steps"][identifier] = {"outputs": outputs(files["GITHUB_OUTPUT"].read_text())}

    def _given(self) -> dict[str, str]:
        """Return what every job has: the machine, and the variables of the forge."""
        github = self.contexts["github"]
        return {
            **self.forge.machine,
            "GITHUB_SHA": github["sha"],
            "GITHUB_REF_NAME": github.get("ref_name", "main"),
            "GITHUB_ACTOR": github["actor"],
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_SERVER_URL": github["server_url"],
            "GITHUB_WORKSPACE": github["workspace"],
        }


def _status(*, complete: bool, failed: bool) -> dict[str, Callable[[], bool]]:
    return {"success": lambda: complete, "failure": lambda: failed, "cancelled": lambda: False}


def _condition(part: Mapping[str, Any], otherwise: str) -> str:
    written = str(part.get("if", otherwise)).strip().removeprefix("${{").removesuffix("}}")
    return (
        written
        if any(word in written for word in ("cancelled()", "failure()", "success()"))
        else f"{otherwise} && ({written})"
    )


def outputs(content: str) -> dict[str, str]:
    """Return the outputs that a step wrote: `name=value`, or several lines between `name<<END` and END."""
    found: dict[str, str] = {}
    lines = iter(content.splitlines())
    for line in lines:
        name, heredoc, end = line.partition("<<")
        if heredoc and "=" not in name:
            found[name] = "\n".join(iter(partial(next, lines), end))
        else:
            key, _, value = line.partition("=")
            found[key] = value
    return found


def run_workflow(
    forge: Forge, file: str, github: Mapping[str, Any], *, given: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Run a workflow for an event; return result and outputs of each job. A job that fails ends the run with its error."""
    content = yaml.safe_load((forge.clone(github["sha"]) / ".github" / "workflows" / file).read_text("utf-8"))
    needs: dict[str, dict[str, Any]] = {}
    for name, job in content["jobs"].items():
        wanted = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        reached = {each: needs[each] for each in wanted}
        failed = any(each["result"] == "failure" for each in reached.values())
        complete = all(each["result"] == "success" for each in reached.values())
        contexts = {"github": github, "needs": reached, "inputs": given or {}, "vars": forge.variables}
        functions = _status(complete=complete, failed=failed)
        if not evaluate(_condition(job, "success()"), contexts, functions):
            needs[name] = {"result": "skipped", "outputs": {}}
            continue
        matrix = filled(job.get("strategy", {}).get("matrix", {}), contexts, functions)
        for entry in matrix.get("include", [{}]):
            given_here = {**contexts, "matrix": entry}
            needs[name] = _run_job(forge, f"{file}/{name}", given_here, job, content)
    return needs


def _run_job(
    forge: Forge, name: str, contexts: dict[str, Any], job: dict[str, Any], workflow: dict[str, Any]
) -> dict[str, Any]:
    if called := job.get("uses"):
        given = filled(job["with"], contexts, {})
        run_workflow(forge, os.path.basename(called), contexts["github"], given=given)  # noqa: PTH119 - a path in the repository
        return {"result": "success", "outputs": {}}
    environment = text(filled(job.get("environment", ""), contexts, {}))
    contexts["secrets"] = {**forge.secrets.get("", {}), **forge.secrets.get(environment, {})}
    env = {key: text(value) for key, value in filled(job.get("env", {}), contexts, {}).items()}
    running = Job(forge=forge, name=name, contexts=contexts, env=env, defaults=(job, workflow))
    running.run(job["steps"])
    return {"result": "success", "outputs": filled(job.get("outputs", {}), {**running.contexts}, {})}
