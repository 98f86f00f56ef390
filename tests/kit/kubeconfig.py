"""Kubeconfigs with one context, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping


def kubeconfig(
    cluster: Mapping[str, Any], user: Mapping[str, Any], *, name: str = "there", **context: str
) -> str:
    """Return a kubeconfig whose cluster, user and current context have the same name.

    `cluster` is such as `{"server": "https://…"}`, `user` such as `{"token": "…"}`, `context` such as a namespace.
    """
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **context}}],
        "current-context": name,
    }
    return yaml.safe_dump(content)
