"""The requests that came by: what each asked for, and what became of it."""

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

    `code` is what the asker got: None while it is open, when the connection was cut, or when the asker went
    away. `upstream` is what the API server answered: None when it never saw the request. `rule` is the number
    of the rule that it met. `events` counts what a watch has passed on.
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
        """Return it as JSON, for the one who asks."""
        plain = asdict(self)
        return {**plain.pop("kind"), **plain}


class Records:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=REMEMBERED)

    @contextmanager
    def open(self, record: Record) -> Iterator[Record]:
        """Keep a request, and note when it is over."""
        self._records.append(record)
        try:
            yield record
        finally:
            record.ended = time.time()

    def of(self, match: Match, code: int | None) -> list[dict[str, Any]]:
        """Return the requests that fit, answered with a code if one is given."""
        return [
            record.seen()
            for record in self._records
            if match.fits(record.kind) and code in (None, record.code)
        ]

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()
