"""Provides the toolchain from the first source that has it: cache, PATH, official release, build.

A finished group appears in parts/ by one rename, so an interrupted run leaves no incomplete group.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain import plan
from tools.localcluster.toolchain.gobuild import Builder, go_problem
from tools.localcluster.toolchain.layout import Toolchain, architecture, cache_dir, part_name, toolchain_key
from tools.localcluster.toolchain.plan import Action, Planned
from tools.localcluster.toolchain.processes import Children
from tools.localcluster.toolchain.progress import Progress
from tools.localcluster.toolchain.sources import debian, releases
from tools.localcluster.toolchain.sources.pins import GROUPS, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tools.localcluster.toolchain.progress import Step
    from tools.localcluster.toolchain.sources.pins import Group

_PARALLEL_GROUPS = 4
_UNFINISHED = ".unfinished-"
_LOCK_POLL_SECONDS = 0.5


def ensure(only: Collection[str] | None = None) -> Toolchain:
    """Return the toolchain with all programs except the optional ones, or with the groups named in `only`.

    This takes milliseconds if every program exists. Without releases, the first run compiles for minutes.

    Raises:
        ToolchainError: a program is not available; the message names it and the next step.
    """
    home = cache_dir() / "toolchain"
    toolchain = Toolchain(root=home / toolchain_key())
    groups = [group for group in GROUPS if (group.name in only if only is not None else not group.optional)]
    if not toolchain.is_complete(groups):
        if not all(group.portable for group in groups):
            architecture()
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolchainError(
                f"cannot write the cache {home} ({error.strerror}): set NOTIFICATION_PLATFORM_CACHE to a writable folder"
            ) from error
        with Progress() as progress, _locked(home / "lock", progress) as lock:
            _Run(home=home, toolchain=toolchain, progress=progress, lock=lock).provide(groups)
    return toolchain


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[int]:
    """Hold the lock that admits one run at a time, and yield its descriptor.

    The operating system releases the lock when the process and all programs that inherited the descriptor have ended.
    """
    with path.open("a") as lock:
        if not try_lock(lock.fileno()):
            with progress.step("toolchain", f"waiting for another run that holds {path}"):
                while not try_lock(lock.fileno()):
                    time.sleep(_LOCK_POLL_SECONDS)
        yield lock.fileno()


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Run:
    """A run that provides the missing groups; it holds the lock."""

    def __init__(self, *, home: Path, toolchain: Toolchain, progress: Progress, lock: int) -> None:
        self._parts = home / "parts"
        self._logs = home
        self._toolchain = toolchain
        self._progress = progress
        self._hosts = releases.Hosts()
        self._children = Children([lock])
        self._speed = 0.0

    def provide(self, groups: Collection[Group]) -> None:
        self._parts.mkdir(exist_ok=True)
        # A killed run left them; no other run has one, because this one holds the lock.
        for folder in self._parts.glob(".*"):
            shutil.rmtree(folder, ignore_errors=True)
        for group in groups:
            if (self._parts / part_name(group)).is_dir():
                self._link(group)
        missing = [group for group in groups if not self._toolchain.is_complete([group])]
        if not missing:
            return
        planned = self._plan(missing)
        try:
            self._carry_out(planned)
        finally:
            # Programs still run here only if a group failed or the run was interrupted.
            self._children.kill_all()

    def _plan(self, groups: Sequence[Group]) -> list[Planned]:
        with self._progress.step("toolchain", "searching PATH, asking for releases, measuring this machine"):
            planned = plan.plan(groups, self._hosts)
            self._speed = plan.measured_speed()
        self._progress.log("to do:")
        compiles = any(each.action == Action.COMPILE for each in planned)
        for line in plan.table(planned, self._speed if compiles else None):
            self._progress.log(line)
        return planned

    def _carry_out(self, planned: Sequence[Planned]) -> None:
        """Compile what has no release while the releases are downloaded; then compile those that failed."""
        first = [each for each in planned if each.action == Action.COMPILE]
        others = [each for each in planned if each.action != Action.COMPILE]
        pool = ThreadPoolExecutor(_PARALLEL_GROUPS)
        try:
            compiled = pool.submit(self._compile, first)
            failed = list(pool.map(self._obtain, others))
            compiled.result()
            self._compile([each for each in failed if each is not None])
        finally:
            self._children.kill_all()
            pool.shutdown(wait=True, cancel_futures=True)

    def _obtain(self, planned: Planned) -> Planned | None:
        """Provide a group that is not compiled; return it with the reason if its release cannot be used."""
        group = planned.group
        try:
            with self._unfinished([group]) as (scratch, into), self._step([planned]) as step:
                if planned.action == Action.LINK:
                    for program, path in (planned.paths or {}).items():
                        (into[group.name] / program).symlink_to(path)
                elif planned.action == Action.DOWNLOAD:
                    step.begin(planned.size)
                    releases.fetch(group, into[group.name], self._hosts, step.advance)
                else:
                    self._extract(planned, into[group.name], scratch)
        except releases.ReleaseUnavailableError as error:
            self._progress.log(f"{group.name} {group.version}: {error}")
            instead = Planned(group=group, action=plan.without_release(group), reason=str(error))
            return instead if instead.action == Action.COMPILE else self._obtain(instead)
        return None

    def _extract(self, planned: Planned, into: Path, scratch: Path) -> None:
        if problem := debian.debian_problem():
            raise _unavailable(planned, "extracted from a Debian package", problem)
        assert planned.group.package is not None
        log = self._log(planned.group.name)
        debian.extract(planned.group.package, into, scratch=scratch, log=log, children=self._children)

    def _compile(self, planned: Sequence[Planned]) -> None:
        if not planned:
            return
        if problem := go_problem():
            raise _unavailable(planned[0], "built", problem)
        groups = [each.group for each in planned]
        with self._unfinished(groups) as (scratch, into), self._step(planned) as step:
            builder = Builder(
                scratch=scratch, log=self._log("build"), children=self._children, step=step, speed=self._speed
            )
            builder.build(groups, into)

    @contextmanager
    def _step(self, planned: Sequence[Planned]) -> Iterator[Step]:
        first = planned[0].group
        name = f"{first.name} {first.version}" if len(planned) == 1 else f"{len(planned)} groups"
        estimate = plan.compile_seconds(planned, self._speed)
        with self._progress.step(name, planned[0].action, estimate=estimate) as step:
            yield step

    def _log(self, name: str) -> Path:
        log = self._logs / f"{name}.log"
        log.unlink(missing_ok=True)
        return log

    @contextmanager
    def _unfinished(self, groups: Sequence[Group]) -> Iterator[tuple[Path, dict[str, Path]]]:
        """Yield an empty folder, and one per group that becomes its part if the block succeeds."""
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=self._parts) as folder:
            scratch = Path(folder, "scratch")
            into = {group.name: Path(folder, group.name) for group in groups}
            for each in (scratch, *into.values()):
                each.mkdir()
            yield scratch, into
            for group in groups:
                part = self._parts / part_name(group)
                # An earlier one links to programs that have been uninstalled.
                shutil.rmtree(part, ignore_errors=True)
                into[group.name].rename(part)
                self._link(group)

    def _link(self, group: Group) -> None:
        place = self._toolchain.place(group)
        place.mkdir(parents=True, exist_ok=True)
        for program in group.programs:
            _link(self._parts / part_name(group) / program, place / program)


def _unavailable(planned: Planned, how: str, problem: str) -> ToolchainError:
    group = planned.group
    return ToolchainError(
        f"{group.name} {group.version} is not on PATH, its release is not available ({planned.reason}), and it cannot be "
        f"{how}: {problem}"
    )


def _link(source: Path, target: Path) -> None:
    """Make `target` a link to `source` in one step; an existing file is replaced."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(source)
    temporary.replace(target)
