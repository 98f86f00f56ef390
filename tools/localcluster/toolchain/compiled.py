"""How far a `go build` is: the packages that it has to compile, by the size of their source, and those that it has compiled."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.localcluster.toolchain.progress import Step

_FIXED_BYTES = 80_000
"""What the compilation of any package costs, in bytes of source."""
_SECONDS_PER_BYTE = 1.67e-6
"""Processor time on the machine that calibration.py describes; measured with the Kubernetes programs."""
_FORMAT = r'{{.ImportPath}}{{"\t"}}{{.Stale}}{{"\t"}}{{.Dir}}{{"\t"}}{{join .GoFiles "\t"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Counts the packages that `go build -v` names; `sizes` are those that are not in Go's cache."""

    step: Step
    sizes: dict[str, int]

    @classmethod
    def of(
        cls, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], step: Step, speed: float
    ) -> Self:
        """Ask Go what a build with these arguments has to compile; this also downloads the modules.

        `speed` is that of this machine, as calibration.py measures it.
        """
        step.activity("downloading the modules")
        command = ["go", "list", "-deps", f"-f={_FORMAT}", *arguments]
        process = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
        # If Go cannot list the packages, it cannot build them either, and then the build says why.
        lines = [line.split("\t") for line in process.stdout.splitlines()] if process.returncode == 0 else []
        sizes = {name: _size(Path(folder), files) for name, _, folder, *files in lines}
        stale = {name: sizes[name] for name, is_stale, *_ in lines if is_stale == "true"}
        step.activity(f"compiling {len(stale)} of {len(sizes)} packages")
        work = sum(stale.values())
        step.begin(work, estimate=work * _SECONDS_PER_BYTE / speed)
        return cls(step=step, sizes=stale)

    def line(self, text: str) -> bool:
        """Count a line of the build's output, and return whether it is the name of a package."""
        size = self.sizes.pop(text, None)
        if size is None:
            return False
        self.step.advance(size)
        return True


def _size(folder: Path, files: Sequence[str]) -> int:
    return _FIXED_BYTES + sum((folder / name).stat().st_size for name in files if name)
