"""What a stack has run, by its history on the backend, and which of it to go back to. Pure but for `recorded_images`.

The history of every backend tells the settings of each update. An image that was built on the spot is no setting; the
embedded backend keeps a copy of the state for each update, which tells it.
"""

from __future__ import annotations

import contextlib
import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block

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


class NoWayBackError(Exception):
    """There is nothing to go back to; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A setting's value: text, or a list or map."""

    content: Any
    secret: bool = False

    @classmethod
    def of(cls, given: ConfigValue) -> Value:
        """Return what the engine gives as text, which is JSON for lists and maps."""
        content: Any = given.value
        if content.startswith(("[", "{")):
            with contextlib.suppress(json.JSONDecodeError):
                content = json.loads(content)
        return cls(content=content, secret=bool(given.secret))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One update of a stack.

    `image` is empty where nothing tells it; `values` are the settings by full key that are not the defaults, without it.
    """

    began: datetime
    image: str
    succeeded: bool = True
    values: Mapping[str, Value] = field(default_factory=dict)

    def runs_the_same_as(self, other: Deployment) -> bool:
        """Whether both have the same image and settings."""
        return (self.image, self.values) == (other.image, other.values)


def deployments(updates: Sequence[UpdateSummary], images: Sequence[str]) -> list[Deployment]:
    """Return the updates since the stack was last destroyed, newest first.

    `images` are those that the states after each entry of the history name, newest first, as far as they are known.
    """
    found = []
    for place, update in enumerate(updates):
        if update.kind == DESTROY:
            break
        if update.kind == UPDATE:
            found.append(_deployment(update, images[place] if place < len(images) else ""))
    return found


def _deployment(update: UpdateSummary, recorded: str) -> Deployment:
    values = settings(update.config)
    named = values.pop(IMAGE, None)
    return Deployment(
        began=update.start_time,
        image=named.content if named else recorded,
        succeeded=update.result == SUCCEEDED,
        values=values,
    )


def settings(config: Mapping[str, ConfigValue]) -> dict[str, Value]:
    """Return by full key what is set to something else than its default: the engine hands on both alike."""
    found = {key: Value.of(value) for key, value in config.items()}
    return {key: value for key, value in found.items() if not _is_default(key, value.content)}


def _is_default(key: str, content: Any) -> bool:  # noqa: ANN401 - any setting's value
    if key not in DEFAULTS:
        return False
    default = DEFAULTS[key]
    return bool(content == (default if isinstance(default, str | list | dict) else json.dumps(default)))


def before(history: Sequence[Deployment]) -> Deployment:
    """Return the latest deployment that succeeded and is another one than the latest of all.

    Raises:
        NoWayBackError: there is none.
    """
    if not history:
        raise NoWayBackError("nothing has been deployed yet")
    latest = history[0]
    for candidate in history[1:]:
        if candidate.succeeded and candidate.image and not candidate.runs_the_same_as(latest):
            return candidate
    raise NoWayBackError(
        f"its {len(history)} deployment(s) since it was created all have the image {latest.image or '(unknown)'} "
        "and the same settings, or failed"
    )


def steps(present: Mapping[str, Value], target: Deployment) -> dict[str, Value | None]:
    """Return what to set, by full key, so that the present settings become those of a deployment; None is for removal."""
    wanted = {**target.values, IMAGE: Value(content=target.image)}
    gone = dict.fromkeys(key for key in present if key not in wanted)
    return {**{key: value for key, value in wanted.items() if present.get(key) != value}, **gone}


def recorded_images(folder: Path) -> list[str]:
    """Return the image that each copy of a state names, newest first; empty without such a folder, or for a state without.

    `folder` is the stack's history in an embedded backend.
    """
    copies = [file for file in folder.glob("*") if file.name.endswith(COPIES)]
    return [_image_of(file) for file in sorted(copies, key=lambda file: file.name, reverse=True)]


def _image_of(file: Path) -> str:
    content = file.read_bytes()
    state = json.loads(gzip.decompress(content) if file.suffix == ".gz" else content)
    latest = state["checkpoint"]["latest"] or {}
    outputs = [entry.get("outputs") for entry in latest.get("resources") or () if entry["type"] == STACK]
    return str((outputs[0] or {}).get("image") or "") if outputs else ""
