"""Builds from Go modules, pinned by the go.mod and go.sum of each recipe folder."""

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
    """Return why this machine cannot build Go modules, with the next step, or None if it can."""
    minimum = ".".join(map(str, GO_MINIMUM))
    hint = f"install Go {minimum} or newer and put it on PATH (https://go.dev/doc/install)"
    if shutil.which("go") is None:
        return f"`go` is not on PATH: {hint}"
    process = subprocess.run(
        ["go", "env", "GOVERSION", "GOTOOLCHAIN"], cwd=RECIPES, capture_output=True, text=True, check=False
    )
    match = re.match(r"go(\d+)\.(\d+)", process.stdout)
    if match is None:
        return f"`go env` failed ({process.stderr.strip()}): {hint}"
    downloads_newer = not process.stdout.split()[1].startswith("local")
    if tuple(map(int, match.groups())) < GO_MINIMUM and not downloads_newer:
        return f"Go is {match[0]} and must not download a newer one (GOTOOLCHAIN=local): {hint}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds the programs of a group into the folder `into`; sources go to `scratch`, output goes to `log`."""

    into: Path
    scratch: Path
    log: Path
    children: Children

    def build(self, group: Group) -> None:
        """Run every step.

        Raises:
            ToolchainError: a step failed; the message contains the end of its output, and a hint if the cause is known.
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
                    f"{group.name} {group.version} cannot be built: {error}{_hint(str(error))}"
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
        """Return the folder that Go unpacked a module into, after downloading the module if it is missing."""
        if sum_pinned is None:
            self.children.run(["go", "mod", "download", arguments[-1]], cwd=cwd, env=os.environ, log=self.log)
        process = subprocess.run(["go", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
        facts = json.loads(process.stdout or "{}")
        if process.returncode != 0 or "Dir" not in facts:
            raise ToolchainError(
                f"`go {' '.join(arguments)}`: {facts.get('Error') or process.stderr.strip()}"
            )
        if sum_pinned is not None and facts.get("Sum") != sum_pinned:
            raise ToolchainError(
                f"{arguments[-1]} has the hash {facts.get('Sum')}; the pinned hash is {sum_pinned}"
            )
        return Path(facts["Dir"])


def _hint(text: str) -> str:
    if any(sign in text for sign in _NETWORK_SIGNS):
        return (
            "\nThe module proxy does not answer: check the network, HTTPS_PROXY and `go env GOPROXY`, then run the same "
            "command again; finished groups are kept"
        )
    if "no space left" in text:
        return "\nThe disk is full: the builds need about 8 GB for Go's caches and 1 GB for the programs"
    return ""
