"""PagerDuty: the Events API v2, and what becomes of an incident by its events."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.harness.sink.services.service import Answered, Posted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KEY_LENGTH = 32
MAX_EVENT = 512 * 1024
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")


class State(StrEnum):
    """The state of an incident, as PagerDuty calls it."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


def follow(state: State | None, action: str) -> State | None:
    """Return the state after an event; None: there is no incident with the key.

    A trigger joins an open incident, which stays acknowledged, and opens another one after a resolve. Other events about
    an incident that is not open are accepted and dropped.
    """
    if action == "trigger":
        return State.ACKNOWLEDGED if state is State.ACKNOWLEDGED else State.TRIGGERED
    if state in {None, State.RESOLVED}:
        return state
    return State.ACKNOWLEDGED if action == "acknowledge" else State.RESOLVED


def incidents(hits: Iterable[Mapping[str, Any]]) -> dict[str, State]:
    """Return the incidents by their key, from all requests in the order of their answers; what was not accepted is left out."""
    result: dict[str, State] = {}
    accepted = (hit for hit in hits if hit["code"] == HTTPStatus.ACCEPTED)
    for hit in sorted(accepted, key=lambda hit: float(hit["ended"])):
        key = str(hit["json"]["dedup_key"])
        state = follow(result.get(key), hit["json"]["event_action"])
        if state is not None:
            result[key] = state
    return result


def accepted(dedup_key: str) -> Answered:
    """Return the answer to an accepted event."""
    return Answered(
        status=202, body={"status": "success", "message": "Event processed", "dedup_key": dedup_key}
    )


def refused(*errors: str) -> Answered:
    """Return the answer to an event that is not valid."""
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
    return Answered(status=400, body=body)


def enqueue(posted: Posted) -> Answered:
    """Answer one event."""
    if len(posted.body) > MAX_EVENT:
        return Answered(status=413, body="Payload too large")
    event = posted.json
    errors = list(_errors(event, posted))
    return refused(*errors) if errors else accepted(str(event.get("dedup_key") or "generated"))


def _errors(event: Mapping[str, Any], posted: Posted) -> Iterator[str]:
    key = event.get("routing_key")
    if not isinstance(key, str) or len(key) != KEY_LENGTH:
        yield f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)"
    elif not posted.has(key):
        yield "Invalid routing key"
    if event.get("event_action") not in ACTIONS:
        yield f"'event_action' must be one of {', '.join(ACTIONS)}"
    elif event["event_action"] == "trigger":
        yield from _payload_errors(event.get("payload") or {})
    elif not event.get("dedup_key"):
        yield "'dedup_key' is missing or blank"


def _payload_errors(payload: Mapping[str, Any]) -> Iterator[str]:
    for name in ("summary", "source", "severity"):
        if not payload.get(name):
            yield f"'payload.{name}' is missing or blank"
    if payload.get("severity") not in (None, "", *SEVERITIES):
        yield "'payload.severity' is invalid (must be one of critical, error, warning or info)"
