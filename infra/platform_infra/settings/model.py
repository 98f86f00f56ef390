"""What a stack can set: read from Pulumi's configuration once, checked as a whole.

Rules: the only reader of `pulumi.Config`; every problem is reported in one go, before any resource.
A setting's key is the path to its field in camel case: `channels.file.enabled` is `channelsFileEnabled`.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import config as engine_config
from pydantic import BaseModel, Field, ValidationError

from platform_infra import names
from platform_infra.settings.base import Section
from platform_infra.settings.cluster import Cluster
from platform_infra.settings.monitoring import Monitoring
from platform_infra.settings.placement import Placement, Protection
from platform_infra.settings.preview import Preview
from platform_infra.settings.rules import SECRET_KEYS, Problem, broken_rules
from platform_infra.settings.sections import (
    Audit,
    Breaker,
    Channels,
    Crd,
    Delivery,
    Events,
    Log,
    Network,
    Operator,
    Retention,
    Sanitizer,
    Watch,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


class SettingsError(pulumi.RunError):
    """The stack's configuration cannot be used; the message lists every problem, one a line."""

    def __init__(self, problems: list[Problem], place: str = "the stack's configuration") -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{len(problems)} problem(s) in {place}:\n{listed}")
        self.problems = problems


class Settings(Section):
    """All settings of a stack."""

    cluster: Cluster = Cluster()
    crd: Crd = Crd()
    operator: Operator = Operator()
    placement: Placement = Placement()
    protection: Protection = Protection()
    watch: Watch = Watch()
    delivery: Delivery = Delivery()
    breaker: Breaker = Breaker()
    channels: Channels = Channels()
    sanitizer: Sanitizer = Sanitizer()
    audit: Audit = Audit()
    retention: Retention = Retention()
    routing: dict[str, Any] = Field(default_factory=dict)
    """Rules that choose the channels of notifications that name none; empty leaves the ConfigMap to others."""
    events: Events = Events()
    log: Log = Log()
    network: Network = Network()
    monitoring: Monitoring = Monitoring()
    preview: Preview = Preview()

    @classmethod
    def load(cls) -> Settings:
        """Read the running program's configuration.

        Raises:
            SettingsError: it cannot be used; lists every problem found.
        """
        given = {**engine_config.get_config_env(), **engine_config.CONFIG.get()}
        ours = [key.split(":", 1)[1] for key in given if key.startswith(f"{names.PROJECT}:")]
        reader = pulumi.Config(names.PROJECT)
        secret = {key for key in ours if engine_config.is_config_secret(f"{names.PROJECT}:{key}")}
        return parse({key: reader.get(key) or "" for key in ours}, secret_keys=secret)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Check values that a program gives, by key; what it gives as secrets it has to keep as such itself.

        Raises:
            SettingsError: they cannot be used; lists every problem found.
        """
        return parse(values, secret_keys=SECRET_KEYS)


def leaves(section: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every single setting, in the order of declaration."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from leaves(field.annotation, (*path, name))
        else:
            yield (*path, name)


def key_of(path: tuple[str | int, ...]) -> str:
    """Return the configuration key of a setting's path."""
    words = [word for part in path if isinstance(part, str) for word in part.split("_")]
    return words[0] + "".join(word.capitalize() for word in words[1:])


def parse(
    values: Mapping[str, Any],
    *,
    secret_keys: Collection[str] = (),
    hidden_keys: Collection[str] = (),
) -> Settings:
    """Check configuration values by key without the project's name, as they are or as Pulumi's strings.

    `secret_keys` are stored encrypted; `hidden_keys` have a value that cannot be read here.

    Raises:
        SettingsError: they cannot be used; lists every problem found.
    """
    paths = {key_of(path): path for path in leaves()}
    problems = [_unknown(key, paths) for key in {**values, **dict.fromkeys(hidden_keys)} if key not in paths]
    known = {key: _decoded(value) for key, value in values.items() if key in paths}
    try:
        settings = _build(known, paths)
    except ValidationError as error:
        wrong = [(_setting(entry["loc"], paths), entry) for entry in error.errors()]
        problems += [_invalid(path, entry, secret=key_of(path) in secret_keys) for path, entry in wrong]
        spoiled = {key_of(path) for path, _ in wrong}
        settings = _build({key: value for key, value in known.items() if key not in spoiled}, paths)
    else:
        spoiled = set()
    problems += broken_rules(settings, secret_keys, spoiled.union(hidden_keys))
    if problems:
        raise SettingsError(problems)
    return settings


def _decoded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Undo Pulumi's encoding: lists and objects come as JSON, scalars as they were written."""
    if isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _build(values: Mapping[str, Any], paths: Mapping[str, tuple[str, ...]]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = paths[key]
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return Settings.model_validate(tree)


def _setting(location: tuple[str | int, ...], paths: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the setting that an error's location lies in (an item of a list has a longer location)."""
    return next(path for path in paths.values() if location[: len(path)] == path)


def _unknown(key: str, paths: Mapping[str, tuple[str, ...]]) -> Problem:
    close = difflib.get_close_matches(key, paths, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return Problem(key=key, what="is not a setting", remedy=f"{hint}remove it with `pulumi config rm {key}`")


def _invalid(
    path: tuple[str, ...],
    entry: Any,  # noqa: ANN401 - pydantic's details
    *,
    secret: bool,
) -> Problem:
    key = key_of(path)
    place = key + _inside(entry["loc"][len(path) :])
    reason = re.sub(
        r"^(Input should |Value error, )", lambda m: "should " if m[0][0] == "I" else "", entry["msg"]
    )
    default = json.dumps(_at(Settings(), path))
    if place == key:
        remedy = f"the default is {default}; set it with `pulumi config set {key} VALUE`"
    else:
        remedy = f"set it with `pulumi config set --path '{place}' VALUE`; the default of {key} is {default}"
    value = "not shown" if secret else repr(entry["input"])
    return Problem(key=place, what=f"is {value}, but {reason}", remedy=remedy)


def _inside(location: tuple[str | int, ...]) -> str:
    """Return a place inside of a setting's value, as `pulumi config set --path` takes it."""
    parts = [part for part in location if part != "[key]"]
    return "".join(
        f".{part}" if isinstance(part, str) and part.isidentifier() else f"[{json.dumps(part)}]"
        for part in parts
    )


def _at(settings: BaseModel, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any setting's value
    value: Any = settings.model_dump(mode="json")
    for name in path:
        value = value[name]
    return value
