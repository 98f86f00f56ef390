"""A rule over configuration: what is secret stands in a Secret, and nowhere else. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_policy.pods import containers_of, pod_of

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
"""What secrets look like, wherever they stand."""
NAMED = re.compile(
    r"(^|[_.-])(password|passwd|token|secret|api[_-]?key|webhook_?url|credentials?)$", re.IGNORECASE
)
"""How variables are called whose value is a secret, whatever it looks like."""


def no_plain_secrets(kind: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield each place of a ConfigMap, a pod or an annotation that holds a secret; the secret is not shown."""
    for place, name, text in _texts(kind, properties):
        shape = next((what for what, pattern in SHAPES.items() if pattern.search(text)), None)
        if shape:
            yield f"{place} holds {shape}; put it into a Secret"
        elif text and NAMED.search(name):
            yield f"{place} is a secret by its name; put it into a Secret"


def _texts(kind: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield place, name and text of whatever is readable by everyone who may look at the object."""
    metadata = properties.get("metadata") or {}
    for name, text in (metadata.get("annotations") or {}).items():
        yield f"metadata.annotations[{name}]", "", str(text)
    if kind == "ConfigMap":
        for name, text in (properties.get("data") or {}).items():
            yield f"data[{name}]", name, str(text)
    for container in containers_of(pod_of(kind, properties) or {}):
        place = f"container {container.get('name')}:"
        for variable in container.get("env") or ():
            yield (
                f"{place} env {variable.get('name')}",
                str(variable.get("name")),
                str(variable.get("value") or ""),
            )
        for word in (*(container.get("command") or ()), *(container.get("args") or ())):
            yield f"{place} its command line", "", str(word)
