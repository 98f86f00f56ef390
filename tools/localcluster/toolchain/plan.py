"""What a run will do: the source of each missing group, and how long that takes on this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tools.localcluster.toolchain import calibration
from tools.localcluster.toolchain.progress import duration
from tools.localcluster.toolchain.sources import on_path, releases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tools.localcluster.toolchain.group import Group
    from tools.localcluster.toolchain.sources.releases import Hosts

_PARALLEL = 8
_MEGABYTE = 1_000_000


class Action(StrEnum):
    """The source of a group; the value is how the table names it."""

    LINK = "use from PATH"
    DOWNLOAD = "download"
    EXTRACT = "extract from a Debian package"
    COMPILE = "compile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What will be done for a group; `reason` says why it is neither used from PATH nor downloaded."""

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
    if paths := on_path.find(group):
        return Planned(group=group, action=Action.LINK, paths=paths)
    try:
        return Planned(group=group, action=Action.DOWNLOAD, size=releases.size(group, hosts))
    except releases.ReleaseUnavailableError as error:
        return Planned(group=group, action=without_release(group), reason=str(error))


def without_release(group: Group) -> Action:
    """Return the action for a group whose release is not available."""
    return Action.EXTRACT if group.package else Action.COMPILE


def compile_seconds(planned: Sequence[Planned], speed: float) -> float:
    """Return how long the compilation of these groups takes on a machine of this speed, with an empty cache."""
    return sum(each.group.seconds for each in planned if each.action == Action.COMPILE) / speed


def table(planned: Sequence[Planned], speed: float | None) -> Iterator[str]:
    """Yield one line per group, and one about the whole; `speed` is that of calibration.py, if something is compiled."""
    for each in planned:
        name = f"{each.group.name} {each.group.version}"
        yield f"  {name:<26} {each.action}{_detail(each, speed)}"
    if speed is not None:
        yield (
            f"  In all about {duration(compile_seconds(planned, speed))} at the present speed of this machine "
            f"({speed / calibration.REFERENCE_CORES:.0%} of the reference machine), less what Go's cache contains. It can be "
            "interrupted and repeated: finished groups and compiled packages are kept."
        )


def _detail(each: Planned, speed: float | None) -> str:
    if each.action == Action.DOWNLOAD and each.size:
        return f", {each.size / _MEGABYTE:.0f} MB"
    if each.action == Action.COMPILE and speed is not None:
        return f", about {duration(each.group.seconds / speed)}: {each.reason}"
    return ""
