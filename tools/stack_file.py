"""Checks a stack's file as a whole: the engine itself stops at the first value of a wrong type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.names import PROJECT
from platform_infra.settings import SettingsError, parse
from tools.engine import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SECURE = "secure"


class StackFileError(Exception):
    """A stack's file cannot be used; the message lists every problem found."""


def check_stack_file(stack: str, folder: Path = ROOT / "stacks") -> None:
    """Check the values of `Pulumi.<stack>.yaml`, if there is one. Encrypted values are left to the program.

    Raises:
        StackFileError: it cannot be used.
    """
    file = folder / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        return
    try:
        content = yaml.safe_load(file.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise StackFileError(f"{file}: is not YAML: {error}") from None
    values = {
        key.split(":", 1)[-1]: value for key, value in (content.get("config") or {}).items() if _ours(key)
    }
    readable = {key: _text(value) for key, value in values.items() if not _is_secure(value)}
    try:
        parse(readable, hidden_keys=values.keys() - readable.keys())
    except SettingsError as error:
        raise StackFileError(f"{file}: {error}") from None


def _ours(key: str) -> bool:
    return ":" not in key or key.startswith(f"{PROJECT}:")


def _is_secure(value: Any) -> bool:  # noqa: ANN401 - any YAML value
    return isinstance(value, dict) and SECURE in value


def _text(value: Any) -> str:  # noqa: ANN401 - any YAML value
    """Return a value as the engine would hand it on."""
    return value if isinstance(value, str) else json.dumps(value)
