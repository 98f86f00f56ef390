"""Roll a stack back to its previous deployment: image and settings, not the program and not the CRD."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_infra import names
from platform_infra.cluster.local.images import load_image
from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it
from tools.platform.commands.up import bring_up
from tools.platform.console import out
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack import check_resolved, exists, open_stack, outputs
from tools.platform.pulumi.stack_file import StackFileError, check_name
from tools.platform.pulumi.state.backend import backend_url, folder_of
from tools.platform.pulumi.state.history import (
    NoRollbackTargetError,
    Value,
    deployments,
    recorded_images,
    rollback_target,
    settings,
    settings_to_change,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.automation import Stack as PulumiStack
    from rich.console import Console

    from tools.platform.pulumi.state.history import Deployment


def rollback(
    stack: Stack = "dev",
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings that would change; change nothing.")
    ] = False,
) -> None:
    """Roll a stack back to the latest successful deployment that differs from the current one.

    Image and settings of that deployment are written to the stack's file, then `up` runs. The program and the CRD stay those
    of the checkout, so existing objects stay valid.

    Examples: `rollback`, `rollback prod --dry-run`.
    """
    roll_back(stack, out, dry_run=dry_run)


def roll_back(name: str, console: Console, *, dry_run: bool = False) -> None:
    """Roll the stack back and print the settings that changed.

    Raises:
        UnknownStackError: the stack has no file.
        NoRollbackTargetError: there is no earlier deployment.
    """
    check_name(name)
    if not exists(name):
        raise NoRollbackTargetError(
            f"{name} is not up, so there is no deployment to roll back", hint=f"run `make up STACK={name}`"
        )
    stack = open_stack(name)
    try:
        target = rollback_target(history_of(stack))
    except NoRollbackTargetError as error:
        raise NoRollbackTargetError(f"{name} has no deployment to roll back to: {error}") from None
    changes = settings_to_change(settings(stack.get_all_config()), target)
    console.print(f"Rolling back {name} to the deployment of {target.started:%F %H:%M:%S} UTC:")
    for key, value in changes.items():
        console.print(f"  {describe(key, value)}")
    if dry_run:
        return
    _load(outputs(stack).get("node"), target.image)
    _apply(stack, changes)
    bring_up(name, console)
    console.print(
        f"stacks/Pulumi.{name}.yaml holds these settings now; without them the next `up` undoes the rollback."
    )


def history_of(stack: PulumiStack) -> list[Deployment]:
    """Return the deployments of the stack since it was last destroyed, newest first."""
    folder = folder_of(backend_url(stack.name))
    images = recorded_images(folder / ".pulumi" / "history" / names.PROJECT / stack.name) if folder else []
    return deployments(stack.history(), images)


def describe(key: str, value: Value | None) -> str:
    """Return one setting and its new value; a secret is redacted."""
    short = key.removeprefix(f"{names.PROJECT}:")
    if value is None:
        return f"{short}: (default)"
    if value.secret:
        return f"{short}: (previous secret)"
    return f"{short}: {value.content if isinstance(value.content, str) else json.dumps(value.content)}"


def _load(node: str | None, image: str) -> None:
    """Load an image that was built on this machine into the stack's node."""
    if node and image.startswith(f"{names.IMAGE_REPOSITORY}:"):
        load_image(node, image)


def _apply(stack: PulumiStack, changes: Mapping[str, Value | None]) -> None:
    """Change the stack's file; restore it if this checkout's program cannot use the earlier settings.

    Raises:
        StackFileError: it cannot.
    """
    file = ROOT / "stacks" / f"Pulumi.{stack.name}.yaml"
    text = file.read_text("utf-8")
    values = {key: file_entry(value) for key, value in changes.items() if value is not None}
    removed = [key for key, value in changes.items() if value is None]
    if removed:
        stack.remove_all_config(removed)
    if values:
        stack.set_all_config_json(json.dumps(values))
    try:
        check_resolved(stack)
    except StackFileError:
        file.write_text(text, "utf-8")
        raise


def file_entry(value: Value) -> dict[str, Any]:
    if isinstance(value.content, str):
        return {"value": value.content, "secret": value.secret}
    return {"value": json.dumps(value.content), "objectValue": value.content, "secret": value.secret}
