"""Durations as fields of the API, with their bounds. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from notification_contract.durations import LONGEST, NEVER, OR_NEVER, PATTERN, seconds
from notification_contract.kinds.rules import ApiRule

Duration = Annotated[str, Field(max_length=32, pattern=PATTERN)]
DurationOrNever = Annotated[str, Field(max_length=32, pattern=OR_NEVER)]


def at_most_longest(field: str, example: str) -> ApiRule:
    """Return the rule that a duration is not longer than any other time allows that it is added to; `Never` is none."""
    most = _milliseconds(LONGEST)
    return ApiRule(
        cel=f"{_IS_SHORT} && {_SUM} <= {most}",
        message=f"{field} must be at most {LONGEST}; write it like {example}",
        holds=lambda duration: duration in {None, NEVER} or seconds(duration) <= seconds(LONGEST),
    )


def between(field: str, *, least: str, most: str = LONGEST, example: str) -> ApiRule:
    """Return the rule that a duration has these bounds."""
    return ApiRule(
        cel=f"{_IS_SHORT} && {_SUM} >= {_milliseconds(least)} && {_SUM} <= {_milliseconds(most)}",
        message=f"{field} must be at least {least} and at most {most}; write it like {example}",
        holds=lambda duration: duration is None or seconds(least) <= seconds(duration) <= seconds(most),
    )


def _milliseconds(duration: str) -> int:
    return int(seconds(duration) * 1000)


def _sum() -> str:
    """Return the milliseconds of a duration in CEL, whose own durations have no days."""
    units = "".join(
        f"part.endsWith('{unit}') ? int(part.replace('{unit}', '')){factor} : "
        for unit, factor in (("ms", ""), ("s", " * 1000"), ("m", " * 60000"), ("h", " * 3600000"))
    )
    return f"self.findAll('[0-9]+(ms|s|m|h|d)').map(part, {units}int(part.replace('d', '')) * 86400000).sum()"


_SUM: Final = _sum()
_IS_SHORT: Final = "!self.matches('[0-9]{11}')"
"""In CEL: no number of a duration is so long that its milliseconds overflow."""
