"""Everything that can be set, read once at start from a YAML file and the environment.

A variable `NOTIFICATION_<SECTION>__<KEY>` overrides the file, e.g.
`NOTIFICATION_QUEUE__WORKERS=8`; lists and maps are given as JSON.
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

from notification_contract.settings.operator import (
    Audit,
    Breaker,
    Channels,
    Delivery,
    Events,
    LeaderElection,
    Log,
    Queue,
    Retention,
    Routing,
    Sanitizer,
    Server,
    Shutdown,
    Watch,
)

DEFAULT_CONFIG_FILE = Path("/etc/notification/config.yaml")
ENV_PREFIX = "NOTIFICATION_"
SLACK_URL_VARIABLE = "SLACK_WEBHOOK_URL"
"""Gives `channels.slack.webhook_url` too: the name that everybody knows it by."""


class SettingsError(Exception):
    """The settings cannot be used; `problems` lists all of them, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """All settings of the operator."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
    )

    watch: Watch = Watch()
    queue: Queue = Queue()
    delivery: Delivery = Delivery()
    breaker: Breaker = Breaker()
    channels: Channels = Channels()
    routing: Routing = Routing()
    sanitizer: Sanitizer = Sanitizer()
    audit: Audit = Audit()
    retention: Retention = Retention()
    events: Events = Events()
    leader_election: LeaderElection = LeaderElection()
    server: Server = Server()
    log: Log = Log()
    shutdown: Shutdown = Shutdown()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, whose content comes in as arguments."""
        url = os.environ.get(SLACK_URL_VARIABLE)
        slack = {"channels": {"slack": {"webhook_url": url}}} if url else {}
        return env_settings, InitSettingsSource(settings_cls, slack), init_settings


def load(file: Path | None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: the file or a variable is unusable; lists every problem found.
    """
    problems = _strange_variables(os.environ)
    try:
        settings = Settings(**_read(file))
    except ValidationError as error:
        problems += [_problem(entry, file) for entry in error.errors()]
    if problems:
        raise SettingsError(problems)
    return settings


def _strange_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a problem for each variable that is meant for a section that does not exist."""
    known = {f"{ENV_PREFIX}{section}".upper() for section in Settings.model_fields}
    return [
        f"{name}: names no section; the sections are {', '.join(Settings.model_fields)}"
        for name in sorted(environment)
        if name.startswith(ENV_PREFIX) and "__" in name and name.split("__")[0] not in known
    ]


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except yaml.YAMLError as error:
        raise SettingsError([f"{file}: is not YAML: {error}"]) from None
    if not isinstance(content, dict):
        raise SettingsError([f"{file}: must hold a mapping of sections such as `watch:` and `channels:`"])
    return content


def _problem(entry: Any, file: Path | None) -> str:  # noqa: ANN401 - pydantic's error details
    path = ".".join(str(part) for part in entry["loc"]) or "settings"
    variable = ENV_PREFIX + "__".join(str(part) for part in entry["loc"]).upper()
    # A whole section is not shown: it may hold a secret.
    value = "" if isinstance(entry["input"], Mapping) else f" (got {entry['input']!r})"
    where = f"set it in {file} or by {variable}" if file else f"set it by {variable}"
    if entry["type"] == "extra_forbidden":
        return f"{path}: unknown setting; remove it, or see `notification-operator run --help`"
    return f"{path}: {entry['msg']}{value}; {where}"
