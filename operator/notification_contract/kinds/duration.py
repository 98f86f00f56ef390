"""Durations as fields of the API, with their bounds. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract.durations import LONGEST, NEVER, OR_NEVER, PATTERN, seconds
from notification_contract.kinds.rules import ApiRule

Duration = Annotated[str, Field(max_length=32, pattern=PATTERN)]
DurationOrNever = Annotated[str, Field(max_length=32, pattern=OR_NEVER)]


def at_most_longest(field: str, example: str) -> ApiRule:
    """Return the rule that a duration is not longer than any other time allows that it is added to; `Never` is none."""
    parts = "self.findAll('[0-9]+(ms|s|m|h|d)').map(part, "
    units = "".join(
        f"part.endsWith('{unit}') ? int(part.replace('{unit}', '')){factor} : "
        for unit, factor in (("ms", ""), ("s", " * 1000"), ("m", " * 60000"), ("h", " * 3600000"))
    )
    longest = int(seconds(LONGEST) * 1000)
    return ApiRule(
        cel=f"!self.matches('[0-9]{{11}}') && {parts}{units}int(part.replace('d', '')) * 86400000).sum() <= {longest}",
        message=f"{field} must be at most {LONGEST}; write it like {example}",
        holds=lambda duration: duration in {None, NEVER} or seconds(duration) <= seconds(LONGEST),
    )
