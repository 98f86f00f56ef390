"""Brings the toolchain: PATH, own cache, official release, build; whichever is there first.

A finished group is one rename into parts/, so an interrupted run leaves it whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain import debian, on_path, releases
from tools.localcluster.toolchain.errors import ToolchainError
from tools.localcluster.toolchain.gobuild import Builder, go_problem
from tools.localcluster.toolchain.layout import Toolchain, cache_dir, group_hash, toolchain_key
from tools.localcluster.toolchain.pins import GROUPS
from tools.localcluster.toolchain.processes import Children
from tools.localcluster.toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tools.localcluster.toolchain.group import Group

# Two: a Go build fills the cores by itself, the second one fills the gaps where it links.
_PARALLEL_GROUPS = 2
_LOCK_POLL_SECONDS = 0.5


def ensure(only: Collection[str] | None = None) -> Toolchain:
    """The toolchain with every program but the optional ones, or with those of the groups named in `only`.

    Takes milliseconds when all is there; the first time on a machine without releases it builds for about 15 minutes.

    Raises:
        ToolchainError: Something is missing; the text names it and the remedy.
    """
    home = cache_dir() / "toolchain"
    toolchain = Toolchain(root=home / toolchain_key())
    wanted = [group for group in GROUPS if (group.name in only if only is not None else not group.optional)]
    if not toolchain.is_complete(wanted):
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolchainError(
                f"cannot write the cache {home} ({error.strerror}): set NOTIFICATION_PLATFORM_CACHE to a folder of yours"
            ) from error
        with Progress() as progress, _locked(home / "lock", progress):
            _Run(home=home, toolchain=toolchain, progress=progress).bring(wanted)
    return toolchain


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Lets one run at a time in; the operating system frees the lock of one that died."""
    with path.open("a") as lock:
        if not _try_lock(lock.fileno()):
            with progress.step("toolchain", f"waiting for another run that holds {path}"):
                while not _try_lock(lock.fileno()):
                    time.sleep(_LOCK_POLL_SECONDS)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Run:
    """One pass over the missing groups."""

    def __init__(self, *, home: Path, toolchain: Toolchain, progress: Progress) -> None:
        self._home = home
        self._toolchain = toolchain
        self._progress = progress
        self._hosts = releases.Hosts()
        self._children = Children()

    def bring(self, wanted: Collection[Group]) -> None:
        missing = [group for group in wanted if not self._toolchain.is_complete([group])]
        missing.sort(key=lambda group: -group.seconds)
        pool = ThreadPoolExecutor(_PARALLEL_GROUPS)
        try:
            futures = [pool.submit(self._bring_one, group) for group in missing]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        finally:
            # Reached with work under way only when a group failed or the run was interrupted.
            self._children.end_all()
            pool.shutdown(wait=True, cancel_futures=True)

    def _bring_one(self, group: Group) -> None:
        part = self._home / "parts" / f"{group.name}-{group_hash(group)}"
        if not part.is_dir():
            part.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{part.name}-", dir=part.parent) as folder:
                self._obtain(group, Path(folder))
                Path(folder, "programs").rename(part)
        place = self._toolchain.place(group)
        place.mkdir(parents=True, exist_ok=True)
        for program in group.programs:
            _link(part / program, place / program)

    def _obtain(self, group: Group, folder: Path) -> None:
        programs = folder / "programs"
        programs.mkdir()
        with self._progress.step(f"{group.name} {group.version}", "looking for it"):
            if found := on_path.find(group):
                for program, place in found.items():
                    (programs / program).symlink_to(place)
                return
            try:
                self._now(group, "downloading the release")
                releases.fetch(group, programs, self._hosts)
            except releases.ReleaseUnavailableError as error:
                shutil.rmtree(programs)
                programs.mkdir()
                self._build(group, folder, reason=str(error))

    def _build(self, group: Group, folder: Path, *, reason: str) -> None:
        if problem := debian.debian_problem() if group.package else go_problem():
            raise ToolchainError(
                f"{group.name} {group.version} is not on PATH, its release cannot be had ({reason}), and it cannot be "
                f"{'taken from Debian' if group.package else 'built'}: {problem}"
            )
        doing = (
            "fetching Debian's package"
            if group.package
            else f"building, about {group.seconds} s on two cores"
        )
        self._progress.say(f"{group.name} {group.version}: {reason}; {doing}")
        self._now(group, doing)
        log = self._home / f"{group.name}.log"
        log.unlink(missing_ok=True)
        into = folder / "programs"
        if group.package:
            debian.take(group.package, into, scratch=folder, log=log, children=self._children)
        else:
            Builder(into=into, scratch=folder, log=log, children=self._children).build(group)

    def _now(self, group: Group, doing: str) -> None:
        self._progress.now(f"{group.name} {group.version}", doing)


def _link(source: Path, target: Path) -> None:
    """Points `target` at `source` in one step, whatever was there before."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(source)
    temporary.replace(target)
