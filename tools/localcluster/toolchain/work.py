"""What a build does, in processor seconds of the machine that plan.py describes, and how much of it is done.

The seconds are a fit to the build of all groups of a stack: a package takes time for its source, and for what the compiler reads of
the packages that it imports.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.localcluster.toolchain.progress import Step

_SECONDS_PER_PACKAGE = 0.02
_SECONDS_PER_BYTE = 1.6e-6
_SECONDS_PER_DEPENDENCY = 3e-4
"""What the compiler reads of each package that a package imports, directly or indirectly."""
_LINK_SECONDS_PER_DEPENDENCY = 5e-3
_FORMAT = r'{{.ImportPath}}{{"\t"}}{{.Name}}{{"\t"}}{{.Stale}}{{"\t"}}{{len .Deps}}{{"\t"}}{{.Dir}}{{"\t"}}{{join .GoFiles "\t"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a build does, in processor seconds of the machine that plan.py describes: a fit to a build of all groups."""

    packages: dict[str, float]
    """Those that are not in Go's cache."""
    linking: float

    @property
    def seconds(self) -> float:
        return sum(self.packages.values()) + self.linking


def listed(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Work:
    """Ask Go what a build with these arguments does; this also downloads the modules."""
    command = ["go", "list", "-deps", f"-f={_FORMAT}", *arguments]
    process = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    # If Go cannot list the packages, it cannot build them either, and then the build says why.
    lines = [line.split("\t") for line in process.stdout.splitlines()] if process.returncode == 0 else []
    packages = {
        name: package_seconds(
            size=sum(Path(folder, file).stat().st_size for file in files if file),
            dependencies=int(dependencies),
        )
        for name, _, stale, dependencies, folder, *files in lines
        if stale == "true"
    }
    linked = sum(int(dependencies) for _, kind, _, dependencies, *_ in lines if kind == "main")
    return Work(packages=packages, linking=linked * _LINK_SECONDS_PER_DEPENDENCY)


def package_seconds(*, size: int, dependencies: int, packages: int = 1) -> float:
    """Return the processor time that packages take with so many bytes of source, and so many dependencies in all."""
    return packages * _SECONDS_PER_PACKAGE + size * _SECONDS_PER_BYTE + dependencies * _SECONDS_PER_DEPENDENCY


@dataclass(slots=True, kw_only=True)
class Compiled:
    """Counts the packages that `go build -v` names when their compilation begins."""

    step: Step
    work: Work
    _begun: deque[float] = field(default_factory=deque)
    _left: float = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.work.seconds

    def line(self, text: str) -> bool:
        """Count a line of the build's output, and return whether it is the name of a package."""
        seconds = self.work.packages.pop(text, None)
        if seconds is None:
            return False
        self._begun.append(seconds)
        # As many packages are being compiled as there are processors.
        if len(self._begun) > (os.cpu_count() or 1):
            self._advance(self._begun.popleft())
        return True

    def end(self) -> None:
        """Count the rest: the programs are linked."""
        self._advance(self._left)

    def _advance(self, seconds: float) -> None:
        self._left -= seconds
        self.step.advance(seconds)
