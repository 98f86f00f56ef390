"""Go back to what a stack ran before: `python -m tools.platform.commands.rollback [STACK] [--dry-run]`.

Image and settings of the latest other deployment that succeeded are put into the stack's file, and `up` is run. The
program stays that of the checkout, and so does the CRD: what is stored goes on being taken.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rich.console import Console

from platform_infra import names
from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.cluster.local.images import load_image
from tools.platform.commands.up import PROBLEMS, bring_up
from tools.platform.errors import INTERRUPTED, STOPPED, explained
from tools.platform.pulumi.environment import ROOT, STATE
from tools.platform.pulumi.history import (
    NoWayBackError,
    Value,
    before,
    deployments,
    recorded_images,
    settings,
    steps,
)
from tools.platform.pulumi.stack import exists, open_stack, outputs
from tools.platform.pulumi.stack_file import StackFileError, check_stack_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.automation import Stack

    from tools.platform.pulumi.history import Deployment


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.platform.commands.rollback", description=__doc__)
    parser.add_argument("stack", nargs="?", default="dev")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be set, and touch nothing")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        roll_back(given.stack, console, dry_run=given.dry_run)
    except (*PROBLEMS, LocalNodeError, NoWayBackError) as error:
        console.print(f"error: {explained(error)}")
        return 1
    except KeyboardInterrupt:
        console.print(INTERRUPTED)
        return STOPPED
    return 0


def roll_back(name: str, console: Console, *, dry_run: bool = False) -> None:
    """Bring the stack back to what it ran before, and say what was set.

    Raises:
        NoWayBackError: there is nothing to go back to.
        Exception: one of PROBLEMS, or LocalNodeError.
    """
    if not exists(name):
        raise NoWayBackError(
            f"{name} is not up, so there is nothing to go back from; run `make up STACK={name}`"
        )
    stack = open_stack(name)
    try:
        target = before(history_of(stack))
    except NoWayBackError as error:
        raise NoWayBackError(f"{name} has nothing to go back to: {error}") from None
    changes = steps(settings(stack.get_all_config()), target)
    console.print(f"{name} goes back to what it ran from {target.began:%F %H:%M:%S} UTC on:")
    for key, value in changes.items():
        console.print(f"  {told(key, value)}")
    if dry_run:
        return
    _load(outputs(stack).get("node"), target.image)
    _apply(stack, changes)
    bring_up(name, console)
    console.print(
        f"stacks/Pulumi.{name}.yaml now says so; keep it, or {name} goes forward again with the next `up`."
    )


def history_of(stack: Stack) -> list[Deployment]:
    """Return what the stack has run since it was last destroyed, newest first."""
    backend = urlsplit(os.environ.get("PULUMI_BACKEND_URL") or STATE)
    images = recorded_images(_folder(backend.path, stack.name)) if backend.scheme == "file" else []
    return deployments(stack.history(), images)


def _folder(backend: str, name: str) -> Path:
    return Path(backend) / ".pulumi" / "history" / names.PROJECT / name


def told(key: str, value: Value | None) -> str:
    """Return one step in words; a secret is not shown."""
    short = key.removeprefix(f"{names.PROJECT}:")
    if value is None:
        return f"{short}: as by default"
    if value.secret:
        return f"{short}: the secret of then"
    return f"{short}: {value.content if isinstance(value.content, str) else json.dumps(value.content)}"


def _load(node: str | None, image: str) -> None:
    """Put an image that was built on this machine where the stack's node finds it."""
    if node and image.startswith(f"{names.IMAGE_REPOSITORY}:"):
        load_image(node, image)


def _apply(stack: Stack, changes: Mapping[str, Value | None]) -> None:
    """Change the stack's file, or leave it as it was where this checkout's program cannot use the settings of then.

    Raises:
        StackFileError: it cannot.
    """
    file = ROOT / "stacks" / f"Pulumi.{stack.name}.yaml"
    text = file.read_text("utf-8")
    wanted = {key: _entry(value) for key, value in changes.items() if value is not None}
    gone = [key for key, value in changes.items() if value is None]
    if gone:
        stack.remove_all_config(gone)
    if wanted:
        stack.set_all_config_json(json.dumps(wanted))
    try:
        check_stack_file(stack.name)
    except StackFileError:
        file.write_text(text, "utf-8")
        raise


def _entry(value: Value) -> dict[str, Any]:
    if isinstance(value.content, str):
        return {"value": value.content, "secret": value.secret}
    return {"value": json.dumps(value.content), "objectValue": value.content, "secret": value.secret}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
