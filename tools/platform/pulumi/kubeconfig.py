"""The kubeconfig file of a stack on this machine, for kubectl and the other commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import yaml

from tools.platform.pulumi.environment import STATE_FOLDER, secure_folder

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = STATE_FOLDER / "kubeconfigs"
FILE_MODE = 0o600


def kubeconfig_path(stack: str) -> Path:
    """Return the path of the file, whether it exists or not."""
    return FOLDER / stack


def write_kubeconfig(stack: str, content: str) -> Path:
    """Write the file, readable only by its owner, and return its path."""
    secure_folder(FOLDER.parent)
    secure_folder(FOLDER)
    file = kubeconfig_path(stack)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, FILE_MODE), "w") as stream:
        # The mode comes first: an existing file may be readable by others.
        os.fchmod(stream.fileno(), FILE_MODE)
        stream.truncate()
        stream.write(content)
    return file


def drop_kubeconfig(stack: str) -> None:
    """Remove the file, if it exists."""
    kubeconfig_path(stack).unlink(missing_ok=True)


def namespaced(content: str, context: str, namespace: str) -> str:
    document = yaml.safe_load(content)
    for entry in document["contexts"]:
        if entry["name"] == context:
            entry["context"]["namespace"] = namespace
    document["current-context"] = context
    text: str = yaml.safe_dump(document, sort_keys=False)
    return text
