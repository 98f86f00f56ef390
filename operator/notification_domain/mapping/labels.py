"""Labels of a notification from the values of a payload. No payload sets a label that the platform itself reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from notification_contract import bounds, names
from notification_domain.mapping.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notification_contract.sources.mapping import LabelMapping
    from notification_domain.mapping.admission_limits import Limits

    Read = Callable[[str], str]
    """Returns the value of a label of an alert, or of a dotted path into a payload; empty if there is none."""

MAX_LABEL: Final = 63
"""Characters of a label's value, and of its name without the prefix."""
NOT_IN_LABEL: Final = re.compile(r"[^A-Za-z0-9_.-]")
PREFIX: Final = re.compile(r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?")
"""What the API server accepts in front of the name."""
RESERVED: Final = frozenset(
    value for value in vars(names).values() if isinstance(value, str) and value.startswith(names.LABEL_PREFIX)
)
"""Every label and annotation that has a meaning for the platform."""


def label_value(text: str) -> str:
    """Return a text as the value of a label, or as a name without prefix; empty if nothing is left of it."""
    return NOT_IN_LABEL.sub("_", text)[:MAX_LABEL].strip("_.-")


def agreed(facts: Sequence[Read], mapping: LabelMapping) -> dict[str, str]:
    """Return the values that a mapping includes and all facts agree on, by the names of their labels."""
    found: dict[str, str] = {}
    for path in mapping.include:
        values = {read(path) for read in facts}
        if len(values) == 1 and (value := values.pop()):
            found[path] = value
    return found


def labels_of(values: Mapping[str, str], mapping: LabelMapping, name_of: Read) -> dict[str, str]:
    """Return labels for values that are found under a name or path."""
    result: dict[str, str] = {}
    for path, value in values.items():
        key, text = f"{mapping.prefix}{label_value(name_of(path))}", label_value(value)
        if text and _may_set(key, mapping.prefix):
            result.setdefault(key, text)
    return result


def originals(values: Mapping[str, str], limits: Limits) -> dict[str, str]:
    """Return values for `spec.metadata`, as they were before they became labels."""
    entries = [
        (
            clean(path)[: bounds.METADATA_NAME],
            # In bytes: with a body of the largest size, the API server can still store the notification.
            clean(value).encode()[: limits.metadata_value].decode(errors="ignore"),
        )
        for path, value in values.items()
    ]
    return dict(entries[: limits.metadata_entries])


def _may_set(key: str, prefix: str) -> bool:
    return len(key) > len(prefix) and key not in RESERVED and PREFIX.fullmatch(prefix) is not None
