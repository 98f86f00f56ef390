"""One image with every broken operator in it: which one a pod runs is said by a variable of its environment."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra import names
from platform_infra.cluster.local.images import load_image
from tests.mutations.mutation import copied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.harness.place import EphemeralStack
    from tests.mutations.mutation import Mutation

FOLDER = "/mutations"
IMAGE = f"{names.IMAGE_REPOSITORY}:broken"


@contextmanager
def broken_image(stack: EphemeralStack, base: str, mutations: Iterable[Mutation]) -> Iterator[str]:
    """Build it on an operator's image and copy it into the node; only the node keeps it.

    Raises:
        StaleMutationError: one of them no longer fits the source.
    """
    with tempfile.TemporaryDirectory() as folder:
        for mutation in mutations:
            mutation.apply(copied(Path(folder) / "mutations" / mutation.slug))
        (Path(folder) / "Dockerfile").write_text(f"FROM {base}\nCOPY mutations {FOLDER}\n")
        _docker("build", "--quiet", "--tag", IMAGE, folder)
    try:
        load_image(stack.container, IMAGE)
        yield IMAGE
    finally:
        _docker("image", "rm", "--force", IMAGE)


def chosen(mutation: Mutation | None) -> Mapping[str, str]:
    """Return the variables with which a pod runs a broken operator, or the whole one."""
    broken = "" if mutation is None else f"{FOLDER}/{mutation.slug}:"
    return {"PYTHONPATH": f"{broken}/app:/app/lib"}


def _docker(*words: str) -> None:
    done = subprocess.run(["docker", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
