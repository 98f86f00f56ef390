"""The template that a notification brings along: where it is, and the error of one that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRef:
    """A key of a ConfigMap in the notification's namespace."""

    config_map: str
    key: str


class TemplateUnavailableError(Exception):
    """A template cannot be read now; the text says why, and what to do."""
