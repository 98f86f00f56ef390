"""Provides the toolchain from the first source that has it: cache, PATH, official release, build.

A finished group appears in parts/ by one rename, so an interrupted run leaves no incomplete group.
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
from tools.localcluster.toolchain.layout import Toolchain, cache_dir, part_name, toolchain_key
from tools.localcluster.toolchain.pins import GROUPS
from tools.localcluster.toolchain.processes import Children
from tools.localcluster.toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tools.localcluster.toolchain.group import Group

# One Go build uses all cores except while it links; a second build uses these gaps.
_PARALLEL_GROUPS = 2
_LOCK_POLL_SECONDS = 0.5


def ensure(only: Collection[str] | None = None) -> Toolchain:
    """Return the toolchain with all programs except the optional ones, or with the groups named in `only`.

    This takes milliseconds if every program exists. Without releases, the first build takes about 15 minutes.

    Raises:
        ToolchainError: a program is not available; the message names it and the next step.
    """
    home = cache_dir() / "toolchain"
    toolchain = Toolchain(root=home / toolchain_key())
    groups = [group for group in GROUPS if (group.name in only if only is not None else not group.optional)]
    if not toolchain.is_complete(groups):
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolchainError(
                f"cannot write the cache {home} ({error.strerror}): set NOTIFICATION_PLATFORM_CACHE to a writable folder"
            ) from error
        with Progress() as progress, _locked(home / "lock", progress):
            _Run(home=home, toolchain=toolchain, progress=progress).provide(groups)
    return toolchain


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock that admits one run at a time; the operating system releases the lock of a process that ends."""
    with path.open("a") as lock:
        if not try_lock(lock.fileno()):
            with progress.step("toolchain", f"waiting for another run that holds {path}"):
                while not try_lock(lock.fileno()):
                    time.sleep(_LOCK_POLL_SECONDS)
        yield


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Run:
    """A run that provides the missing groups."""

    def __init__(self, *, home: Path, toolchain: Toolchain, progress: Progress) -> None:
        self._home = home
        self._toolchain = toolchain
        self._progress = progress
        self._hosts = releases.Hosts()
        self._children = Children()

    def provide(self, groups: Collection[Group]) -> None:
        missing = [group for group in groups if not self._toolchain.is_complete([group])]
        missing.sort(key=lambda group: -group.seconds)
        pool = ThreadPoolExecutor(_PARALLEL_GROUPS)
        try:
            futures = [pool.submit(self._provide, group) for group in missing]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        finally:
            # Programs still run here only if a group failed or the run was interrupted.
            self._children.kill_all()
            pool.shutdown(wait=True, cancel_futures=True)

    def _provide(self, group: Group) -> None:
        part = self._home / "parts" / part_name(group)
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
        with self._progress.step(f"{group.name} {group.version}", "searching PATH"):
            if paths := on_path.find(group):
                for program, path in paths.items():
                    (programs / program).symlink_to(path)
                return
            try:
                self._update(group, "downloading the release")
                releases.fetch(group, programs, self._hosts)
            except releases.ReleaseUnavailableError as error:
                shutil.rmtree(programs)
                programs.mkdir()
                self._build(group, folder, reason=str(error))

    def _build(self, group: Group, folder: Path, *, reason: str) -> None:
        if problem := debian.debian_problem() if group.package else go_problem():
            raise ToolchainError(
                f"{group.name} {group.version} is not on PATH, its release is not available ({reason}), and it cannot be "
                f"{'extracted from a Debian package' if group.package else 'built'}: {problem}"
            )
        activity = (
            "downloading the Debian package"
            if group.package
            else f"building, about {group.seconds} s on two cores"
        )
        self._progress.log(f"{group.name} {group.version}: {reason}; {activity}")
        self._update(group, activity)
        log = self._home / f"{group.name}.log"
        log.unlink(missing_ok=True)
        into = folder / "programs"
        if group.package:
            debian.extract(group.package, into, scratch=folder, log=log, children=self._children)
        else:
            Builder(into=into, scratch=folder, log=log, children=self._children).build(group)

    def _update(self, group: Group, activity: str) -> None:
        self._progress.update(f"{group.name} {group.version}", activity)


def _link(source: Path, target: Path) -> None:
    """Make `target` a link to `source` in one step; an existing file is replaced."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(source)
    temporary.replace(target)
