"""The commit and the tag of a release: the version, everything that is generated from it, and the changelog."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.platform.errors import PlatformError, UsageError
from tools.platform.git import git
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)")
NEEDS_EARLIER_RELEASE = ("changed", "deprecated", "fixed", "removed")
"""Types of fragments that refer to an earlier release; the first release has none."""
FRAGMENTS = "changelog.d"


def prepare(version: str, root: Path = ROOT) -> str:
    """Commit the release `version` in a clean checkout, tag it, and return the tag.

    The first release leaves out the fragments that refer to an earlier release.

    Raises:
        PlatformError: the version is no later one, the checkout has changes, or a program failed.
    """
    released = releases(root)
    _check(version, released)
    if changes := git("status", "--porcelain", root=root).strip():
        raise PlatformError(f"the checkout has changes:\n{changes}", hint="commit or drop them")
    (root / "VERSION").write_text(f"{version}\n", "utf-8")
    run(root, sys.executable, "-m", "tools.generate")
    if not released:
        for kind in NEEDS_EARLIER_RELEASE:
            for fragment in (root / FRAGMENTS).glob(f"*.{kind}.md"):
                fragment.unlink()
    run(root, sys.executable, "-m", "towncrier", "build", "--yes", "--version", version)
    git("add", "--all", root=root)
    git("commit", "--quiet", "--message", f"Release {version}", root=root)
    git("tag", "--annotate", "--message", f"Release {version}", f"v{version}", root=root)
    return f"v{version}"


def releases(root: Path) -> dict[tuple[int, ...], str]:
    """Return the tags of all releases by their version."""
    return {
        numbers(tag[1:]): tag
        for tag in git("tag", "--list", "v*", root=root).split()
        if NUMBERS.fullmatch(tag[1:])
    }


def numbers(version: str) -> tuple[int, ...]:
    """Return major, minor and patch.

    Raises:
        UsageError: the text is no version.
    """
    if match := NUMBERS.fullmatch(version):
        return tuple(map(int, match.groups()))
    raise UsageError(f"VERSION {version!r} is no version", hint="use MAJOR.MINOR.PATCH, such as 0.2.0")


def _check(version: str, released: dict[tuple[int, ...], str]) -> None:
    latest = max(released, default=())
    if numbers(version) <= latest:
        raise PlatformError(
            f"VERSION: {version} is not later than the latest release, {released[latest]}",
            hint="use a later version",
        )


def run(folder: Path, *command: str) -> str:
    """Run a program in a folder, and return what it writes to its output.

    Raises:
        PlatformError: it failed; the message holds its command and the end of its output.
    """
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        name = " ".join(command[:4]).replace(sys.executable, "python")
        raise PlatformError(
            f"`{name}` exited with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}"
        )
    return done.stdout
