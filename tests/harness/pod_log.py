"""A container's log, read incrementally: each read fetches new lines only."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Fetch: TypeAlias = Callable[[str], str]
    """Takes the earliest second (RFC 3339), and returns the lines since then, with timestamps."""

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S* (.*)")


class PodLog:
    """The records that a container has logged since a time."""

    def __init__(self, fetch: Fetch, since: datetime) -> None:
        self._fetch = fetch
        self._since = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._older: list[dict[str, Any]] = []
        self._newest: list[dict[str, Any]] = []
        """The records of the second that the next read starts with."""

    def records(self) -> list[dict[str, Any]]:
        """Return all records so far, oldest first; lines that are no JSON objects are ignored."""
        lines = self._fetch(self._since).split("\n")
        # The last piece is empty or an incomplete line, which the next read returns.
        timed = [match.groups() for line in lines[:-1] if (match := LINE.fullmatch(line))]
        if timed:
            self._take(timed)
        return self._older + self._newest

    def _take(self, timed: list[tuple[str | Any, ...]]) -> None:
        """Replace the records of the second that the read started with."""
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
