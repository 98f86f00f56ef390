"""Checks the configuration of a stack as a whole: the engine itself stops at the first value of a wrong type.

`check_stack_file` is offline: it reads the file alone. `check_configuration` checks what the engine resolves, ESC
environments included.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.names import PROJECT
from platform_infra.settings.reader import SettingsError, parse
from tools.platform.errors import PlatformError
from tools.platform.pulumi.environment import ROOT, passphrase_variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platform_infra.settings.model import Settings

SECURE = "secure"


class StackFileError(PlatformError):
    """The configuration of a stack cannot be used; the message lists every problem."""


OWN_SECRETS = frozenset({"staging", "prod"})
"""Stacks that are never encrypted with the well-known passphrase."""


def check_secrets(
    stack: str, folder: Path = ROOT / "stacks", variables: Mapping[str, str] = os.environ
) -> None:
    """Check that a shared stack has a passphrase or a secrets provider of its own.

    Raises:
        StackFileError: it has neither; nothing has been changed.
    """
    own = passphrase_variable(stack)
    chosen = any(
        variables.get(name) for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", own)
    )
    if stack not in OWN_SECRETS or chosen or "secretsprovider" in _content(stack, folder):
        return
    raise StackFileError(
        f"{stack}: its secrets would be encrypted with a well-known passphrase",
        hint=f"set PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE or {own}, or choose a provider with "
        f"`pulumi stack init {stack} --secrets-provider URL`",
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


def imports_environments(stack: str, folder: Path = ROOT / "stacks") -> bool:
    """Return whether the stack's file imports ESC environments, whose values only the engine knows."""
    return bool(_content(stack, folder).get("environment"))


def check_stack_file(stack: str, folder: Path = ROOT / "stacks") -> Settings:
    """Check the values of `Pulumi.<stack>.yaml` and return the settings; a missing file means the defaults.

    Encrypted values cannot be read here; the defaults stand for them.

    Raises:
        StackFileError: it cannot be used.
    """
    values = {
        _short(key): value
        for key, value in (_content(stack, folder).get("config") or {}).items()
        if _is_ours(key)
    }
    readable = {key: _text(value) for key, value in values.items() if not _is_encrypted(value)}
    return _parse(stack, readable, values.keys() - readable.keys(), folder)


def check_configuration(
    stack: str, entries: Mapping[str, Mapping[str, Any]], overrides: Mapping[str, str] | None = None
) -> Settings:
    """Check the configuration that the engine resolved and return the settings.

    `entries` are those of `Workspace.resolved_config`, `overrides` values of the command line by key.

    Raises:
        StackFileError: it cannot be used.
    """
    ours = {_short(key): entry for key, entry in entries.items() if _is_ours(key)}
    values = {key: entry["value"] for key, entry in ours.items() if "value" in entry}
    values |= {_short(key): value for key, value in (overrides or {}).items() if _is_ours(key)}
    return _parse(stack, values, ours.keys() - values.keys(), ROOT / "stacks")


def _parse(stack: str, values: Mapping[str, Any], hidden: set[str], folder: Path) -> Settings:
    try:
        return parse(values, hidden_keys=hidden)
    except SettingsError as error:
        raise StackFileError(f"{folder / f'Pulumi.{stack}.yaml'}: {error}") from None


def _is_ours(key: str) -> bool:
    return ":" not in key or key.startswith(f"{PROJECT}:")


def _short(key: str) -> str:
    return key.split(":", 1)[-1]


def _is_encrypted(value: Any) -> bool:  # noqa: ANN401 - any YAML value
    return isinstance(value, dict) and SECURE in value


def _text(value: Any) -> str:  # noqa: ANN401 - any YAML value
    """Return a value as the engine passes it to the program."""
    return value if isinstance(value, str) else json.dumps(value)
