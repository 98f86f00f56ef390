"""A container's log, read on from where the last look ended: a look costs what is new, not what is there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Fetch: TypeAlias = Callable[[str], str]
    """Takes the earliest second wanted (RFC 3339) and returns the lines since then, each behind its time."""

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S* (.*)")


class PodLog:
    """The records that one container has logged since a moment."""

    def __init__(self, fetch: Fetch, since: datetime) -> None:
        self._fetch = fetch
        self._since = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._older: list[dict[str, Any]] = []
        self._newest: list[dict[str, Any]] = []
        """Those of the second that the next look begins with."""

    def records(self) -> list[dict[str, Any]]:
        """Look, and return all records so far, oldest first; lines that are no JSON objects are left out."""
        lines = self._fetch(self._since).split("\n")
        # The last piece is empty, or a line that is still being written and that the next look will find.
        timed = [match.groups() for line in lines[:-1] if (match := LINE.fullmatch(line))]
        if timed:
            self._take(timed)
        return self._older + self._newest

    def _take(self, timed: list[tuple[str | Any, ...]]) -> None:
        """Replace what was known of the second that the look began with."""
        last = timed[-1][0]
        before = [record for second, text in timed if second < last for record in _record(text)]
        self._newest = [record for second, text in timed if second >= last for record in _record(text)]
        self._older += before
        self._since = f"{last}Z"


def _record(text: str) -> list[dict[str, Any]]:
    if not text.startswith("{"):
        return []
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return []
