"""The kubeconfig file of a stack on this machine, for kubectl and the other commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from tools.platform.pulumi.environment import STATE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = STATE_FOLDER / "kubeconfigs"


def kubeconfig_path(stack: str) -> Path:
    """Return the path of the file, whether it exists or not."""
    return FOLDER / stack


def write_kubeconfig(stack: str, content: str) -> Path:
    """Write the file, readable only by its owner, and return its path."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = kubeconfig_path(stack)
    file.touch(mode=0o600)
    file.write_text(content)
    return file


def drop_kubeconfig(stack: str) -> None:
    """Remove the file, if it exists."""
    kubeconfig_path(stack).unlink(missing_ok=True)


def namespaced(content: str, context: str, namespace: str) -> str:
    """Return the kubeconfig with this context and default namespace."""
    document = yaml.safe_load(content)
    for entry in document["contexts"]:
        if entry["name"] == context:
            entry["context"]["namespace"] = namespace
    document["current-context"] = context
    text: str = yaml.safe_dump(document, sort_keys=False)
    return text
