"""A stack's life, driven through Pulumi's Automation API: open, up, destroy, remove."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from pulumi import automation as auto

from platform_infra.names import PROJECT
from tools.platform.processes import left_to_the_engine
from tools.platform.pulumi.environment import STATE_FOLDER
from tools.platform.pulumi.progress import StackProgress
from tools.platform.pulumi.stack_file import check_secrets, check_stack_file
from tools.platform.pulumi.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.localcluster.toolchain import Toolchain

LASTING = frozenset({"dev", "ci", "staging", "prod"})
"""Stacks whose file is committed and outlives them."""

SAME = "same"
FOUND_AGAIN = ("kubernetes:", "pulumi-python:", "notification-platform:")
"""Beginnings of the types of what has a name of its own in the cluster or on this machine."""


def open_stack(
    name: str, *, config: Mapping[str, Any] | None = None, toolchain: Toolchain | None = None
) -> auto.Stack:
    """Select the stack, or create it; `config` is put into its file, keys without the project's name.

    Raises:
        StackFileError: the stack's file cannot be used; nothing has been touched.
    """
    check_secrets(name)
    stack = auto.Stack.create_or_select(name, workspace(toolchain, stack=name))
    if config:
        stack.set_all_config_json(json.dumps({key: _entry(value) for key, value in config.items()}))
    check_stack_file(name)
    return stack


def _entry(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any value that a stack's file can hold
    """Return a value as `pulumi config --json` shows it: lists and maps as objects, the rest as text."""
    if isinstance(value, list | dict):
        return {"value": json.dumps(value), "objectValue": value, "secret": False}
    return {"value": value if isinstance(value, str) else json.dumps(value), "secret": False}


def up(stack: auto.Stack, *, brief: bool = False) -> tuple[dict[str, Any], bool]:
    """Bring the stack up, telling what happens; return its outputs and whether anything changed.

    With `brief` only beginning, end and trouble are told. The kubeconfig among the outputs is a secret:
    hand it on, never print it.
    """
    with StackProgress(f"pulumi up -s {stack.name}", brief=brief) as progress, left_to_the_engine():
        result = stack.up(on_event=progress.on_event, color="never", suppress_outputs=True)
    if progress.found_interrupted:
        _settle(stack)
    changes = {op: count for op, count in (result.summary.resource_changes or {}).items() if op != SAME}
    return {key: output.value for key, output in result.outputs.items()}, bool(changes)


def _settle(stack: auto.Stack) -> None:
    """Forget what an `up` that was killed had begun: this one has made it again, or has found it.

    Only of what is found again by its name; the engine would tell of it at every run for ever.
    """
    state = stack.export_stack()
    deployment = dict(state.deployment or {})
    pending = deployment.get("pending_operations") or []
    left = [entry for entry in pending if not entry["resource"]["type"].startswith(FOUND_AGAIN)]
    if len(left) < len(pending):
        deployment["pending_operations"] = left
        stack.import_stack(auto.Deployment(version=state.version, deployment=deployment))


def outputs(stack: auto.Stack) -> dict[str, Any]:
    """Return the outputs of the last `up`, empty before the first."""
    return {key: output.value for key, output in stack.outputs().items()}


def destroy(stack: auto.Stack, *, brief: bool = False) -> None:
    """Delete everything that the stack made, telling what happens."""
    with StackProgress(f"pulumi destroy -s {stack.name}", brief=brief) as progress, left_to_the_engine():
        stack.destroy(on_event=progress.on_event, color="never", suppress_outputs=True)


def remove(stack: auto.Stack, *, force: bool = False) -> None:
    """Forget a destroyed stack; its file goes too, unless it is one of the lasting stacks.

    With `force` also one that still lists resources, since all of them went with their cluster.
    """
    stack.workspace.remove_stack(stack.name, force=force, preserve_config=stack.name in LASTING)
    _drop_copies(stack.name)


def _drop_copies(name: str) -> None:
    """Remove the copies of a stack's state that the engine leaves in the embedded backend."""
    for copy in STATE_FOLDER.glob(f".pulumi/stacks/{PROJECT}/{name}.json.bak*"):
        copy.unlink()
    for kind in ("backups", "history", "locks/organization"):
        shutil.rmtree(STATE_FOLDER / ".pulumi" / kind / PROJECT / name, ignore_errors=True)


def unlock(stack: auto.Stack) -> None:
    """Take away the lock that a killed engine has left."""
    stack.cancel()


def exists(name: str, toolchain: Toolchain | None = None) -> bool:
    """Tell whether the backend knows the stack."""
    return name in known_stacks(toolchain)


def known_stacks(toolchain: Toolchain | None = None) -> set[str]:
    """Return the names of all stacks that the backend knows."""
    return {summary.name for summary in workspace(toolchain).list_stacks()}


def tag(stack: auto.Stack, wanted: Mapping[str, str]) -> None:
    """Give the stack these tags; every backend keeps them, and an `up` that breaks off does not lose them."""
    has = stack.list_tags()
    for key, value in wanted.items():
        if has.get(key) != value:
            stack.set_tag(key, value)


def tags(name: str, toolchain: Toolchain | None = None) -> dict[str, str]:
    """Return the tags of a stack that the backend knows."""
    return dict(workspace(toolchain, stack=name).list_tags(name))


def outputs_of(name: str, toolchain: Toolchain | None = None) -> dict[str, Any]:
    """Return the outputs of a stack that the backend knows, without opening it."""
    found = workspace(toolchain, stack=name).stack_outputs(name)
    return {key: output.value for key, output in found.items()}
