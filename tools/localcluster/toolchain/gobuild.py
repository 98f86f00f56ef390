"""Builds from pinned Go modules; the pins are the go.mod and go.sum of each recipe folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.errors import ToolchainError
from tools.localcluster.toolchain.group import Build, Copied, Generated, Group
from tools.localcluster.toolchain.layout import RECIPES
from tools.localcluster.toolchain.pins import GO_MINIMUM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.localcluster.toolchain.processes import Children

_NETWORK_SIGNS = (
    "dial tcp",
    "no such host",
    "i/o timeout",
    "connection refused",
    "TLS handshake",
    "proxyconnect",
)


def go_problem() -> str | None:
    """Why Go modules cannot be built here, with the remedy; None when they can."""
    wanted = ".".join(map(str, GO_MINIMUM))
    remedy = f"install Go {wanted} or newer and put it on PATH (https://go.dev/doc/install)"
    if shutil.which("go") is None:
        return f"there is no `go` on PATH: {remedy}"
    answer = subprocess.run(
        ["go", "env", "GOVERSION", "GOTOOLCHAIN"], cwd=RECIPES, capture_output=True, text=True, check=False
    )
    match = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    if match is None:
        return f"`go env` does not work ({answer.stderr.strip()}): {remedy}"
    fetches_newer = not answer.stdout.split()[1].startswith("local")
    if tuple(map(int, match.groups())) < GO_MINIMUM and not fetches_newer:
        return f"Go is {match[0]} and may not fetch a newer one (GOTOOLCHAIN=local): {remedy}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds the steps of one group into the folder `into`; `scratch` is for sources, `log` for output."""

    into: Path
    scratch: Path
    log: Path
    children: Children

    def build(self, group: Group) -> None:
        """Runs every step.

        Raises:
            ToolchainError: A step failed; the text holds the end of its output, and the remedy where it is known.
        """
        for step in group.steps:
            try:
                match step:
                    case Build():
                        self._compile(step)
                    case Copied():
                        self._copy(step)
                    case Generated():
                        self._generate(step)
            except ToolchainError as error:
                raise ToolchainError(
                    f"{group.name} {group.version} cannot be built: {error}{_remedy(str(error))}"
                ) from error

    def _compile(self, step: Build) -> None:
        for program, package in step.packages.items():
            self._go_build(RECIPES / step.folder, package, program, step.variables, tags=step.tags)

    def _copy(self, step: Copied) -> None:
        source = self._module_folder(["list", "-m", "-json", step.module], RECIPES / step.folder)
        for program, path in step.files.items():
            shutil.copyfile(source / path, self.into / program)
            (self.into / program).chmod(0o755)

    def _generate(self, step: Generated) -> None:
        pinned = f"{step.module}@{step.module_version}"
        source = self._module_folder(["mod", "download", "-json", pinned], self.scratch, sum_pinned=step.sum)
        work = self.scratch / step.folder
        shutil.copytree(source, work, copy_function=shutil.copyfile)
        for file in ("go.mod", "go.sum"):
            shutil.copyfile(RECIPES / step.folder / file, work / file)
        environment = {**os.environ, "CGO_ENABLED": "0", **step.environment}
        self.children.run(
            ["go", "run", "generate.go"], cwd=work / step.package, env=environment, log=self.log
        )
        self._go_build(work, f"./{step.package}", step.program, step.variables)

    def _go_build(
        self, module: Path, package: str, program: str, variables: Mapping[str, str], *, tags: str = ""
    ) -> None:
        linker = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in variables.items())])
        command = [
            "go",
            "build",
            "-trimpath",
            f"-tags={tags}",
            f"-ldflags={linker}",
            "-o",
            str(self.into / program),
        ]
        environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
        self.children.run([*command, package], cwd=module, env=environment, log=self.log)

    def _module_folder(self, arguments: list[str], cwd: Path, *, sum_pinned: str | None = None) -> Path:
        """Where Go unpacked a module, fetched when it is not there yet."""
        if sum_pinned is None:
            self.children.run(["go", "mod", "download", arguments[-1]], cwd=cwd, env=os.environ, log=self.log)
        answer = subprocess.run(["go", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
        facts = json.loads(answer.stdout or "{}")
        if answer.returncode != 0 or "Dir" not in facts:
            raise ToolchainError(f"`go {' '.join(arguments)}`: {facts.get('Error') or answer.stderr.strip()}")
        if sum_pinned is not None and facts.get("Sum") != sum_pinned:
            raise ToolchainError(f"{arguments[-1]} has the hash {facts.get('Sum')}, pinned is {sum_pinned}")
        return Path(facts["Dir"])


def _remedy(text: str) -> str:
    if any(sign in text for sign in _NETWORK_SIGNS):
        return (
            "\nThe module proxy does not answer: check the network, HTTPS_PROXY and `go env GOPROXY`, then run the same "
            "command again; what is finished is kept"
        )
    if "no space left" in text:
        return "\nThe disk is full: the builds need about 8 GB for Go's caches and 1 GB for the programs"
    return ""
