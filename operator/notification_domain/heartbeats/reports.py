"""The notifications about heartbeats. Their names identify the event, so that each of them exists once. Pure."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds, names
from notification_contract.kinds.choices import LifecycleEvent, MessageType, Priority
from notification_domain.json_values import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_contract.sources.source import NotificationSource
    from notification_domain.heartbeats.presence import Silence

DIGITS: Final = 20
"""Hexadecimal digits in a name."""
TRIGGER, RESOLVE = LifecycleEvent.TRIGGER, LifecycleEvent.RESOLVE
PREFIX: Final = {TRIGGER: "missed", RESOLVE: "back"}


def missed(source: NotificationSource, last: datetime) -> dict[str, Any]:
    """Return the Trigger for a missing beat; `last` is the beat before it."""
    heartbeat = source.spec.heartbeat
    assert heartbeat is not None
    text = (
        f"The source {source.namespace}/{source.name} has sent no heartbeat since {_readable(last)}. "
        f"One is expected every {heartbeat.every}, and may be {heartbeat.grace} late."
    )
    subject = heartbeat.subject or f"No heartbeat of {source.name}"
    return _of_source(source, last, TRIGGER, subject=subject, body=text)


def back(source: NotificationSource, last: datetime, beat: datetime) -> dict[str, Any]:
    """Return the Resolve for a beat that was missing; `last` is the beat before it, and `beat` the one after."""
    heartbeat = source.spec.heartbeat
    assert heartbeat is not None
    text = (
        f"The source {source.namespace}/{source.name} sends heartbeats again since {_readable(beat)}. "
        f"The one before came at {_readable(last)}."
    )
    subject = f"Back: {heartbeat.subject}" if heartbeat.subject else f"Heartbeat of {source.name} is back"
    return _of_source(source, last, RESOLVE, subject=subject, body=text)


def missed_all(namespace: str, silence: Silence, sources: int) -> dict[str, Any]:
    """Return the notice that no heartbeat of any source of a namespace was received."""
    text = (
        f"No replica of the notification gateway was there for {silence.seconds:.0f} s, or the API server was not. "
        f"Heartbeats of {sources} sources of namespace {namespace} were not received meanwhile. A source whose heartbeat was expected in this time has "
        "its whole time again as soon as the gateway is back; until then, nothing is reported as missing."
    )
    spec = {
        "type": MessageType.ESCALATION.value,
        "priority": Priority.HIGH.value,
        "subject": "Heartbeats are not received: the notification gateway is away",
        "body": text,
    }
    return _document(namespace, f"missed-all-{_digest(format_time(silence.since))[:DIGITS]}", spec)


def _of_source(
    source: NotificationSource, last: datetime, event: LifecycleEvent, *, subject: str, body: str
) -> dict[str, Any]:
    spec, heartbeat = source.spec, source.spec.heartbeat
    assert heartbeat is not None
    digest = _digest(source.uid, format_time(last))
    refs = heartbeat.receiver_refs or spec.receiver_refs
    values = {
        "type": (spec.mapping.type or MessageType.ESCALATION).value,
        "priority": (heartbeat.priority or spec.priority.default).value,
        "subject": " ".join(subject.split())[: bounds.SUBJECT],
        "body": body,
        "receiverRefs": [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in refs],
        "event": event.value,
        "dedupKey": digest,
    }
    return _document(
        source.namespace,
        f"{PREFIX[event]}-{digest[:DIGITS]}",
        {key: value for key, value in values.items() if value},
        labels={names.SOURCE_LABEL: source.name},
    )


def _document(
    namespace: str, name: str, spec: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"namespace": namespace, "name": name, **({"labels": labels} if labels else {})},
        "spec": spec,
    }


def _digest(*parts: str) -> str:
    return sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _readable(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")
