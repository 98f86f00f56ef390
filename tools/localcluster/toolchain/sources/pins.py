"""The pins of pins.toml: every program of the toolchain, its version, its releases and its build steps."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from tools.localcluster.toolchain.group import Asset, Build, Copied, Group, ModuleFiles, Package

_PINS = tomllib.loads(Path(__file__).with_name("pins.toml").read_text("utf-8"))
GO_MINIMUM: tuple[int, ...] = tuple(_PINS["go_minimum"])
_TAGS: tuple[str, ...] = tuple(_PINS["tags"])


def _group(pin: dict[str, Any]) -> Group:
    version = str(pin["version"])
    parts = dict(zip(("{version}", "{major}", "{minor}"), (version, *version.split(".")), strict=False))
    filled = _filled(pin, parts)
    if package := filled.pop("package", None):
        filled["package"] = Package(**package)
    assets = tuple(Asset(**each) for each in filled.pop("assets", ()))
    steps = tuple(map(_step, filled.pop("steps", ())))
    return Group(assets=assets, steps=steps, **filled)


def _step(pin: dict[str, Any]) -> Build | Copied:
    if "source" in pin:
        return Copied(source=ModuleFiles(**pin["source"]))
    tags = _TAGS if pin.pop("tagged", False) else ()
    sources = tuple(ModuleFiles(**each) for each in pin.pop("sources", ()))
    return Build(tags=tags, sources=sources, **pin)


def _filled(value: Any, parts: dict[str, str]) -> Any:  # noqa: ANN401 - any value of a TOML document
    """Return a value with the parts of a version in its strings, and tuples in the place of lists."""
    match value:
        case str():
            for name, part in parts.items():
                value = value.replace(name, part)
            return value
        case list():
            return tuple(_filled(each, parts) for each in value)
        case dict():
            return {_filled(key, parts): _filled(each, parts) for key, each in value.items()}
        case _:
            return value


GROUPS: tuple[Group, ...] = tuple(map(_group, _PINS["groups"]))


def version_of(name: str) -> str:
    return next(group.version for group in GROUPS if group.name == name)
