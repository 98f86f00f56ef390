"""The rollback of a stack: its target among earlier deployments, and the settings that change."""

from __future__ import annotations

import contextlib
import gzip
import json
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from pulumi.automation import CommandError

from platform_infra import names
from platform_infra.cluster.local.images import load_image
from platform_infra.settings.declarations import config_block
from tools.platform.confirmation import Question, check_terminal, confirm
from tools.platform.deployment.update import Options, bring_up
from tools.platform.errors import PlatformError
from tools.platform.pulumi.stack import check_resolved, configure, entry, exists, open_stack, outputs
from tools.platform.pulumi.stack_file import StackFileError, check_name, file_of, is_lasting
from tools.platform.pulumi.state.backend import backend_url, folder_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pulumi.automation import ConfigValue, UpdateSummary
    from pulumi.automation import Stack as PulumiStack
    from rich.console import Console


IMAGE = f"{names.PROJECT}:operatorImage"
DEFAULTS = {f"{names.PROJECT}:{key}": entry["default"] for key, entry in config_block().items()}
COPIES = (".checkpoint.json", ".checkpoint.json.gz")
STACK = "pulumi:pulumi:Stack"
UPDATE, DESTROY, SUCCEEDED = "update", "destroy", "succeeded"
MESSAGE = "rollback"
"""Identifies the update of a rollback in the history: it looks like any other deployment of earlier settings."""


class NoRollbackTargetError(PlatformError):
    """The stack has no earlier deployment to roll back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    content: Any
    secret: bool = False

    @classmethod
    def of(cls, value: ConfigValue) -> Value:
        """Decode the engine's text, which is JSON for lists and maps."""
        content: Any = value.value
        if content.startswith(("[", "{")):
            with contextlib.suppress(json.JSONDecodeError):
                content = json.loads(content)
        return cls(content=content, secret=bool(value.secret))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One update of a stack.

    `image` is empty where it is unknown; `values` are the other settings that differ from their defaults, by full key.
    """

    started: datetime
    image: str
    succeeded: bool = True
    rollback: bool = False
    values: Mapping[str, Value] = field(default_factory=dict)

    def equals(self, other: Deployment) -> bool:
        return (self.image, self.values) == (other.image, other.values)


def deployments(updates: Sequence[UpdateSummary], images: Sequence[str]) -> list[Deployment]:
    """Return the updates since the stack was last destroyed, newest first.

    `images` are the images in the states after each entry of the history, newest first, as far as they are known.
    """
    result = []
    for place, update in enumerate(updates):
        if update.kind == DESTROY:
            break
        if update.kind == UPDATE:
            result.append(_deployment(update, images[place] if place < len(images) else ""))
    return result


def _deployment(update: UpdateSummary, recorded: str) -> Deployment:
    values = settings(update.config)
    named = values.pop(IMAGE, None)
    return Deployment(
        started=update.start_time,
        image=named.content if named else recorded,
        succeeded=update.result == SUCCEEDED,
        rollback=update.message == MESSAGE,
        values=values,
    )


def settings(config: Mapping[str, ConfigValue]) -> dict[str, Value]:
    """Return the settings that differ from their defaults, by full key: the history holds the defaults too."""
    values = {key: Value.of(value) for key, value in config.items()}
    return {key: value for key, value in values.items() if not _is_default(key, value.content)}


def _is_default(key: str, content: Any) -> bool:  # noqa: ANN401 - any setting's value
    if key not in DEFAULTS:
        return False
    default = DEFAULTS[key]
    return bool(content == (default if isinstance(default, str | list | dict) else json.dumps(default)))


def rollback_target(history: Sequence[Deployment]) -> Deployment:
    """Return the newest successful deployment that differs from the current one, or the target of an unfinished rollback.

    Raises:
        NoRollbackTargetError: no deployment qualifies.
    """
    if not history:
        raise NoRollbackTargetError("nothing has been deployed yet")
    latest = history[0]
    if target := _unfinished(history):
        return target
    for candidate in history[1:]:
        if candidate.succeeded and candidate.image and not candidate.equals(latest):
            return candidate
    raise NoRollbackTargetError(
        f"each of its {len(history)} deployment(s) failed, or has the image {latest.image or '(unknown)'} and the same settings"
    )


def _unfinished(history: Sequence[Deployment]) -> Deployment | None:
    """Return the target of a rollback that was interrupted or has failed; the stack's file holds its settings already."""
    latest = history[0]
    attempts = list(takewhile(lambda each: not each.succeeded and each.equals(latest), history))
    if not any(each.rollback for each in attempts):
        return None
    return next((each for each in history if each.succeeded and each.equals(latest)), None)


