"""The operator's settings, read once at startup from a YAML file and the environment.

A variable `NOTIFICATION_<SECTION>__<KEY>` overrides the file, for example `NOTIFICATION_QUEUE__WORKERS=8`.
Lists and maps are written as JSON.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml
from pydantic import PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from notification_contract import names
from notification_contract.settings import RULES_LATER, SETTINGS_VERSION, OperatorSettings, version_of
from notification_domain.redaction.redact import Rules, redact

if TYPE_CHECKING:
    from notification_contract.settings.operator import Path as SettingPath


class SettingsError(Exception):
    """The settings are invalid; `problems` lists every problem, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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


def read_file(file: Path) -> ConfigFile:
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


DEFAULT_CONFIG_FILE = Path(names.CONFIG_FILE)
ENV_PREFIX = names.ENV_PREFIX


class Settings(OperatorSettings, BaseSettings):
    """All settings of the operator, with the environment as a source."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter=names.ENV_DELIMITER)
    _file: ConfigFile = PrivateAttr(default_factory=ConfigFile)

    @classmethod
    def of(cls, file: ConfigFile) -> Self:
        """Return the settings of a file and the environment.

        Raises:
            ValidationError: a value is invalid.
        """
        settings = cls(**file.content)
        settings._file = file
        return settings

    @property
    def ignored(self) -> tuple[str, ...]:
        """The settings of the file that this operator does not have, because the file is for a newer version."""
        return self._file.ignored

    @property
    def file_version(self) -> int:
        return self._file.version

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, whose content arrives as arguments."""
        url = os.environ.get(names.SLACK_URL_VARIABLE)
        slack = {"channels": {"slack": {"webhook_url": url}}} if url else {}
        return env_settings, InitSettingsSource(settings_cls, slack), init_settings


def load(file: Path | None) -> Settings:
    """Read the settings from a file, if there is one, and from the environment.

    Raises:
        SettingsError: the file or a variable is invalid; lists every problem.
    """
    problems = _unknown_sections(os.environ)
    content = read_file(file) if file else ConfigFile()
    try:
        settings = Settings.of(content)
    except ValidationError as error:
        problems += [_invalid(entry, file) for entry in error.errors()]
        if content.is_newer:
            problems.append(
                f"{file}: needs version {content.version} of the settings, and this operator has version {SETTINGS_VERSION}; "
                f"use an image whose label {names.SETTINGS_VERSION_LABEL} is {content.version} or greater"
            )
    except SourceError as error:
        problems.append(_not_json(error))
    if problems:
        raise SettingsError(problems)
    return settings


def _unknown_sections(environment: Mapping[str, str]) -> list[str]:
    """Return a problem for each variable that names a section which does not exist."""
    known = {f"{ENV_PREFIX}{section}".upper() for section in Settings.model_fields}
    return [
        f"{name}: unknown section; the sections are {', '.join(Settings.model_fields)}"
        for name in sorted(environment)
        if name.startswith(ENV_PREFIX)
        and names.ENV_DELIMITER in name
        and name.split(names.ENV_DELIMITER)[0] not in known
    ]


def _not_json(error: SourceError) -> str:
    """Return the problem of a variable with a list or a map; its value is not shown, because it may contain a secret."""
    value = getattr(error.__cause__, "doc", None)
    variables = [
        name
        for name in sorted(os.environ)
        if name.upper().startswith(ENV_PREFIX) and os.environ[name] == value
    ]
    return f"{', '.join(variables) or error}: lists and maps are written as JSON, for example '[\"a\"]'"


def _invalid(entry: Any, file: Path | None) -> str:  # noqa: ANN401 - pydantic's error details
    path = ".".join(str(part) for part in entry["loc"]) or "settings"
    if entry["type"] == "extra_forbidden":
        return f"{path}: unknown setting; remove it, or see `notification-operator run --help`"
    message = entry["msg"].removeprefix("Value error, ")
    # A whole section is not shown: it may contain a secret.
    if isinstance(entry["input"], Mapping):
        slack = (
            f"; the variable {names.SLACK_URL_VARIABLE} sets the URL too" if path == "channels.slack" else ""
        )
        return f"{path}: {message}{slack}"
    variable = ENV_PREFIX + names.ENV_DELIMITER.join(str(part) for part in entry["loc"]).upper()
    source = f"set it in {file} or by {variable}" if file else f"set it by {variable}"
    value = redact(repr(entry["input"]), Rules(emails=False, ipv4=False))
    return f"{path}: {message} (got {value}); {source}"
