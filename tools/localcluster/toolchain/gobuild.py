"""Builds from Go modules, pinned by the go.mod and go.sum of each recipe folder: one `go build` per folder.

A package that several programs import is compiled once, and programs are linked while packages of others are compiled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.layout import RECIPES
from tools.localcluster.toolchain.sources.pins import GO_MINIMUM, Build, Copied, ToolchainError
from tools.localcluster.toolchain.work import Compiled, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.localcluster.toolchain.processes import Children
    from tools.localcluster.toolchain.progress import Step
    from tools.localcluster.toolchain.sources.pins import Group, ModuleFiles
    from tools.localcluster.toolchain.work import Work

# The linker drops debugging information, so no compiler has to write any: that is a tenth of its work.
_EVERYWHERE = "-dwarf=false"
# Commands, clients of clouds and typed clients of an API: what they compute takes little time compared with their requests.
# Without inlining they are compiled in 0.6 to 0.9 of the time.
_NOT_INLINED = (
    "cloud.google.com/go",
    "github.com/aws",
    "github.com/pb33f/libopenapi",
    "github.com/pulumi/pulumi/pkg/v3/cmd",
    "k8s.io/client-go/applyconfigurations",
    "k8s.io/client-go/informers",
    "k8s.io/client-go/kubernetes",
    "k8s.io/kubectl",
)
# The same for all modules, which share compiled packages only then.
COMPILER_FLAGS = (
    "-trimpath",
    f"-gcflags=all={_EVERYWHERE}",
    *(f"-gcflags={package}/...={_EVERYWHERE} -l" for package in _NOT_INLINED),
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


def prepare(step: Build, folder: Path) -> None:
    """Write the module of a build into `folder`: the recipe's own files, and those of other modules that it needs."""
    shutil.copytree(RECIPES / step.folder, folder, dirs_exist_ok=True)
    for source in step.sources:
        copy(source, folder)


def copy(source: ModuleFiles, folder: Path) -> None:
    """Copy the files of a module into `folder`, writable."""
    module = _downloaded(source)
    for target, path in source.files.items():
        place = folder / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (module / path).is_dir():
            shutil.copytree(module / path, place, copy_function=shutil.copyfile)
            place.chmod(0o755)
        else:
            shutil.copyfile(module / path, place)
    for target, path in source.documents.items():
        document = json.loads((module / path).read_text("utf-8"))
        document.update(source.values.get(target, {}))
        (folder / target).write_text(json.dumps(document, separators=(",", ":")), "utf-8")


def _downloaded(source: ModuleFiles) -> Path:
    """Return the folder that Go unpacked the module into, after downloading the module if it is missing."""
    name = f"{source.module}@{source.version}"
    # Outside of a module: the hash is pinned here, and not in a go.sum.
    process = subprocess.run(
        ["go", "mod", "download", "-json", name], cwd="/", capture_output=True, text=True, check=False
    )
    facts = json.loads(process.stdout or "{}")
    if process.returncode != 0 or "Dir" not in facts:
        raise ToolchainError(f"`go mod download {name}`: {facts.get('Error') or process.stderr.strip()}")
    if facts["Sum"] != source.sum:
        raise ToolchainError(f"{name} has the hash {facts['Sum']}; the pinned hash is {source.sum}")
    return Path(facts["Dir"])


_NETWORK_SIGNS = (
    "dial tcp",
    "no such host",
    "i/o timeout",
    "connection refused",
    "TLS handshake",
    "proxyconnect",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds groups together: sources go to `scratch`, which must be empty; output goes to `log`."""

    scratch: Path
    log: Path
    children: Children
    step: Step
    speed: float
    """The speed of this machine, as plan.py measures it."""

    def build(self, groups: Sequence[Group], into: Mapping[str, Path]) -> None:
        """Build the programs of each group into the folder that `into` has for its name."""
        builds = [(group, step) for group in groups for step in group.steps if isinstance(step, Build)]
        folders = dict.fromkeys(step.folder for _, step in builds)
        modules = {
            folder: self._module(folder, [step for _, step in builds if step.folder == folder])
            for folder in folders
        }
        ours = {
            folder: list({group.name: group for group, step in builds if step.folder == folder}.values())
            for folder in folders
        }
        self.step.text = "downloading the modules"
        work = {}
        for folder, module in modules.items():
            with _named(ours[folder]):
                prepare(module.steps[0], module.work)
                work[folder] = listed(module.arguments, cwd=module.work, env=module.environment)
        seconds = sum(each.seconds for each in work.values())
        self.step.text = "compiling"
        self.step.begin(seconds, estimate=seconds / self.speed)
        for folder, module in modules.items():
            with _named(ours[folder]):
                self._compile(module, work[folder])
        for group in groups:
            with _named([group]):
                for step in group.steps:
                    self._provide(step, into[group.name])

    def _module(self, folder: str, steps: Sequence[Build]) -> _Module:
        return _Module(work=self.scratch / folder, output=self._output(folder), steps=tuple(steps))

    def _compile(self, module: _Module, work: Work) -> None:
        module.output.mkdir(parents=True)
        compiled = Compiled(step=self.step, work=work)
        self.children.run(
            ["go", "build", "-v", f"-ldflags={module.linker}", "-o", f"{module.output}/", *module.arguments],
            cwd=module.work,
            env=module.environment,
            log=self.log,
            watch=compiled.line,
        )
        compiled.end()

    def _output(self, folder: str) -> Path:
        return self.scratch / "output" / folder

    def _provide(self, step: Build | Copied, into: Path) -> None:
        if isinstance(step, Copied):
            copy(step.source, into)
            for program in step.source.files:
                (into / program).chmod(0o755)
            return
        for program, package in step.packages.items():
            file = into / PurePosixPath(package).name
            if not file.exists():
                shutil.move(self._output(step.folder) / file.name, file)
            if file.name != program:
                (into / program).symlink_to(file.name)


@contextmanager
def _named(groups: Sequence[Group]) -> Iterator[None]:
    try:
        yield
    except ToolchainError as error:
        names = ", ".join(f"{group.name} {group.version}" for group in groups)
        raise ToolchainError(f"{names} cannot be built: {error}{_hint(str(error))}") from error


def _hint(text: str) -> str:
    if any(sign in text for sign in _NETWORK_SIGNS):
        return (
            "\nThe module proxy does not answer: check the network, HTTPS_PROXY and `go env GOPROXY`, then run the same "
            "command again; compiled packages are kept"
        )
    if "no space left" in text:
        return "\nThe disk is full: the builds need about 6 GB for Go's caches and 1 GB for the programs"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    """A Go module in the folder `work`, whose programs are built into the folder `output`."""

    work: Path
    output: Path
    steps: tuple[Build, ...]

    @property
    def arguments(self) -> list[str]:
        packages = sorted({package for step in self.steps for package in step.packages.values()})
        return [*COMPILER_FLAGS, f"-tags={','.join(self.steps[0].tags)}", *packages]

    @property
    def linker(self) -> str:
        variables = {name: value for step in self.steps for name, value in step.variables.items()}
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in variables.items())])

    @property
    def environment(self) -> dict[str, str]:
        return {**collector(), **os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}


_COMPILER_BYTES = 1 << 30
"""What a compiler of the largest package needs."""


def collector() -> dict[str, str]:
    """Return variables that let compilers end without collecting garbage, if half of the memory is enough for one per processor.

    A tenth of a compiler's processor time is the collector's.
    """
    share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // (os.cpu_count() or 1)
    return {"GOGC": "off", "GOMEMLIMIT": str(share)} if share >= _COMPILER_BYTES else {}
