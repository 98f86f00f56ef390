"""The audit store: events by operator, validated on write, filtered on read."""

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
