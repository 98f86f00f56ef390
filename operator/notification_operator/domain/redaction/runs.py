"""Long runs without a separator, such as a file in base64: no rule is applied to more than a part of one.

Python's `re` holds the interpreter for a whole search. The rules are linear; should one of them not be, the time of its search still
stays bounded, because no text has a run of more than `LONGEST` characters when a rule is applied to it.

A longer run is opaque: nobody reads it, and a cut in it could divide a secret so that neither part is recognized. So it is not cut.
The rules are applied to the text with the middle of the run left out, to redact the run as the value that it may be: of a key, a
header, a member of JSON. They are applied to its parts too, which overlap by more than a vendor's token is long; if one part
holds a secret, nothing of the run stays.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from notification_operator.domain.redaction.rule import REDACTED

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST: Final = 16_384
"""Characters of the longest run that is searched as it is."""
OVERLAP: Final = 2_048
"""Characters that a part of a run shares with the next one."""
END: Final = 4_096
"""Characters that stay of each end of a run when its middle is left out."""
_STEP: Final = LONGEST // 2
_RUN: Final = re.compile(r"[\w+/.~-]+")
"""What tokens consist of. Quotes, blanks, brackets, and what is between a key and its value, separate."""


class _LeftOut(NamedTuple):
    """The middle of a run, and what stands for it."""

    mark: str
    middle: str


def apply_bounded(text: str, apply: Callable[[str], str]) -> str:
    """Return what `apply` makes of a text, without a long run in any text that it gets."""
    runs = long_runs(text)
    if not runs:
        return apply(text)
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    parts: list[str] = []
    left_out: list[_LeftOut] = []
    done = 0
    for start, end in runs:
        run, parts_before = text[start:end], text[done:start]
        if any(apply(part) != part for part in _overlapping(run)):
            parts += (parts_before, REDACTED)
        else:
            # A text cannot hold its own digest. Four characters of base64 stand for three bytes: some rules count them.
            mark = f"{digest[:24]}{len(left_out):08}"
            cut = END + (len(run) - 2 * END) // 4 * 4
            left_out.append(_LeftOut(mark, run[END:cut]))
            parts += (parts_before, run[:END], mark, run[cut:])
        done = end
    result = apply("".join((*parts, text[done:])))
    for mark, middle in left_out:
        result = result.replace(mark, middle)
    return result


def long_runs(text: str) -> list[tuple[int, int]]:
    """Return where the runs of more than `LONGEST` characters begin and end.

    Each of them has two places next to each other among those that are a multiple of half that length.
    """
    runs: list[tuple[int, int]] = []
    place = _STEP
    while place + _STEP <= len(text):
        match = _RUN.match(text, place)
        if match is None or match.end() < place + _STEP:
            place += _STEP
            continue
        start = _run_start(text, place)
        if match.end() - start > LONGEST:
            runs.append((start, match.end()))
        place = match.end() // _STEP * _STEP + _STEP
    return runs


def _run_start(text: str, place: int) -> int:
    """Return where the run begins that goes on at a place, at most a step before it."""
    before = _RUN.match(text[place - _STEP : place][::-1])
    return place - (before.end() if before else 0)


def _overlapping(run: str) -> list[str]:
    """Return the parts of a run; neighbors overlap."""
    return [run[start : start + LONGEST] for start in range(0, len(run) - OVERLAP, LONGEST - OVERLAP)]
