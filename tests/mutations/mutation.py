"""A way to break the product: texts of its source replaced by others, in a copy, never in place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("atomic_status", "notification_contract", "notification_operator")
CONTRACT = "notificationrequest.yaml"
"""The CRD, which all operators of a cluster share."""


class StaleMutationError(Exception):
    """A mutation no longer fits the source: its text is gone, or stands there more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One text of one file, and what stands there instead."""

    file: str
    """Path below operator/, or CONTRACT."""
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        """Change the file in `folder`, as `copied` has made it.

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
    """The operator of the disposable stack whose settings the broken one gets, and whose tests are run."""
    checks: tuple[str, ...]
    """Ids of the checks that have to turn red."""
    edits: tuple[Edit, ...]
    alone: bool = False
    """Whether its checks measure the process, so that nothing may run beside them."""

    @property
    def slug(self) -> str:
        """Its name as a folder's."""
        return self.name.replace(" ", "-").replace(",", "")

    @property
    def in_contract(self) -> bool:
        """Whether it breaks the CRD, and so no operator."""
        return any(edit.file == CONTRACT for edit in self.edits)

    def apply(self, folder: Path) -> None:
        """Break the copy in `folder`; raises `StaleMutationError`."""
        for edit in self.edits:
            edit.apply(folder)


def source(file: str) -> Path:
    """Return where a file that edits name really is."""
    return ROOT / ("operator/notification_contract/crds" if file == CONTRACT else "operator") / file


def copied(folder: Path) -> Path:
    """Copy the operator's packages and the CRD into `folder`, and return it."""
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(source(package), folder / package, ignore=ignored)
    shutil.copy(source(CONTRACT), folder / CONTRACT)
    return folder
