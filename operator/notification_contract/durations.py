"""Durations as Kubernetes writes them, such as `30s` or `1h30m`. Pure."""

from __future__ import annotations

import re
from typing import Final

PATTERN: Final = r"^([0-9]+(ms|s|m|h|d))+$"
UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
"""Seconds of each unit."""
NEVER: Final = "Never"
OR_NEVER: Final = rf"^({NEVER}|([0-9]+(ms|s|m|h|d))+)$"
"""A duration, or that something happens after no time."""
LONGEST: Final = "30d"
"""The longest duration of a receiver: no time that it is added to leaves what a `datetime` can hold."""
_PART: Final = re.compile(r"([0-9]+)(ms|s|m|h|d)")


def seconds(duration: str) -> float:
    """Return the seconds of a duration.

    Raises:
        ValueError: the text is no duration.
    """
    if re.fullmatch(PATTERN, duration) is None:
        raise ValueError(f"{duration!r} is not a duration; write it like 30s, 5m or 1h30m")
    return sum(int(number) * UNITS[unit] for number, unit in _PART.findall(duration))
