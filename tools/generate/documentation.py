"""What is generated in the documentation: the tables of settings and of channel types, and the diagram of phases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from pydantic import BaseModel

from notification_contract.kinds.channel_types import CHANNEL_TYPES
from notification_contract.kinds.choices import Phase
from notification_contract.routing.receivers import KINDS
from notification_contract.settings import since
from notification_contract.settings.version import FIRST
from notification_domain.decisions.endings import ENDINGS
from notification_domain.decisions.waits import WAITS
from notification_domain.status import MOVES
from notification_runtime.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def steps_table() -> str:
    """Return one row per reason for which a target gets nothing more, or for which its next attempt waits, in order."""
    rows = [
        f"| {kind} | `{step.__name__}` | {(step.__doc__ or '').strip()} |"
        for kind, steps in (("end", ENDINGS), ("wait", WAITS))
        for step in steps
    ]
    return "\n".join(["| kind | step | applies if |", "|---|---|---|", *rows])


def settings_table(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> str:
    """Return one row per setting of a section at `path`: key in the file, variable, default, allowed values, description."""
    head = [
        "| key in the file | variable | default | allowed values | description |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(*each) for each in settings(model, path))])


def settings(
    model: type[BaseModel] = Settings, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from settings(type(field.default), (*path, name))
        else:
            yield (*path, name), field


def _row(path: tuple[str, ...], field: FieldInfo) -> str:
    variable, default, version = ENV_PREFIX + "__".join(path).upper(), field.default, since(path)
    shown = json.dumps(default) if default == "" or isinstance(default, bool | tuple | dict) else default
    cells = (
        f"`{'.'.join(path)}`",
        f"`{variable}`",
        "none" if default is None else f"`{shown}`",
        _allowed(field),
        f"{field.description} Since version {version}." if version > FIRST else str(field.description),
    )
    return f"| {' | '.join(cells)} |"


def _allowed(field: FieldInfo) -> str:
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return ", ".join(f"`{value}`" for value in field.annotation)
    words = [
        word for part in get_args(field.annotation) if get_origin(part) is Literal for word in get_args(part)
    ]
    if words:
        return ", ".join(f"`{value}`" for value in ("true", "false", *words))
    limits = [
        f"{sign} {getattr(part, name)}"
        for part in field.metadata
        for name, sign in SIGNS.items()
        if hasattr(part, name)
    ]
    return ", ".join(limits) or _type(field.annotation)


def _type(annotation: object) -> str:
    if annotation is bool:
        return "`true`, `false`"
    if get_origin(annotation) is tuple:
        return "list"
    return "map" if get_origin(annotation) is Mapping else "text"


def types_table() -> str:
    """Return one row per page: the types that it describes, and the credential that they need."""
    rows = ["| type | page | credential |", "|---|---|---|"]
    types = sorted(CHANNEL_TYPES.values(), key=lambda each: each.is_shared)
    for page, group in groupby(types, key=lambda each: each.page or each.name):
        described = list(group)
        names = ", ".join(f"`{each.name}`" for each in described)
        titles = ", ".join(each.title for each in described)
        rows.append(f"| {names} | [{titles}](receivers/{page}.md) | {described[0].credential} |")
    return "\n".join(rows)


def alerts_table() -> str:
    """Return one row per runbook: the alert, its severity, and the condition, which its first sentence states."""
    rows = ["| alert | severity | condition |", "|---|---|---|"]
    pages = {file.stem: file.read_text("utf-8").split("\n\n")[1] for file in RUNBOOKS.glob("*.md")}
    for name, paragraph in sorted(pages.items(), key=lambda each: (each[1].partition(":")[0], each[0])):
        severity, _, condition = " ".join(paragraph.replace("](../", "](").split()).partition(": ")
        first = condition.partition(". ")[0].removesuffix(".")
        rows.append(f"| [{name}](runbooks/{name}.md) | {severity.lower()} | {first} |")
    return "\n".join(rows)


def routing_kinds() -> str:
    return ", ".join(f"`{kind}_configs`" for kind in KINDS)


def channels() -> str:
    return ", ".join(f"`{name}`" for name, each in CHANNEL_TYPES.items() if each.in_channels)


START_OR_END = "[*]"


def phase_diagram(transitions: Mapping[Phase, frozenset[Phase]] = MOVES) -> str:
    """Return the diagram in Markdown, with the phases in order of declaration."""
    lines = (f"    {line}" for line in _lines(transitions))
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _lines(transitions: Mapping[Phase, frozenset[Phase]]) -> Iterator[str]:
    first, *_ = Phase
    yield f"{START_OR_END} --> {first}"
    for before in Phase:
        for after in Phase:
            if after in transitions[before]:
                yield f"{before} --> {after}"
        if not transitions[before]:
            yield f"{before} --> {START_OR_END}"
