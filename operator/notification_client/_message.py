"""The object that a notification is created as, and what its status says. Pure, but for the random name and the time of looks."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final, TypedDict

from notification_contract import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FINAL: Final = frozenset({"Sent", "PartiallySent", "Failed", "Suppressed"})
"""The phases that do not change any more."""
PAUSES: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between two looks at a status; the last one repeats."""
SECONDS, LEAST_SECONDS = 30.0, 1.0
"""Time limits of an answer of the API server: in general, and when the time to wait is over."""
DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that is delivered with the message; `service` is what it opens, such as grafana."""

    url: str
    label: str
    service: str = "link"


class Options(TypedDict, total=False):
    """The optional parts of a notification."""

    kind: str
    """`spec.type`, by default simple."""
    priority: str
    """critical, high, medium (the default) or low."""
    channels: Iterable[str]
    """Without channels and receivers, the routing rules choose them by the labels."""
    receivers: Iterable[str]
    """NotificationReceivers: `NAME` in the notification's own namespace, or `NAMESPACE/NAME`."""
    labels: Mapping[str, str]
    links: Iterable[Link]
    once: str
    """At most one notification exists in a namespace for each of these keys: its name is a hash of the key.

    Through the gateway, it exists for each key of each user, and has another name: a program that sends both ways sends twice.
    """
    incident: str
    """`spec.dedupKey`: what all notifications about the same incident have in common."""
    event: str
    """What the message says about the incident: Trigger (the default), Acknowledge or Resolve."""
    format: str
    """How the body is read: Plain, Markdown or Native."""
    template: str
    """A template of the body that overrides those of receivers: `CONFIGMAP/KEY`, in the notification's namespace."""
    not_before: datetime
    deliver_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the operator has recorded so far."""

    phase: str
    reason: str = ""
    message: str = ""
    attempts: int = 0

    @property
    def final(self) -> bool:
        """Whether the delivery is over."""
        return self.phase in FINAL

    @property
    def delivered(self) -> bool:
        """Whether every target accepted the message."""
        return self.phase == "Sent"


def looks(seconds: float) -> Iterator[float]:
    """Yield the seconds to sleep before each look at a status; the last look is after so many seconds."""
    deadline = time.monotonic() + seconds
    yield 0.0
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        yield min(pause, left)


def time_limit(left: float | None) -> float:
    """Return the time limit of a look when so many seconds are left; None if it is not part of a wait."""
    return SECONDS if left is None else min(max(left, LEAST_SECONDS), SECONDS)


def status_of(obj: Mapping[str, Any]) -> Status:
    """Return the status of an object as the API server holds it."""
    status = obj.get("status") or {}
    return Status(
        phase=status.get("phase") or "Pending",
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        attempts=status.get("totalAttempts", 0),
    )


def stable_name(once: str) -> str:
    """Return the object name of a key of the option `once`: the API server refuses a second object of the same name."""
    return f"notif-{hashlib.sha256(once.encode()).hexdigest()[:DIGITS]}"


def notification(subject: str, body: str, options: Options) -> dict[str, Any]:
    """Return the object to create; a TypeError names an option that does not exist."""
    if unknown := ", ".join(sorted(options.keys() - Options.__annotations__.keys())):
        raise TypeError(
            f"there is no option {unknown}; the options are {', '.join(sorted(Options.__annotations__))}"
        )
    once = options.get("once")
    name = stable_name(once) if once is not None else f"notif-{uuid.uuid4().hex[:DIGITS]}"
    spec: dict[str, Any] = {"type": options.get("kind", "simple"), "subject": subject, "body": body}
    spec["priority"] = options.get("priority", "medium")
    links = [
        {"service": link.service, "url": link.url, "label": link.label} for link in options.get("links", ())
    ]
    optional = {
        "channels": list(options.get("channels", ())),
        "receiverRefs": [_receiver_ref(each) for each in options.get("receivers", ())],
        "actionLinks": links,
        "dedupKey": options.get("incident"),
        "event": options.get("event"),
        "format": options.get("format"),
        "template": _template(options.get("template")),
        "notBefore": _time(options.get("not_before")),
        "deliverBefore": _time(options.get("deliver_before")),
    }
    spec |= {field: value for field, value in optional.items() if value}
    metadata = {"name": name, "labels": dict(options.get("labels", {}))}
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": spec}


def _receiver_ref(text: str) -> dict[str, str]:
    namespace, _, name = text.rpartition("/")
    return {"name": name, "namespace": namespace} if namespace else {"name": name}


def _template(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    config_map, _, key = text.partition("/")
    return {"configMapKeyRef": {"name": config_map, "key": key}}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
