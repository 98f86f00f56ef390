"""A stack that outlives its runs, for work on the product; it has a name and can be shared."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from filelock import ReadWriteLock, Timeout
from rich.console import Console

from platform_infra.cluster.local import node
from tests.harness.deploy import build_images, deploy, forget_stacks, progress
from tests.harness.ephemeral import parts, start
from tests.harness.place import KEPT, EphemeralStack, load
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DEFAULT = "suite"


def folder(name: str) -> Path:
    return KEPT / name


def find(name: str) -> EphemeralStack | None:
    """Return the stack, or None if it is not up."""
    file = folder(name) / "stack.json"
    return load(file.read_text()) if file.exists() and node.read(name) is not None else None


def keep(name: str, only: Sequence[str] | None = None) -> EphemeralStack:
    """Create the stack, or deploy the current code to it (with `only` to these operators)."""
    _check_imports()
    with locked(name, exclusive=True):
        image = parts()
        stack = find(name)
        if stack is None:
            folder(name).mkdir(parents=True, exist_ok=True)
            stack, images = start(name, image, folder(name))
            only = None
            (folder(name) / "stack.json").write_text(stack.dump())
        else:
            with progress(f"{name}: operator images"):
                images = build_images()
        deploy(stack, images, only=only or ())
    return stack


def adopt(stack: EphemeralStack) -> str:
    """Keep a disposable stack after its run; return how to use and remove it."""
    place = folder(stack.name)
    place.mkdir(parents=True)
    kubeconfig = place / "kubeconfig"
    shutil.copy(stack.kubeconfig, kubeconfig)
    (place / "stack.json").write_text(replace(stack, kubeconfig=str(kubeconfig)).dump())
    return (
        f"{stack.name} is kept:\n  export KUBECONFIG={kubeconfig}\n"
        f"  tools/with-env python -m tests.runner suite run --stack {stack.name} --check ...\n  tools/with-env python -m tests.runner suite down --stack {stack.name}"
    )


def drop(name: str) -> None:
    """Remove the stack, even an incomplete one."""
    with locked(name, exclusive=True):
        parts()
        node.delete(name)
        forget_stacks(name)
        for file in folder(name).glob("*"):
            file.unlink()
    folder(name).rmdir()


@contextlib.contextmanager
def locked(name: str, *, exclusive: bool) -> Iterator[None]:
    """Lock the stack: several runs may test it at once, only one may change it.

    A process that waits to change it keeps new runs from starting.
    """
    folder(name).mkdir(parents=True, exist_ok=True)
    lock = ReadWriteLock(folder(name) / "lock")
    acquire = lock.acquire_write if exclusive else lock.acquire_read
    try:
        acquired = acquire(blocking=False)
    except Timeout:
        Console(stderr=True).print(f"waiting for other runs on {name} …", highlight=False)
        acquired = acquire()
    with acquired:
        yield


def _check_imports() -> None:
    """Reject code that cannot be imported before it is rolled out."""
    command = [
        sys.executable,
        "-c",
        "import notification_gateway.app, notification_operator.app, platform_infra.bundle",
    ]
    path = os.pathsep.join(str(ROOT / part) for part in ("operator", "infra"))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"the code cannot be imported:\n{done.stderr}")
