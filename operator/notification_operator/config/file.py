"""The configuration file: its content, and the settings of a newer version in it, which this operator ignores (DD-VERSION-001)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from notification_contract.settings import RULES_LATER, SETTINGS_VERSION, OperatorSettings, version_of
from notification_operator.config.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from notification_contract.settings.operator import Path as SettingPath


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """What a file contains, without the settings that are ignored. It does not count when settings are compared."""

    content: dict[str, Any] = field(default_factory=dict, compare=False)
    version: int = field(default=SETTINGS_VERSION, compare=False)
    """The version of the settings that the file needs."""
    ignored: tuple[str, ...] = field(default=(), compare=False)
    """Settings of a newer version, such as `queue.order`."""

    @property
    def is_newer(self) -> bool:
        """Whether the file needs a newer version than that of this operator."""
        return self.version > SETTINGS_VERSION


def read(file: Path) -> ConfigFile:
    """Read a file. A file for a newer version may have unknown settings: they are left out.

    Raises:
        SettingsError: the file cannot be read, or is not a mapping.
    """
    try:
        text = file.read_text("utf-8")
        content = yaml.safe_load(text) or {}
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError([f"{file}: invalid YAML: {error}"]) from None
    if not isinstance(content, dict):
        raise SettingsError([f"{file}: must be a mapping of sections such as `watch:` and `channels:`"])
    version = version_of(text)
    unknown = _unknown(content) if version > SETTINGS_VERSION else []
    for path in unknown:
        _remove(content, path)
    return ConfigFile(content=content, version=version, ignored=tuple(map(".".join, unknown)))


def _unknown(content: dict[str, Any]) -> list[SettingPath]:
    """Return the paths of the keys that no section of this operator has."""
    try:
        OperatorSettings.model_validate(content, context=RULES_LATER)
    except ValidationError as error:
        entries = [entry for entry in error.errors() if entry["type"] == "extra_forbidden"]
        return [tuple(map(str, entry["loc"])) for entry in entries]
    return []


def _remove(content: dict[str, Any], path: SettingPath) -> None:
    *sections, name = path
    branch = content
    for section in sections:
        branch = branch[section]
    branch.pop(name, None)
