"""A message as JSON, and as text or a line of bounded length.

The records of the operator and all notifications share one log and its rotation, so a line is bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.json_values import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_runtime.delivery.channel import Message


def message_json(message: Message) -> dict[str, Any]:
    """Return the JSON of a message; optional fields only where they are present."""
    content = message.content
    in_incident = message.dedup_key or message.event is not LifecycleEvent.TRIGGER
    optional = {
        "event": str(message.event) if in_incident else "",
        "dedup_key": message.dedup_key,
        "metadata": dict(content.metadata),
        "labels": dict(content.labels),
        "annotations": dict(content.annotations),
        "action_links": [dict(link) for link in content.action_links],
    }
    return {
        "notification_name": message.name,
        "notification_namespace": message.namespace,
        "notification_uid": message.uid,
        "attempt_id": message.id,
        "created": format_time(message.created),
        "type": content.type,
        "priority": content.priority,
        "subject": content.subject,
        "body": content.body,
        "channels": list(message.channels),
        **{name: value for name, value in optional.items() if value},
    }


LINE_BYTES: Final = 16_384
"""The longest text of a line, in bytes of JSON. Container runtimes split a longer line."""
LEAST_BODY: Final = 2_048
"""Bytes of the body that stay before the optional fields do."""
OPTIONAL: Final = ("metadata", "labels", "annotations", "action_links")


def bounded_text(text: str, message: Message, *, limit: int = LINE_BYTES) -> str:
    """Return the text; if it is too long, its beginning and the command that shows the whole notification."""
    size = _size(text)
    if size <= limit:
        return text
    note = f"… truncated from {size} bytes; {_hint(message)}\n"
    return cut(text, limit - _size(note)) + note


def bounded_line(document: Mapping[str, Any], message: Message, *, limit: int = LINE_BYTES) -> bytes:
    """Return a message as one line of JSON; in one that is too long the body is cut, and `truncated` says so.

    If the other fields leave too little room for the body, the optional ones are omitted.
    """
    line = orjson.dumps(document)
    if len(line) <= limit:
        return line
    note = f"truncated from {len(line)} bytes; {_hint(message)}"
    body = document["body"]
    short = {**document, "body": "", "truncated": note}
    if limit - len(orjson.dumps(short)) < min(LEAST_BODY, len(body)):
        short = {name: value for name, value in short.items() if name not in OPTIONAL}
    return orjson.dumps({**short, "body": cut(body, limit - len(orjson.dumps(short)))})


def cut(text: str, limit: int) -> str:
    """Return the beginning of a text, of so many bytes at most once it is a string of JSON."""
    text = text[: max(limit, 0)]
    while (size := _size(text)) > limit:
        text = text[: len(text) * limit // size]
    return text


def _size(text: str) -> int:
    """Return the bytes of a text as a string of JSON, without the quotes."""
    return len(orjson.dumps(text)) - 2


def _hint(message: Message) -> str:
    return f"see kubectl get notificationrequest {message.name} -n {message.namespace} -o yaml"
