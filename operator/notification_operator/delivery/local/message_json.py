"""A message as one JSON document, for the channels that deliver all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_operator.domain.json_values import format_time

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Message


def message_json(message: Message) -> dict[str, Any]:
    """Return the JSON of a message; optional fields only where they are present."""
    content = message.content
    optional = {
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
