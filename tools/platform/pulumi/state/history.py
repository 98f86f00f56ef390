"""The deployments of a stack, by its history in the backend, and the target of a rollback. Pure except for `recorded_images`.

The history holds the settings of each update. The image of a local build is no setting: the embedded backend keeps a copy
of the state per update, which names the image.
"""

from __future__ import annotations

import contextlib
import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block
from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pulumi.automation import ConfigValue, UpdateSummary

IMAGE = f"{PROJECT}:operatorImage"
DEFAULTS = {f"{PROJECT}:{key}": entry["default"] for key, entry in config_block().items()}
COPIES = (".checkpoint.json", ".checkpoint.json.gz")
STACK = "pulumi:pulumi:Stack"
UPDATE, DESTROY, SUCCEEDED = "update", "destroy", "succeeded"


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
    """Return the newest successful deployment that differs from the current one.

    Raises:
        NoRollbackTargetError: no deployment qualifies.
    """
    if not history:
        raise NoRollbackTargetError("nothing has been deployed yet")
    latest = history[0]
    for candidate in history[1:]:
        if candidate.succeeded and candidate.image and not candidate.equals(latest):
            return candidate
    raise NoRollbackTargetError(
        f"each of its {len(history)} deployment(s) failed, or has the image {latest.image or '(unknown)'} and the same settings"
    )


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
