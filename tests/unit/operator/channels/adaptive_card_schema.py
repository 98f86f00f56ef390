"""The part of the Adaptive Card format, version 1.4, that the operator writes, as a JSON schema; anything else fails."""

from __future__ import annotations

from typing import Any, Final


def _element(name: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", *required],
        "additionalProperties": False,
        "properties": {"type": {"const": name}, **properties},
    }


TEXT: Final = {"type": "string", "minLength": 1}
SEPARATION: Final = {
    "separator": {"type": "boolean"},
    "spacing": {"enum": ["default", "none", "small", "medium", "large", "extraLarge", "padding"]},
}
TEXT_BLOCK: Final = _element(
    "TextBlock",
    ["text"],
    text={"type": "string"},
    wrap={"type": "boolean"},
    isSubtle={"type": "boolean"},
    weight={"enum": ["default", "lighter", "bolder"]},
    size={"enum": ["default", "small", "medium", "large", "extraLarge"]},
    color={"enum": ["default", "dark", "light", "accent", "good", "warning", "attention"]},
    fontType={"enum": ["default", "monospace"]},
    **SEPARATION,
)
FACT: Final = {
    "type": "object",
    "required": ["title", "value"],
    "additionalProperties": False,
    "properties": {"title": TEXT, "value": {"type": "string"}},
}
FACT_SET: Final = _element(
    "FactSet", ["facts"], facts={"type": "array", "minItems": 1, "items": FACT}, **SEPARATION
)
OPEN_URL: Final = _element(
    "Action.OpenUrl", ["url"], title=TEXT, url={"type": "string", "pattern": "^https?://"}
)
SCHEMA: Final = {
    "type": "object",
    "required": ["type", "version", "body"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
        "type": {"const": "AdaptiveCard"},
        "version": {"const": "1.4"},
        "body": {"type": "array", "minItems": 1, "items": {"anyOf": [TEXT_BLOCK, FACT_SET]}},
        "actions": {"type": "array", "minItems": 1, "maxItems": 6, "items": OPEN_URL},
    },
}
