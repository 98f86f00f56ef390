"""A stack that outlives the runs against it, for work on the product: one a name, shared by all who work here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from platform_infra.cluster.local import node
from tests.harness.deploy import build_images, deploy, forget_stacks, said
from tests.harness.ephemeral import parts, start
from tests.harness.place import KEPT, EphemeralStack, load
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DEFAULT = "suite"


def folder(name: str) -> Path:
    """Return where everything about a kept stack lies."""
    return KEPT / name


def find(name: str) -> EphemeralStack | None:
    """Return the stack, or None when it is not up."""
    file = folder(name) / "stack.json"
    return load(file.read_text()) if file.exists() and node.read(name) is not None else None


def keep(name: str, only: Sequence[str] | None = None) -> EphemeralStack:
    """Bring the stack up, or put the present code into one that is up (with `only` into these operators)."""
    _check_imports()
    with locked(name, exclusive=True):
        toolchain, image = parts()
        stack = find(name)
        if stack is None:
            folder(name).mkdir(parents=True, exist_ok=True)
            stack, images = start(name, image, folder(name))
            only = None
            (folder(name) / "stack.json").write_text(stack.dump())
        else:
            with said(f"{name}: operator images"):
                images = build_images()
        deploy(stack, images, toolchain, only=only or ())
    return stack


def adopt(stack: EphemeralStack) -> str:
    """Keep a disposable stack that would go with its run; return how to use it and how to end it."""
    place = folder(stack.name)
    place.mkdir(parents=True)
    kubeconfig = place / "kubeconfig"
    shutil.copy(stack.kubeconfig, kubeconfig)
    (place / "stack.json").write_text(replace(stack, kubeconfig=str(kubeconfig)).dump())
    return (
        f"{stack.name} is kept:\n  export KUBECONFIG={kubeconfig}\n"
        f'  make suite ARGS="--stack {stack.name} --check ..."\n  make suite-down ARGS="--stack {stack.name}"'
    )


def drop(name: str) -> None:
    """Take the stack away, whether it is whole or not."""
    with locked(name, exclusive=True):
        toolchain, _ = parts()
        node.delete(name)
        forget_stacks(name, toolchain)
        for file in folder(name).glob("*"):
            file.unlink()
    folder(name).rmdir()


@contextlib.contextmanager
def locked(name: str, *, exclusive: bool) -> Iterator[None]:
    """Hold the stack: many may test it at once, only one may change it.

    Whoever wants to change it stops new runs from beginning, and waits for those under way.
    """
    folder(name).mkdir(parents=True, exist_ok=True)
    with (folder(name) / "gate").open("w") as gate, (folder(name) / "lock").open("w") as lock:
        _take(gate.fileno(), exclusive=exclusive, what=f"{name} is being changed by someone else")
        _take(lock.fileno(), exclusive=exclusive, what=f"tests are running on {name}")
        if not exclusive:
            fcntl.flock(gate, fcntl.LOCK_UN)
        yield


def _take(file: int, *, exclusive: bool, what: str) -> None:
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        Console(stderr=True).print(f"waiting: {what} …", highlight=False)
        fcntl.flock(file, kind)


def _check_imports() -> None:
    """Refuse code that cannot even be imported, before it costs a roll-out."""
    command = [sys.executable, "-c", "import notification_operator.kopf_app, platform_infra.bundle"]
    path = os.pathsep.join(str(ROOT / part) for part in ("operator", "infra"))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"the operator's code cannot be imported:\n{done.stderr}")
