"""The broken operators at work: built, deployed beside the others, and tested by the checks that must catch them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra import names
from platform_infra.cluster.local.images import load_image
from tests.mutation.mutation import PACKAGES, ROOT, copied
from tests.stack.conftest import HANDED_ON
from tests.support.cluster import Cluster
from tests.support.deploy import BuiltImages, bring_up, take_away
from tests.support.operators import INSTEAD, LABEL, OPERATORS, OperatorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.mutation.mutation import Mutation
    from tests.support.place import EphemeralStack
    from tools.toolchain import Toolchain

GREEN, RED, BROKE = "green", "red", "broke"
"""A check passed, failed, or could not be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of one check."""

    colour: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where broken operators are put: a stack that is up, and the images of the operator as it is."""

    stack: EphemeralStack
    images: BuiltImages
    toolchain: Toolchain

    @contextmanager
    def beside(self, name: str) -> Iterator[Beside]:
        """Give a place for operators with the settings of `name`, which is taken away at the end."""
        spec = replace(OPERATORS[name], name=f"broken-{name}", namespace=f"notification-broken-{name}")
        try:
            yield Beside(place=self, instead_of=name, spec=spec)
        finally:
            take_away(self.stack, spec, self.toolchain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One more operator in the cluster, which the tests take in place of the one that it is like."""

    place: Place
    instead_of: str
    spec: OperatorSpec

    def deploy(self, mutation: Mutation | None) -> None:
        """Put an operator there that is broken in this way, or whole."""
        base = self.place.images.stubs if self.spec.stubs else self.place.images.operator
        image = base if mutation is None else _built(base, mutation)
        load_image(self.place.stack.container, image)
        bring_up(self.place.stack, self.spec, BuiltImages(operator=image, stubs=image), self.place.toolchain)
        # Some checks work in the namespace of the operator that serves them.
        labels = {"metadata": {"labels": {LABEL: self.spec.name}}}
        Cluster(Path(self.place.stack.kubeconfig)).core.patch_namespace(self.spec.namespace, labels)

    def check(self, ids: Iterable[str]) -> dict[str, Seen]:
        """Run checks against it, and return what became of each one."""
        wanted = sorted(set(ids))
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            chosen = [word for check in wanted for word in ("--check", check)]
            command = [sys.executable, "-m", "pytest", "tests/stack", *chosen, f"--junitxml={report}"]
            environment = {
                HANDED_ON: self.place.stack.dump(),
                INSTEAD: json.dumps({self.instead_of: [self.spec.name, self.spec.namespace]}),
            }
            subprocess.run(
                command,
                env={**os.environ, **environment},
                cwd=ROOT,
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            found = _read(report) if report.exists() else {}
        return {check: found.get(check, Seen(colour=BROKE, said="was not run")) for check in wanted}


def _built(base: str, mutation: Mutation) -> str:
    """Build the image of a broken operator: the whole one with the packages replaced; return its name."""
    image = f"{names.IMAGE_REPOSITORY}:broken-{mutation.name.replace(' ', '-')}"
    with tempfile.TemporaryDirectory() as folder:
        mutation.apply(copied(Path(folder)))
        copies = "\n".join(f"COPY {package} /app/{package}" for package in PACKAGES)
        (Path(folder) / "Dockerfile").write_text(f"FROM {base}\n{copies}\n")
        command = ["docker", "build", "--quiet", "--tag", image, folder]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return image


def _read(report: Path) -> dict[str, Seen]:
    """Return what a JUnit report tells of each check: the worst of its cases."""
    seen: dict[str, Seen] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by our own pytest
        for note in case.iter("property"):
            if note.get("name") == "check":
                seen[str(note.get("value"))] = _colour(case)
    return seen


def _colour(case: ET.Element) -> Seen:
    for kind, colour in (("error", BROKE), ("failure", RED)):
        found = case.find(kind)
        if found is not None:
            return Seen(colour=colour, said=(found.get("message") or "").strip())
    return Seen(colour=GREEN)
