"""The recorded requests, each with its result."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.faultproxy.kinds import RequestKind
    from tests.harness.faultproxy.rules import Match

REMEMBERED = 20_000


@dataclass(slots=True, kw_only=True)
class Record:
    """One request; times in seconds since the epoch.

    `code` is the client's response: None while it is open, if the connection was cut, or if the client
    disconnected. `upstream` is the API server's response: None if it has not seen the request. `rule` is the
    number of the applied rule. `events` counts the forwarded events of a watch.
    """

    kind: RequestKind
    method: str
    path: str
    rule: int | None
    at: float = field(default_factory=time.time)
    ended: float | None = None
    code: int | None = None
    upstream: int | None = None
    events: int = 0

    def seen(self) -> dict[str, Any]:
        plain = asdict(self)
        return {**plain.pop("kind"), **plain}


class Records:
    """The most recent requests, oldest first."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=REMEMBERED)

    @contextmanager
    def open(self, record: Record) -> Iterator[Record]:
        """Record a request, and note its end."""
        self._records.append(record)
        try:
            yield record
        finally:
            record.ended = time.time()

    def of(self, match: Match, code: int | None) -> list[dict[str, Any]]:
        """Return the matching requests, with this code if one is given."""
        return [
            record.seen()
            for record in self._records
            if match.fits(record.kind) and code in (None, record.code)
        ]

    def clear(self) -> None:
        self._records.clear()
