"""CloudEvents 1.0 over HTTP: one in headers and body (binary), one in the body (structured), or several in it (batch).

Formats: the HTTP protocol binding and the JSON event format of github.com/cloudevents/spec.
"""

from __future__ import annotations

import binascii
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from notification_domain.mapping.draft import Draft, admits
from notification_domain.mapping.identity import Identity, by_content, named
from notification_domain.mapping.strict_json import parse
from notification_domain.mapping.text import SURROGATE
from notification_domain.mapping.translation import Malformed, Translation, UnsupportedType
from notification_domain.mapping.values import excerpt, shown, text_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudevents.core.base import BaseCloudEvent

    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping.admission_limits import Limits
    from notification_domain.mapping.labels import Read
    from notification_domain.mapping.post import Post
    from notification_domain.mapping.translation import Notification

PREFIX: Final = "ce"
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
EVENT_FORMATS: Final = "application/cloudevents"
"""What the types of all formats of events begin with."""
MAX_EVENTS: Final = 100
HEADER: Final = "ce-"
IDENTIFYING: Final = ("specversion", "id", "source", "type")
"""The attributes that every event has. The SDK makes up an id for an event without one."""
TEXTS: Final = ("time", "data_base64")
"""What the SDK reads of JSON without a look at its type."""
SHOWN: Final = ("source", "time")
FORMAT: Final = JSONFormat()


def translate(source: NotificationSource, post: Post, limits: Limits) -> Translation:
    """Return the notifications of one event, or of a batch of them.

    Raises:
        UnsupportedType: the events are not in JSON.
        Malformed: one of them is not a CloudEvent.
    """
    notifications: dict[str, Notification] = {}
    filtered = 0
    for event in _events(post):
        read = partial(text_at, event)
        if not admits(source, read):
            filtered += 1
            continue
        identity = Identity(name=named(PREFIX, source.uid, event["source"], event["id"]))
        if post.covered and not post.media_type.startswith(EVENT_FORMATS):
            # No signature covers the attributes in the headers.
            identity = by_content(PREFIX, source, post)
        made = _draft(identity, event, read).notification(source, limits)
        notifications.setdefault(made.name, made)
    return Translation(notifications=tuple(notifications.values()), filtered=filtered)


def _draft(identity: Identity, event: dict[str, Any], read: Read) -> Draft:
    about = event.get("subject")
    lines = [f"{name}: {event[name]}" for name in SHOWN if name in event]
    if event.get("data") is not None:
        lines += ["", shown(event["data"])]
    return Draft(
        identity=identity,
        payload=event,
        facts=(read,),
        subject=f"{event['type']}: {about}" if about else event["type"],
        body="\n".join(lines),
    )


def _events(post: Post) -> list[dict[str, Any]]:
    """Return events as JSON has them, with `data` in place of `data_base64`."""
    media_type = post.media_type
    if media_type == STRUCTURED:
        return [_structured("", parse(post.body))]
    if media_type == BATCH:
        batch = parse(post.body)
        if not isinstance(batch, list) or not 0 < len(batch) <= MAX_EVENTS:
            found = f"a list of {len(batch)}" if isinstance(batch, list) else excerpt(batch)
            raise Malformed("body", found, f"a list of 1 to {MAX_EVENTS} events")
        return [_structured(f"[{index}].", each) for index, each in enumerate(batch)]
    if media_type.startswith(EVENT_FORMATS):
        raise UnsupportedType(
            "content-type", excerpt(media_type), f"{STRUCTURED}, {BATCH} or the type of the data"
        )
    return [_binary(post)]


def _structured(place: str, event: object) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise Malformed(place.rstrip(".") or "body", excerpt(event), "an object")
    given = {name: value for name, value in event.items() if value is not None}
    for name in TEXTS:
        if not isinstance(given.get(name, ""), str) or not given.get(name, "").isascii():
            raise Malformed(f"{place}{name}", excerpt(given[name]), "a text in ASCII")
    return _checked(place, given, lambda: FORMAT.read(CloudEvent, json.dumps(given)))


def _binary(post: Post) -> dict[str, Any]:
    headers = {name: value for name, value in post.headers.items() if name.startswith(HEADER)}
    given = {name.removeprefix(HEADER): value for name, value in headers.items()}
    if post.content_type:
        headers["content-type"] = post.content_type
    for name, value in headers.items():
        if SURROGATE.search(value):
            raise Malformed(name, excerpt(value), "a text in UTF-8")
    media_type = post.media_type or FORMAT.DEFAULT_CONTENT_TYPE
    is_json = bool(post.body) and FORMAT.JSON_CONTENT_TYPE_PATTERN.match(media_type) is not None
    message = HTTPMessage(headers, b"" if is_json else post.body)
    event = _checked(HEADER, given, lambda: from_binary(message, FORMAT, CloudEvent))
    return {**event, "data": parse(post.body)} if is_json else event


def _checked(place: str, given: Mapping[str, Any], read: Callable[[], BaseCloudEvent]) -> dict[str, Any]:
    """Return the event that the SDK reads.

    Args:
        place: what the names of attributes begin with in an error.
        given: the attributes before they are read.
        read: calls the SDK.
    """
    for name in IDENTIFYING:
        if not isinstance(given.get(name), str) or not given[name]:
            raise Malformed(f"{place}{name}", excerpt(given.get(name)), "a text")
    try:
        event = read()
    except CloudEventValidationError as error:
        name, problems = next(iter(error.errors.items()))
        wanted = f"as CloudEvents 1.0 says: {problems[0]}"
        raise Malformed(f"{place}{name}", excerpt(given.get(name)), wanted) from None
    except binascii.Error as error:
        raise Malformed(f"{place}data_base64", str(error), "base64") from None
    except (ValueError, OverflowError):
        raise Malformed(f"{place}time", excerpt(given.get("time")), "a time as in RFC 3339") from None
    attributes, data = dict(event.get_attributes()), event.get_data()
    # The SDK gives an event without a time the present one.
    moment = attributes.pop("time")
    if "time" in given:
        attributes["time"] = moment.isoformat()
    if data is not None:
        attributes["data"] = f"binary, {len(data)} bytes" if isinstance(data, bytes) else data
    return attributes
