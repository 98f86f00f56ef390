"""Checks a stack's file as a whole: the engine itself stops at the first value of a wrong type."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.names import PROJECT
from platform_infra.settings.reader import SettingsError, parse
from tools.platform.pulumi.environment import ROOT, passphrase_variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platform_infra.settings.model import Settings

SECURE = "secure"


class StackFileError(Exception):
    """A stack's file cannot be used; the message lists every problem found."""


OWN_SECRETS = frozenset({"staging", "prod"})
"""Stacks that are never encrypted with the passphrase that everybody knows."""


def check_secrets(stack: str, folder: Path = ROOT / "stacks", given: Mapping[str, str] = os.environ) -> None:
    """See to it that a stack which others depend on has a passphrase or a secrets provider of its own.

    Raises:
        StackFileError: it has none; nothing has been touched.
    """
    own = passphrase_variable(stack)
    chosen = any(
        given.get(name) for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", own)
    )
    if stack not in OWN_SECRETS or chosen or "secretsprovider" in _content(stack, folder):
        return
    raise StackFileError(
        f"{stack}: its secrets would be encrypted with a passphrase that everybody knows; set "
        f"PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE or {own}, or give it a provider with "
        f"`pulumi stack init {stack} --secrets-provider URL`"
    )


def _content(stack: str, folder: Path) -> dict[str, Any]:
    file = folder / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        return {}
    try:
        content = yaml.safe_load(file.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise StackFileError(f"{file}: is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise StackFileError(f"{file}: is not a mapping; it starts with `config:`")
    return content


def check_stack_file(stack: str, folder: Path = ROOT / "stacks") -> Settings:
    """Check the values of `Pulumi.<stack>.yaml`, if there is one, and return what they mean.

    Encrypted values are left to the program; in their place stand the defaults.

    Raises:
        StackFileError: it cannot be used.
    """
    file = folder / f"Pulumi.{stack}.yaml"
    content = _content(stack, folder)
    values = {
        key.split(":", 1)[-1]: value for key, value in (content.get("config") or {}).items() if _ours(key)
    }
    readable = {key: _text(value) for key, value in values.items() if not _is_secure(value)}
    try:
        return parse(readable, hidden_keys=values.keys() - readable.keys())
    except SettingsError as error:
        raise StackFileError(f"{file}: {error}") from None


def _ours(key: str) -> bool:
    return ":" not in key or key.startswith(f"{PROJECT}:")


def _is_secure(value: Any) -> bool:  # noqa: ANN401 - any YAML value
    return isinstance(value, dict) and SECURE in value


def _text(value: Any) -> str:  # noqa: ANN401 - any YAML value
    """Return a value as the engine would hand it on."""
    return value if isinstance(value, str) else json.dumps(value)
