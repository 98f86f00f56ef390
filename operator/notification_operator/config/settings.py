"""The operator's settings, read once at startup from a YAML file and the environment.

A variable `NOTIFICATION_<SECTION>__<KEY>` overrides the file, for example `NOTIFICATION_QUEUE__WORKERS=8`.
Lists and maps are written as JSON.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from notification_contract import names
from notification_contract.settings import OperatorSettings

DEFAULT_CONFIG_FILE = Path(names.CONFIG_FILE)
ENV_PREFIX = names.ENV_PREFIX


class SettingsError(Exception):
    """The settings are invalid; `problems` lists every problem, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(OperatorSettings, BaseSettings):
    """All settings of the operator, with the environment as a source."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter=names.ENV_DELIMITER)

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
    try:
        settings = Settings(**_read(file))
    except ValidationError as error:
        problems += [_invalid(entry, file) for entry in error.errors()]
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


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except yaml.YAMLError as error:
        raise SettingsError([f"{file}: invalid YAML: {error}"]) from None
    if not isinstance(content, dict):
        raise SettingsError([f"{file}: must be a mapping of sections such as `watch:` and `channels:`"])
    return content


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
    return f"{path}: {message} (got {entry['input']!r}); {source}"
