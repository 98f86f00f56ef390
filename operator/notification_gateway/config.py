"""The gateway's settings, read once at startup from a YAML file and the environment, as those of the operator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from notification_contract import names
from notification_contract.settings.gateway import GatewaySettings
from notification_runtime.settings import SettingsError, read_file

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = names.ENV_PREFIX


class Settings(GatewaySettings, BaseSettings):
    """All settings of the gateway, with the environment as a source."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=names.ENV_DELIMITER)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, whose content arrives as arguments."""
        return env_settings, init_settings


def load(file: Path | None) -> Settings:
    """Read the settings from a file, if there is one, and from the environment.

    Raises:
        SettingsError: the file or a variable is invalid; lists every problem.
    """
    content = read_file(file).content if file else {}
    problems = [
        f"{name}: unknown section; the sections are {', '.join(Settings.model_fields)}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX)
        and names.ENV_DELIMITER in name
        and name.removeprefix(PREFIX).split(names.ENV_DELIMITER)[0].lower() not in Settings.model_fields
    ]
    try:
        settings = Settings(**content)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    if problems:
        raise SettingsError(problems)
    return settings
