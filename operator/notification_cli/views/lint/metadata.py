"""What is wrong with the metadata of an object, by the rules of the API server. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
LONGEST_NAME, LONGEST_LABEL = 253, 63


def metadata_problems(meta: object) -> Iterator[str]:
    if not isinstance(meta, dict) or not (meta.get("name") or meta.get("generateName")):
        yield "metadata.name: missing; give the object a name, or a generateName"
        return
    name = meta.get("name")
    if name is not None and not _is_subdomain(name):
        yield (
            f"metadata.name: {name!r} is not a name; use lower-case letters, digits, - and ., "
            f"at most {LONGEST_NAME} characters"
        )
    labels = meta.get("labels") or {}
    if not isinstance(labels, dict):
        yield "metadata.labels: must be a mapping"
        return
    for key, value in labels.items():
        yield from _label(key, value)


def _label(key: object, value: object) -> Iterator[str]:
    prefix, _, short = str(key).rpartition("/")
    if not is_label(short) or (prefix and not _is_subdomain(prefix)):
        yield f"metadata.labels: {key!r} is not the name of a label"
    if not isinstance(value, str):
        yield f"metadata.labels.{key}: must be a string (got {value!r}); put it in quotes"
    elif value and not is_label(value):
        yield (
            f"metadata.labels.{key}: {value!r} is not the value of a label; use letters, digits, -, _ and ., "
            f"at most {LONGEST_LABEL} characters"
        )


def _is_subdomain(text: object) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST_NAME and _SUBDOMAIN.fullmatch(text) is not None


def is_label(text: str) -> bool:
    """Return whether a text can be the value of a label, or the name of one."""
    return len(text) <= LONGEST_LABEL and _LABEL_NAME.fullmatch(text) is not None
