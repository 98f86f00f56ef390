"""The stacks of stacks/ in the waves in which CI deploys them, and those that a range of commits changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_infra.settings.model import WAVES
from tools.platform.errors import PlatformError, UsageError
from tools.platform.git import commit_of, git
from tools.platform.preview.model import NAME
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import check_stack_file, stack_content

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from platform_infra.settings.model import Settings

PREFIX, SUFFIX = "stacks/Pulumi.", ".yaml"
PROGRAM = ("infra/", "operator/notification_contract/", "Pulumi.yaml", "requirements.lock")
"""Files and folders that every stack depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredStack:
    """A stack that has a file; `wave` is 0 for one that CI does not deploy."""

    name: str
    wave: int
    cluster: str
    image: str
    deployable: bool
    """Whether CI can deploy it: its file names an image, or it needs none."""
    checkable: bool
    """Whether its file has all values, so that `policy` needs no login: those of an ESC environment are known to the engine alone."""

    @property
    def entry(self) -> dict[str, str]:
        return {"stack": self.name, "image": self.image}

    @classmethod
    def of(cls, name: str, settings: Settings, *, checkable: bool) -> DiscoveredStack:
        return cls(
            name=name,
            wave=settings.deploy_wave,
            cluster=settings.cluster.kind.value,
            image=settings.operator.image,
            # The kind of the cluster may be known to an ESC environment only; no stack of a wave is local.
            deployable=bool(settings.deploy_wave)
            and bool(settings.operator.image or not settings.operator.enabled),
            checkable=checkable,
        )


def discover(root: Path = ROOT) -> list[DiscoveredStack]:
    """Return the stacks with a file in stacks/ except previews, in the order of deployment; those that CI does not deploy last.

    Raises:
        StackFileError: a file cannot be used.
    """
    folder = root / "stacks"
    names = sorted(file.name[len("Pulumi.") : -len(SUFFIX)] for file in folder.glob(f"Pulumi.*{SUFFIX}"))
    found = (
        DiscoveredStack.of(
            name,
            check_stack_file(name, folder),
            checkable=not stack_content(name, folder).get("environment"),
        )
        for name in names
        if not NAME.match(name)
    )
    return sorted(found, key=lambda stack: (stack.wave or WAVES + 1, stack.name))


def plan(stacks: Iterable[DiscoveredStack]) -> dict[str, list[Any]]:
    """Return what CI does with stacks: the names of those that it deploys and of the `checkable` ones, and what is `deployable` now.

    An entry of `deployable` and of a wave is one of a matrix of jobs.
    """
    ours = [stack for stack in stacks if stack.wave]
    ready = [stack for stack in ours if stack.deployable]
    by_wave = {str(wave): [each.entry for each in ready if each.wave == wave] for wave in range(1, WAVES + 1)}
    return {
        "stacks": [stack.name for stack in ours],
        "checkable": [stack.name for stack in ours if stack.checkable],
        "deployable": [each.entry for each in ready],
        **by_wave,
    }


def changed_in(
    stacks: Iterable[DiscoveredStack], revisions: str, *, root: Path = ROOT
) -> list[DiscoveredStack]:
    """Return the stacks that a range `FROM..TO` changes: all of them if it changes the program, or if FROM is unknown here."""
    paths = _paths(revisions, root)
    everything = paths is None or any(path.startswith(PROGRAM) for path in paths)
    return [stack for stack in stacks if everything or f"{PREFIX}{stack.name}{SUFFIX}" in (paths or ())]


def _paths(revisions: str, root: Path) -> Collection[str] | None:
    """Return the paths that the commits of a range change, or None if the first one is not known, as after a forced push.

    A deployment that failed and its revert are both among them. Between the two ends of the range nothing differs then.
    """
    before, dots, after = revisions.partition("..")
    if not dots or not after or ".." in after:
        raise UsageError(
            f"--changed {revisions} is not FROM..TO",
            hint="name two commits, such as HEAD~..HEAD",
        )
    if commit_of(after, root) is None:
        raise PlatformError(
            f"--changed names {after!r}, which is not a commit of this repository",
            hint="fetch it with `git fetch`",
        )
    first = commit_of(before, root)
    if first is None:
        return None
    form = ("--name-only", "-z", "--no-renames")
    ends = git("diff", *form, first, after, root=root)
    # Of a merge only what it brings to its branch: the merge of a pull request brings nothing of the base.
    commits = git("log", "--format=", "--diff-merges=first-parent", *form, f"{first}..{after}", root=root)
    return {*ends.split("\0"), *commits.split("\0")}
