"""The table of what works together, for docs/install.md: each cell is read from the declaration that the code or the packaging uses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

from notification_contract import names
from notification_contract.kinds.definitions import KINDS
from notification_contract.settings.version import SETTINGS_VERSION
from tools.generate.version import version
from tools.localcluster.toolchain.sources.pins import version_of

ROOT = Path(__file__).resolve().parents[2]
OLDEST_KUBERNETES: Final = "1.31"
"""The first version with ValidatingAdmissionPolicy as v1, and with the action `sleep` that a gateway pod stops by."""
PULUMI: Final = "packages/notification-platform-pulumi/pyproject.toml"


def table() -> str:
    newest = version_of("kubernetes").removeprefix("v")
    python = _project("pyproject.toml")["requires-python"].removeprefix(">=")
    rows = {
        "Kubernetes": f"{OLDEST_KUBERNETES} to {newest.rpartition('.')[0]}; tested with {newest}",
        "API": f"{', '.join(kind.name for kind in KINDS)} in `{names.GROUP}/{names.VERSION}`",
        "settings": f"version {SETTINGS_VERSION}",
        "Python of the image": _found("Dockerfile", r"^ARG BASE=python:([\d.]+)"),
        "Python of wheels, tools and program": f"{python} or later; tested with {_pythons()}",
        "platforms of the image": "linux/amd64, linux/arm64",
        **{
            f"`{name}` of the component": f"`{_requirement(name)}`"
            for name in ("pulumi", "pulumi-kubernetes")
        },
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join([f"| part | release {version()} |", "|---|---|", *lines])


def _project(path: str) -> dict[str, str]:
    project: dict[str, str] = tomllib.loads((ROOT / path).read_text("utf-8"))["project"]
    return project


def _requirement(name: str) -> str:
    (found,) = (each for each in _project(PULUMI)["dependencies"] if re.match(rf"{name}[><=]", each))
    return found.removeprefix(name)


def _found(path: str, pattern: str) -> str:
    match = re.search(pattern, (ROOT / path).read_text("utf-8"), re.MULTILINE)
    assert match is not None
    return match[1]


def _pythons() -> str:
    return ", ".join(re.findall(r'"([\d.]+)"', _found("noxfile.py", r"^PYTHONS = \((.*)\)")))
