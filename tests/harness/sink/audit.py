"""The audit store, one per operator: events validated on write, filtered on read, with scripted failures."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tests.harness.sink.answers import SUCCESS, Answer, give
from tests.harness.sink.hits import Hit
from tests.harness.sink.sequences import Bounded, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.harness.sink.connections import Connections
    from tests.harness.sink.hits import Hits

REMEMBERED = 100_000
REMEMBERED_BYTES = 128 * 1024 * 1024
DEFAULT_LIMIT, LARGEST_LIMIT = 50, 1000

Text = Annotated[str, Field(min_length=1)]


class Envelope(BaseModel):
    """The required fields of an event."""

    model_config = ConfigDict(extra="allow", strict=True)

    version: Literal["1.0"]
    event_type: Text
    event_timestamp: Annotated[AwareDatetime, Field(strict=False)]
    event_category: Text
    event_action: Text
    event_outcome: Literal["success", "failure", "pending"]
    actor_type: Text
    actor_id: Text
    resource_type: Text
    resource_id: Text
    correlation_id: Text
    namespace: Text
    event_data: dict[str, Any]


Batch: TypeAdapter[list[Envelope]] = TypeAdapter(Annotated[list[Envelope], Field(min_length=1)])


class Filters(BaseModel):
    """The filters of a read. The last two are specific to this store: tests read the events of one object."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_type: str | None = None
    event_category: str | None = None
    correlation_id: str | None = None
    event_outcome: str | None = None
    resource_id: str | None = None
    namespace: str | None = None


class Page(Filters):
    """A read: filters, and a page of the result."""

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    offset: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One event, and its size in bytes."""

    operator: str
    event: Mapping[str, Any]
    size: int


class AuditStore:
    """The events of all operators, in their order, including duplicates."""

    def __init__(self) -> None:
        self._events: Bounded[Stored] = Bounded(
            count=REMEMBERED, size=REMEMBERED_BYTES, weigh=lambda stored: stored.size
        )

    def add(self, operator: str, batch: Sequence[Mapping[str, Any]]) -> list[str]:
        """Store a batch completely or not at all; return the events' ids.

        Raises:
            pydantic.ValidationError: fields are missing; it names every event and field.
        """
        Batch.validate_python(batch)
        ids = []
        for event in batch:
            kept = {"event_id": str(uuid.uuid4()), **event}
            self._events.add(Stored(operator=operator, event=kept, size=len(json.dumps(kept))))
            ids.append(str(kept["event_id"]))
        return ids

    def read(self, operator: str, page: Page) -> dict[str, Any]:
        """Return a page of the events that pass the filters, and their number."""
        wanted = page.model_dump(exclude={"limit", "offset"}, exclude_none=True).items()
        result = [
            stored.event
            for stored in self._events
            if stored.operator == operator and all(stored.event.get(key) == value for key, value in wanted)
        ]
        end = page.offset + page.limit
        return {
            "data": result[page.offset : end],
            "pagination": {
                "limit": page.limit,
                "offset": page.offset,
                "total": len(result),
                "has_more": end < len(result),
            },
        }


KIND = "audit"
SCRIPT = TypeAdapter(list[Answer])
STORED = 201


class AuditApi:
    """`/audit/<operator>`: batch write, filtered read, health; `PUT …/answers` scripts the batch writes.

    A scripted answer without a code stores the events; one with a code does not.
    """

    def __init__(self, *, hits: Hits, connections: Connections) -> None:
        self._store = AuditStore()
        self._hits = hits
        self._connections = connections
        self._answers: defaultdict[str, Series[Answer]] = defaultdict(lambda: Series([], otherwise=SUCCESS))

    def routes(self) -> list[web.RouteDef]:
        base = "/audit/{operator}"
        return [
            web.post(f"{base}/api/v1/audit/events/batch", self._write),
            web.get(f"{base}/api/v1/audit/events", self._read),
            web.get(f"{base}/health", self._health),
            web.put(f"{base}/answers", self._script),
        ]

    async def _write(self, request: web.Request) -> web.StreamResponse:
        operator = request.match_info["operator"]
        hit = Hit(
            kind=KIND,
            operator=operator,
            method=request.method,
            path=request.path,
            headers=dict(request.headers),
            connection=self._connections.carry(request.transport, request.path),
            size=0,
        )
        with self._hits.open(hit):
            answer = self._answers[operator].take()
            body = await request.read()
            await answer.wait()
            stored = web.Response(status=STORED)
            if answer.store or (answer.code is None and not answer.drop):
                stored = self._stored(operator, body)
            return await give(request, hit, answer, stored)

    def _stored(self, operator: str, body: bytes) -> web.Response:
        try:
            ids = self._store.add(operator, json.loads(body))
        except (ValidationError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"event_ids": ids}, status=STORED)

    async def _read(self, request: web.Request) -> web.Response:
        page = Page.model_validate(dict(request.query))
        return web.json_response(self._store.read(request.match_info["operator"], page))

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def _script(self, request: web.Request) -> web.Response:
        answers = SCRIPT.validate_python(await request.json())
        self._answers[request.match_info["operator"]] = Series(answers, otherwise=SUCCESS)
        return web.json_response({})
