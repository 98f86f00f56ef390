"""Texts of an example that were not replaced, such as `REPLACE-ME`: they are no credential and no address. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACEHOLDER: Final = re.compile(
    r"(?<![a-z0-9])(?:(?:replace|change)[-_/ ]?me|your[-_](?:token|password|secret|key))(?![a-z0-9])|UkVQTEFDRS1NR",
    re.IGNORECASE,
)
"""The last one is REPLACE-ME in base64, for the key of a signature."""
HINT: Final = "it still has the placeholder of an example, such as REPLACE-ME; put the real value there"


def is_placeholder(text: str) -> bool:
    """Return whether a text is, or contains, a placeholder."""
    return _PLACEHOLDER.search(text) is not None


def placeholders(value: object, path: str) -> Iterator[str]:
    """Yield the paths of the texts in a spec that have a placeholder, without templates and references to objects."""
    match value:
        case str() if is_placeholder(value):
            yield path
        case dict():
            for key, each in value.items():
                if key not in {"template", "mapping"} and not key.endswith(("Ref", "Refs")):
                    yield from placeholders(each, f"{path}.{key}")
        case list() | tuple():
            for index, each in enumerate(value):
                yield from placeholders(each, f"{path}[{index}]")
        case _:
            return
