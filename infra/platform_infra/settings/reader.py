"""Reads a stack's settings from Pulumi's configuration and checks them as a whole.

This is the only reader of `pulumi.Config`. It reports every problem at once, before any resource is created.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import config as engine_config
from pydantic import ValidationError

from notification_contract.settings import RULES_LATER
from platform_infra import names
from platform_infra.settings.model import PATHS, SECRET_KEYS, Settings, default_of, key_of
from platform_infra.settings.problem import Problem
from platform_infra.settings.rules.stack import broken_rules
from platform_infra.settings.sections.monitoring import ExternalHeartbeat

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from notification_contract.settings.operator import Path


class SettingsError(pulumi.RunError):
    """The stack's configuration is invalid; the message lists every problem, one per line."""

    def __init__(self, problems: list[Problem], place: str = "the stack's configuration") -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{len(problems)} problem(s) in {place}:\n{lines}")
        self.problems = problems


def load_settings() -> Settings:
    """Read the configuration of the running program.

    Raises:
        SettingsError: it is invalid; lists every problem.
    """
    values = {**engine_config.get_config_env(), **engine_config.CONFIG.get()}
    keys = [key.split(":", 1)[1] for key in values if key.startswith(f"{names.PROJECT}:")]
    reader = pulumi.Config(names.PROJECT)
    secret_keys = {key for key in keys if engine_config.is_config_secret(f"{names.PROJECT}:{key}")}
    return parse({key: reader.get(key) or "" for key in keys}, secret_keys=secret_keys)


def parse_arguments(values: Mapping[str, Any]) -> Settings:
    """Check the arguments of a component, by key. The caller is responsible for the secrets among them.

    Raises:
        SettingsError: they are invalid; lists every problem.
    """
    return parse(values, secret_keys=SECRET_KEYS | {"receivers"})


def parse(
    values: Mapping[str, Any],
    *,
    secret_keys: Collection[str] = (),
    hidden_keys: Collection[str] = (),
) -> Settings:
    """Check configuration values by key, without the project's name; values can be Pulumi's strings.

    `secret_keys` are stored encrypted; the values of `hidden_keys` cannot be read here and are trusted.

    Raises:
        SettingsError: they are invalid; lists every problem.
    """
    problems = [_unknown(key) for key in {**values, **dict.fromkeys(hidden_keys)} if key not in PATHS]
    known = {key: _decoded(value) for key, value in values.items() if key in PATHS}
    invalid: set[str] = set()
    try:
        settings = _build(known)
    except ValidationError as error:
        entries = [(_setting(entry["loc"]), entry) for entry in error.errors()]
        problems += [
            _invalid(path, entry, secret=_is_hidden(entry["loc"], key_of(path) in secret_keys))
            for path, entry in entries
        ]
        invalid = {key_of(path) for path, _ in entries}
        settings = _build({key: value for key, value in known.items() if key not in invalid})
    problems += broken_rules(settings, secret_keys, invalid.union(hidden_keys))
    if problems:
        raise SettingsError(problems)
    return settings


def _decoded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Decode a value of Pulumi: lists and objects are JSON, scalars are text."""
    if isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _build(values: Mapping[str, Any]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        if value == "" == default_of(PATHS[key]):
            continue  # Empty text is how a stack's file writes that there is no value.
        *sections, name = PATHS[key]
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    settings = Settings.model_validate(tree, context=RULES_LATER)
    if not settings.preview.number:
        return settings
    # A preview has no gateway, because the senders are those of the base, and no heartbeat, because it sends no drills.
    gateway = settings.gateway.model_copy(update={"enabled": False})
    monitoring = settings.monitoring.model_copy(update={"external_heartbeat": ExternalHeartbeat()})
    return settings.model_copy(update={"gateway": gateway, "monitoring": monitoring})


def _setting(location: tuple[str | int, ...]) -> Path:
    """Return the setting of an error's location. The location of a list's item is longer than the setting's path."""
    return next(path for path in PATHS.values() if location[: len(path)] == path)


SHOWN_OF_RECEIVERS = {("name",), ("default",), ("existingSecrets",)}


def _is_hidden(location: tuple[str | int, ...], encrypted: bool) -> bool:  # noqa: FBT001 - the other reason
    """Return whether the value at the location of an error must not be shown.

    In a list of receivers only some values are encrypted. A misspelled key may hide any of them.
    """
    return location[2:3] not in SHOWN_OF_RECEIVERS if location[0] == "receivers" else encrypted


def _unknown(key: str) -> Problem:
    close = difflib.get_close_matches(key, PATHS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return Problem(key=key, what="is not a setting", hint=f"{hint}remove it with `pulumi config rm {key}`")


def _invalid(
    path: Path,
    entry: Any,  # noqa: ANN401 - pydantic's details
    *,
    secret: bool,
) -> Problem:
    key = key_of(path)
    place = key + _inside(entry["loc"][len(path) :])
    reason = re.sub(
        r"^(Input should |Value error, )", lambda m: "should " if m[0][0] == "I" else "", entry["msg"]
    )
    default = json.dumps(default_of(path))
    if place == key:
        hint = f"the default is {default}; set it with `pulumi config set {key} VALUE`"
    else:
        hint = f"set it with `pulumi config set --path '{place}' VALUE`; the default of {key} is {default}"
    value = "not shown" if secret else repr(entry["input"])
    return Problem(key=place, what=f"is {value}, but {reason}", hint=hint)


def _inside(location: tuple[str | int, ...]) -> str:
    """Return a place inside a setting's value in the syntax of `pulumi config set --path`."""
    parts = [part for part in location if part != "[key]"]
    return "".join(
        f".{part}" if isinstance(part, str) and part.isidentifier() else f"[{json.dumps(part)}]"
        for part in parts
    )
