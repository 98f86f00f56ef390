"""What an audit store holds: events by operator, checked when they come in, filtered when they are asked for."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from tests.harness.sink.bounded import Bounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REMEMBERED = 100_000
REMEMBERED_BYTES = 128 * 1024 * 1024
DEFAULT_LIMIT, LARGEST_LIMIT = 50, 1000

Text = Annotated[str, Field(min_length=1)]


class Envelope(BaseModel):
    """What every event must say."""

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
    """What narrows a reading. The last two are this store's own: a check asks for what is about one object."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_type: str | None = None
    event_category: str | None = None
    correlation_id: str | None = None
    event_outcome: str | None = None
    resource_id: str | None = None
    namespace: str | None = None


class Page(Filters):
    """A reading: filters, and which part of what they leave."""

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    offset: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One event as it came, and what it costs in bytes."""

    operator: str
    event: Mapping[str, Any]
    size: int


class AuditStore:
    """The events of all operators, in the order in which they came; the same one twice is there twice."""

    def __init__(self) -> None:
        self._events: Bounded[Stored] = Bounded(
            count=REMEMBERED, size=REMEMBERED_BYTES, weigh=lambda stored: stored.size
        )

    def add(self, operator: str, batch: Sequence[Mapping[str, Any]]) -> list[str]:
        """Store a batch, all of it or nothing; return the events' ids.

        Raises:
            pydantic.ValidationError: something is missing; it names every event and field.
        """
        Batch.validate_python(batch)
        ids = []
        for event in batch:
            kept = {"event_id": str(uuid.uuid4()), **event}
            self._events.add(Stored(operator=operator, event=kept, size=len(json.dumps(kept))))
            ids.append(str(kept["event_id"]))
        return ids

    def read(self, operator: str, page: Page) -> dict[str, Any]:
        """Return the events that pass the filters, a page of them, and how many there are."""
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
