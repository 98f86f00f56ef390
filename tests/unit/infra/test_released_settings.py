"""The settings of the last release keep key, type and default, and a further one has a later version (DD-VERSION-001)."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from notification_contract.settings import SETTINGS_VERSION, since
from platform_infra.settings.declarations import config_block
from platform_infra.settings.derivation import sources
from platform_infra.settings.model import Settings, key_of
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = re.compile(r"^LABEL ai\.kubernaut\.settings-version=(\d+)$", re.MULTILINE)


def broken_promises(released: Mapping[str, Any], version: int) -> list[str]:
    """Return what differs from a release with these keys of stacks, and with a version of the operator's settings."""
    present = config_block()
    changed = [
        f"{key} has another type or default, or is gone"
        for key, entry in released.items()
        if any(present.get(key, {}).get(name) != entry.get(name) for name in ("type", "default"))
    ]
    further = {key_of(source): path for path, source in sources(Settings).items()}
    return changed + [
        f"{key} needs a row in SINCE with a version after {version}"
        for key, path in further.items()
        if key not in released and since(path) <= version
    ]


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False, text=True)
    return done.stdout.strip()


def test_settings_keep_the_promises_of_the_last_release() -> None:
    """Before the first tag there are none."""
    if tag := git("describe", "--tags", "--abbrev=0"):
        (version,) = LABEL.findall(git("show", f"{tag}:Dockerfile"))
        released = yaml.safe_load(git("show", f"{tag}:Pulumi.yaml"))["config"]
        assert broken_promises(released, int(version)) == []


def test_changed_removed_and_unversioned_settings_are_reported() -> None:
    released = config_block()
    assert broken_promises(released, SETTINGS_VERSION) == []
    released["logLevel"] = released["logLevel"] | {"default": "loud"}
    released["gone"] = {"type": "string", "default": ""}
    del released["drillSchedule"]
    assert broken_promises(released, SETTINGS_VERSION) == [
        "logLevel has another type or default, or is gone",
        "gone has another type or default, or is gone",
        f"drillSchedule needs a row in SINCE with a version after {SETTINGS_VERSION}",
    ]
