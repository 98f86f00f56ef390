"""Every request that reached a receiver: answered, failed, open or aborted."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.harness.sink.sequences import Bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

REMEMBERED = 50_000
REMEMBERED_BYTES = 64 * 1024 * 1024
OVERHEAD = 1024
"""The assumed size of a hit without its body, in bytes."""


@dataclass(slots=True, kw_only=True)
class Hit:
    """One request. `code` is None until its answer is sent; `ended` is set when it is no longer open."""

    kind: str
    operator: str
    method: str
    path: str
    headers: dict[str, str]
    connection: int
    size: int
    at: float = field(default_factory=time.time)
    body: bytes = b""
    key: str = ""
    """The text that script tokens are matched with."""
    code: int | None = None
    ended: float | None = None
    client: str = ""
    """The name in the client's certificate, empty without one."""

    @property
    def uid(self) -> str:
        """The uid of its notification, from the header: `<uid>/<target>`, or `<uid>:<channel>:<number>`."""
        result = (value for name, value in self.headers.items() if name.lower() == "idempotency-key")
        return re.split("[:/]", next(result, ""), maxsplit=1)[0]

    def seen(self) -> dict[str, Any]:
        text = self.body.decode(errors="backslashreplace")
        return {
            "kind": self.kind,
            "at": self.at,
            "ended": self.ended,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": text,
            "json": _parsed(text),
            "key": self.key,
            "code": self.code,
            "completed": self.code is not None,
            "connection": self.connection,
            "client": self.client,
        }


class Hits:
    """The requests of all operators, oldest first; the oldest are dropped."""

    def __init__(self) -> None:
        self._hits: Bounded[Hit] = Bounded(
            count=REMEMBERED, size=REMEMBERED_BYTES, weigh=lambda hit: OVERHEAD + hit.size
        )

    @contextmanager
    def open(self, hit: Hit) -> Iterator[Hit]:
        """Record a hit, and note its end."""
        self._hits.add(hit)
        try:
            yield hit
        finally:
            hit.ended = hit.ended or time.time()

    def of(self, operator: str, *, kind: str = "", uid: str = "", token: str = "") -> list[dict[str, Any]]:
        """Return an operator's hits, filtered by the arguments."""
        return [
            hit.seen()
            for hit in self._hits
            if hit.operator == operator
            and kind in ("", hit.kind)
            and uid in ("", hit.uid)
            and (token in hit.key)
        ]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
