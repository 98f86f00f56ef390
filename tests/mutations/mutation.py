"""The mutations of table.yaml: each is a patch of the operator's source that is applied to a copy, never in place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent
SOURCE = "operator"
PACKAGES = (
    "atomic_status",
    *("notification_contract", "notification_domain", "notification_operator", "notification_runtime"),
)
CRD = "notification_contract/crds/notificationrequest.yaml"
"""The one file that all operators of a cluster share."""
CHANGED_FILE = re.compile(rf"^\+\+\+ b/{SOURCE}/(\S+)$", re.MULTILINE)


class StaleMutationError(Exception):
    """A patch no longer applies to the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One promise broken."""

    name: str
    breaks: str
    """The behavior that results."""
    operator: str
    """The operator of the disposable stack whose settings and tests are used."""
    checks: tuple[str, ...]
    """Ids of the checks that must turn red."""
    alone: bool = False
    """Whether its checks measure the process, so that nothing else may run at the same time."""

    @property
    def slug(self) -> str:
        """The name in lower case, with dashes."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def patch(self) -> Path:
        """The patch file."""
        return FOLDER / "patches" / f"{self.slug}.patch"

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the patch changes, below operator/."""
        return tuple(CHANGED_FILE.findall(self.patch.read_text("utf-8")))

    @property
    def in_crd(self) -> bool:
        """Whether the patch changes the CRD instead of an operator."""
        return CRD in self.files

    def apply(self, folder: Path) -> None:
        """Apply the patch to a copy of operator/.

        Raises:
            StaleMutationError: the patch no longer applies.
        """
        # Without the ceiling git would look for a repository around the copy, and skip files outside of it.
        result = subprocess.run(
            ["git", "apply", "-p2", str(self.patch)],
            cwd=folder,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise StaleMutationError(f"{self.patch.name} no longer applies:\n{result.stderr}")


def load() -> tuple[Mutation, ...]:
    """Read table.yaml."""
    rows: list[dict[str, Any]] = yaml.safe_load((FOLDER / "table.yaml").read_text("utf-8"))
    return tuple(Mutation(**{**row, "checks": tuple(row["checks"])}) for row in rows)


def source(file: str) -> Path:
    """Return a file below operator/."""
    return ROOT / SOURCE / file


def copied(folder: Path) -> Path:
    """Copy the operator's packages into `folder`, and return it."""
    for package in PACKAGES:
        shutil.copytree(source(package), folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


MUTATIONS = load()
