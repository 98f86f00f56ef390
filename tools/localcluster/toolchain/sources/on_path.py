"""Programs that are already on PATH at a version that the pins accept."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.localcluster.toolchain.group import Group

_ANSWER_SECONDS = 5
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def find(group: Group) -> dict[str, Path] | None:
    """Return the path of each program if PATH contains the whole group at an accepted version, or None."""
    if not group.version_arguments:
        return None
    first = shutil.which(group.programs[0])
    if first is None:
        return None
    paths: dict[str, Path] = {}
    for program in group.programs:
        arguments = group.version_arguments.get(program)
        path = shutil.which(program) if arguments else shutil.which(program, path=str(Path(first).parent))
        if path is None or (arguments and not _accepts(group, [path, *arguments])):
            return None
        paths[program] = Path(path)
    return paths


def _accepts(group: Group, command: list[str]) -> bool:
    try:
        process = subprocess.run(
            command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    match = _VERSION.search(process.stdout + process.stderr)
    if match is None:
        return False
    version = tuple(map(int, match.groups()))
    pinned = tuple(map(int, group.version.split(".")))
    if group.newer_is_fine:
        return version[0] == pinned[0] and version >= pinned
    return version == pinned
