"""What a run will do: the source of each missing group, and how long that takes on this machine.

The times in pins.toml were measured in processor seconds of one machine: `REFERENCE` is what one of its cores counts in a second
if it does nothing else. A machine whose cores together count twice as much takes half of these seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.layout import plugin_folder
from tools.localcluster.toolchain.progress import duration
from tools.localcluster.toolchain.sources import releases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.localcluster.toolchain.sources.pins import Group
    from tools.localcluster.toolchain.sources.releases import Hosts

_PARALLEL = 8
_MEGABYTE = 1_000_000


class Action(StrEnum):
    """The source of a group; the value is how the table names it."""

    LINK = "use what is installed"
    DOWNLOAD = "download"
    EXTRACT = "extract from a Debian package"
    COMPILE = "compile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What will be done for a group; `reason` says why it is neither linked nor downloaded."""

    group: Group
    action: Action
    paths: Mapping[str, Path] | None = None
    size: int = 0
    """The bytes of the download, or 0 if they are not known."""
    reason: str = ""


def plan(groups: Sequence[Group], hosts: Hosts) -> list[Planned]:
    """Search PATH and ask the release hosts, all at once; the slowest host determines how long this takes."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(lambda group: _planned(group, hosts), groups))


def _planned(group: Group, hosts: Hosts) -> Planned:
    if paths := find_installed(group):
        return Planned(group=group, action=Action.LINK, paths=paths)
    try:
        return Planned(group=group, action=Action.DOWNLOAD, size=releases.size(group, hosts))
    except releases.ReleaseUnavailableError as error:
        return Planned(group=group, action=without_release(group), reason=str(error))


def without_release(group: Group) -> Action:
    return Action.EXTRACT if group.package else Action.COMPILE


def compile_seconds(planned: Sequence[Planned], speed: float) -> float:
    return sum(each.group.seconds for each in planned if each.action == Action.COMPILE) / speed


def table(planned: Sequence[Planned], speed: float | None) -> Iterator[str]:
    """Yield one line per group, and one about the whole; `speed` is the measured one, if something is compiled."""
    for each in planned:
        name = f"{each.group.name} {each.group.version}"
        yield f"  {name:<26} {each.action}{_detail(each, speed)}"
    if speed is not None:
        yield (
            f"  In all about {duration(compile_seconds(planned, speed))} at the present speed of this machine "
            f"({speed / REFERENCE_CORES:.0%} of the reference machine), less what Go's cache contains. It can be "
            "interrupted and repeated: finished groups and compiled packages are kept."
        )


def _detail(each: Planned, speed: float | None) -> str:
    if each.action == Action.DOWNLOAD and each.size:
        return f", {each.size / _MEGABYTE:.0f} MB"
    if each.action == Action.COMPILE and speed is not None:
        return f", about {duration(each.group.seconds / speed)}: {each.reason}"
    return ""


_ANSWER_SECONDS = 5
_VERSION_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def find_installed(group: Group) -> dict[str, Path] | None:
    """Return the path of each program if PATH, or Pulumi's folder of plugins, has the whole group at an accepted version, or None."""
    return _plugin(group) if group.plugin else _on_path(group)


def _plugin(group: Group) -> dict[str, Path] | None:
    """Search where `pulumi plugin install` puts a provider: the folder has its version, which the program does not print."""
    folder = plugin_folder(Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi"))
    paths = {program: folder / program for program in group.programs}
    return paths if all(os.access(path, os.X_OK) for path in paths.values()) else None


def _on_path(group: Group) -> dict[str, Path] | None:
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
    match = _VERSION_NUMBER.search(process.stdout + process.stderr)
    if match is None:
        return False
    version = tuple(map(int, match.groups()))
    pinned = tuple(map(int, group.version.split(".")))
    if group.newer_is_fine:
        return version[0] == pinned[0] and version >= pinned
    return version == pinned


REFERENCE = 465.0
REFERENCE_CORES = 2
_MEASURED_SECONDS = 0.5
# zlib, because its speed does not depend on the version of Python.
_COUNT = f"""
import time, zlib
text = b"".join(b"%d %x;" % (n, n * n) for n in range(5000))
count, end = 0, time.monotonic() + {_MEASURED_SECONDS}
while time.monotonic() < end:
    zlib.compress(text)
    count += 1
print(count)
"""


def _cores() -> int:
    """Return how many cores this process can use; not every system can restrict a process to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def measured_speed() -> float:
    """Return how many processor seconds of the reference machine this machine's cores do together in a second, measured once."""
    children = [
        subprocess.Popen([sys.executable, "-I", "-c", _COUNT], stdout=subprocess.PIPE, text=True)
        for _ in range(_cores())
    ]
    counted = sum(int(child.communicate()[0] or 0) for child in children)
    return max(counted / _MEASURED_SECONDS / REFERENCE, 0.01)
