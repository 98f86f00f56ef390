"""A rule for configuration: secret values are stored only in Secrets. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_policy.pods import containers_of, pod_annotations, pod_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHAPES = {
    "a Slack webhook": re.compile(r"hooks\.slack\.com/(services|workflows)/\w"),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[\w-]{8,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_|github_pat_)\w{20,}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    "a URL with a password": re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@"),
    "a bearer token": re.compile(r"\bBearer +[\w.~+/-]{16,}"),
}
"""Patterns of secret values, by what they are."""
NAMED = re.compile(
    r"(^|[_.-])(password|passwd|token|secret|api[_-]?key|webhook_?url|credentials?)$", re.IGNORECASE
)
"""Names of variables whose value is always a secret."""


def no_plain_secrets(kind: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield each field of a ConfigMap, a pod or an annotation that contains a secret, without its value."""
    for field, name, text in _texts(kind, properties):
        shape = next((name for name, pattern in SHAPES.items() if pattern.search(text)), None)
        if shape:
            yield f"{field} contains {shape}; move it to a Secret"
        elif text and NAMED.search(name):
            yield f"{field} is a secret according to its name; move it to a Secret"


def _texts(kind: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield field, name and text of everything that readers of the object can see."""
    metadata = properties.get("metadata") or {}
    for name, text in (metadata.get("annotations") or {}).items():
        yield f"metadata.annotations[{name}]", "", str(text)
    for name, text in pod_annotations(kind, properties).items():
        yield f"spec.template.metadata.annotations[{name}]", "", str(text)
    if kind == "ConfigMap":
        for name, text in (properties.get("data") or {}).items():
            yield f"data[{name}]", name, str(text)
    for container in containers_of(pod_of(kind, properties) or {}):
        prefix = f"container {container.get('name')}:"
        for variable in container.get("env") or ():
            yield (
                f"{prefix} env {variable.get('name')}",
                str(variable.get("name")),
                str(variable.get("value") or ""),
            )
        for argument in (*(container.get("command") or ()), *(container.get("args") or ())):
            yield f"{prefix} command line", "", str(argument)
