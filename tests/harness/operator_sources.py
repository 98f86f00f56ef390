"""The operator's source of any commit, in a temporary folder."""

from __future__ import annotations

import compileall
import io
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


class UnknownCommitError(Exception):
    """A revision that the repository does not have."""


@dataclass(frozen=True, slots=True)
class Sources:
    """A folder that contains `operator/`, and the commit."""

    folder: Path
    commit: str


@contextmanager
def checkout(revision: str) -> Iterator[Sources]:
    """Give the sources of a commit; without a revision those of this checkout, whose commit is marked if files are modified.

    Raises:
        UnknownCommitError: there is no such revision.
    """
    with tempfile.TemporaryDirectory(prefix="operator-sources-") as folder:
        named = _git("describe", "--always", "--abbrev=12", "--exclude=*", revision or "--dirty")
        sources = Sources(Path(folder) if revision else ROOT, named.decode().strip())
        if revision:
            archive = _git("archive", "--format=tar", revision, "operator")
            with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
                packed.extractall(folder, filter="data")
        # A process that compiles its modules at its start uses more memory than one that does not.
        compileall.compile_dir(sources.folder / "operator", quiet=2)
        yield sources


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise UnknownCommitError(f"no commit {arguments[-1]}: {done.stderr.decode().strip()}")
    return done.stdout