def settings_to_change(present: Mapping[str, Value], target: Deployment) -> dict[str, Value | None]:
    """Return the settings to change, by full key, to restore those of a deployment; None removes a setting."""
    wanted = {**target.values, IMAGE: Value(content=target.image)}
    removed: dict[str, Value | None] = dict.fromkeys(key for key in present if key not in wanted)
    return {**{key: value for key, value in wanted.items() if present.get(key) != value}, **removed}


def recorded_images(folder: Path) -> list[str]:
    """Return the image in each copy of the state, newest first; an empty text for a state without one.

    `folder` is the stack's history in an embedded backend; it may be missing.
    """
    copies = [file for file in folder.glob("*") if file.name.endswith(COPIES)]
    return [_image_of(file) for file in sorted(copies, key=lambda file: file.name, reverse=True)]


def _image_of(file: Path) -> str:
    content = file.read_bytes()
    state = json.loads(gzip.decompress(content) if file.suffix == ".gz" else content)
    latest = state["checkpoint"]["latest"] or {}
    outputs = [entry.get("outputs") for entry in latest.get("resources") or () if entry["type"] == STACK]
    return str((outputs[0] or {}).get("image") or "") if outputs else ""


def roll_back(name: str, console: Console, *, dry_run: bool = False, yes: bool = False) -> None:
    """Roll the stack back and print the settings that change; of a lasting stack, ask unless `yes` answers that."""
    check_name(name)
    question = Question(
        action="roll it back", command=f"rollback {name}", untouched="nothing has been changed"
    )
    asks = is_lasting(name) and not (dry_run or yes)
    if asks:
        check_terminal(name, question)
    if not exists(name):
        raise NoRollbackTargetError(
            f"{name} is not up, so there is no deployment to roll back", hint=f"run `make up STACK={name}`"
        )
    stack = open_stack(name)
    target = _target_of(stack)
    changes = settings_to_change(settings(stack.get_all_config()), target)
    lines = (f"  {describe(key, value)}" for key, value in changes.items())
    console.print(
        f"Rollback of {name} to the deployment of {target.started:%F %H:%M:%S} UTC:", *lines, sep="\n"
    )
    if dry_run:
        return
    if asks:
        confirm(name, question, yes=False)
    node = outputs(stack).get("node")
    if node and target.image.startswith(f"{names.IMAGE_REPOSITORY}:"):
        # It was built on this machine.
        load_image(node, target.image)
    change_file(stack, changes)
    bring_up(name, console, Options(yes=True, message=MESSAGE))
    console.print(
        f"stacks/Pulumi.{name}.yaml holds these settings now; without them the next `up` undoes the rollback."
    )


def _target_of(stack: PulumiStack) -> Deployment:
    try:
        folder = folder_of(backend_url(stack.name))
        copies = folder / ".pulumi" / "history" / names.PROJECT / stack.name if folder else None
        images = recorded_images(copies) if copies else []
        return rollback_target(deployments(stack.history(), images))
    except NoRollbackTargetError as error:
        raise NoRollbackTargetError(f"{stack.name} has no deployment to roll back to: {error}") from None


def describe(key: str, value: Value | None) -> str:
    """Return one setting and its new value; a secret is redacted."""
    short = key.removeprefix(f"{names.PROJECT}:")
    if value is None:
        return f"{short}: (default)"
    if value.secret:
        return f"{short}: (previous secret)"
    return f"{short}: {value.content if isinstance(value.content, str) else json.dumps(value.content)}"


def change_file(stack: PulumiStack, changes: Mapping[str, Value | None]) -> None:
    """Change the stack's file; restore it if that fails, or if this checkout's program cannot use the earlier settings."""
    file = file_of(stack.name)
    text = file.read_text("utf-8")
    values = {key: entry(each.content, secret=each.secret) for key, each in changes.items() if each}
    removed = [key for key, value in changes.items() if value is None]
    try:
        if removed:
            stack.remove_all_config(removed)
        configure(stack, values)
        check_resolved(stack)
    except (CommandError, StackFileError):
        file.write_text(text, "utf-8")
        raise
