"""A way to break the operator: texts of its source replaced by others, in a copy, never in place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("atomic_status", "notification_operator")


class StaleMutationError(Exception):
    """A mutation no longer fits the source: its text is gone, or stands there more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One text of one file, and what stands there instead."""

    file: str
    """Path below operator/."""
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        """Change the file in `folder`, a copy of operator/.

        Raises:
            StaleMutationError: the text does not stand there exactly once.
        """
        file = folder / self.file
        text = file.read_text("utf-8")
        if text.count(self.old) != 1:
            raise StaleMutationError(f"{self.file} holds {text.count(self.old)} times, not once:\n{self.old}")
        file.write_text(text.replace(self.old, self.new), "utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One promise broken."""

    name: str
    """What is broken, in a few words."""
    breaks: str
    """What happens then that must not."""
    operator: str
    """The operator of the disposable stack whose settings the broken one gets."""
    checks: tuple[str, ...]
    """Ids of the checks that have to turn red."""
    edits: tuple[Edit, ...]

    def apply(self, folder: Path) -> None:
        """Break the copy of operator/ in `folder`; raises `StaleMutationError`."""
        for edit in self.edits:
            edit.apply(folder)


def copied(folder: Path, root: Path = ROOT) -> Path:
    """Copy the operator's packages into `folder`, and return it."""
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(root / "operator" / package, folder / package, ignore=ignored)
    return folder
