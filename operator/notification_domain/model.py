"""A NotificationRequest as a value, read from the object's JSON; a stored one can be larger than the schema admits."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds
from notification_contract.kinds.choices import BodyFormat, LifecycleEvent, Phase, Priority
from notification_domain.attempt import Attempt
from notification_domain.json_values import moment, parse_time
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.status import Reason, Status
from notification_domain.template_ref import TemplateRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


REFERENCE = 4096
LINK = 8192
RECIPIENT = 4096
LIMITS: Final[Mapping[str, int]] = {
    "subject": bounds.SUBJECT,
    "body": bounds.BODY,
    "metadata": bounds.METADATA_ENTRIES * (bounds.METADATA_NAME + bounds.METADATA_VALUE),
    "actionLinks": bounds.ACTION_LINKS * LINK,
    "recipients": bounds.RECIPIENTS * RECIPIENT,
    "remediationRequestRef": REFERENCE,
}
"""Characters of each field of the spec, names included: at least as many as the schema admits."""
LABELS: Final = 65_536
"""Characters of all labels; the API server bounds each of them, and not their number."""
STORED: Final = 1024 * 1024
"""Bytes of an object without its status. The API server stores at most 1.5 MiB: what is larger may have no room for its status."""
ESCAPED: Final = {"<": 5, ">": 5, "&": 5, "\u2028": 3, "\u2029": 3, "\\b": 4, "\\f": 4}
"""What the API server stores in more bytes than UTF-8 or Python takes, with the difference."""


def too_large(meta: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Return which field is too large to be delivered, and what to do; empty for what the schema admits."""
    for name, limit in LIMITS.items():
        size = characters(spec.get(name))
        if size > limit:
            return _refusal(f"spec.{name}", size, limit)
    size = characters(meta.get("labels"))
    if size > LABELS:
        return _refusal("metadata.labels", size, LABELS)
    # A character takes at most six bytes.
    if characters(meta) + characters(spec) <= STORED // 8:
        return ""
    size = stored([meta, spec])
    return _refusal("the object", size, STORED, unit="bytes") if size > STORED else ""


def characters(value: object) -> int:
    """Return the characters of all texts of a JSON value, including the names of its fields."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(name) + characters(each) for name, each in value.items())
    return sum(map(characters, value)) if isinstance(value, list) else 0


def stored(value: object) -> int:
    """Return the bytes that the API server stores of a JSON value."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode(errors="replace")) + sum(
        extra * text.count(each) for each, extra in ESCAPED.items()
    )


def _refusal(name: str, size: int, limit: int, *, unit: str = "characters") -> str:
    return (
        f"{name} has {size} {unit}, but at most {limit} are delivered; "
        "create a NotificationRequest with less text"
    )


__all__ = [
    "Attempt",
    "Content",
    "Notification",
    "Reason",
    "RetryPolicy",
    "Status",
    "parse",
]

RANKS: Final[Mapping[str, int]] = {priority.value: rank for rank, priority in enumerate(Priority)}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""An annotation that repeats the whole object; not part of the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`spec.retryPolicy`, with the contract's defaults; durations in whole seconds."""

    max_attempts: int = 5
    initial_backoff: int = 30
    multiplier: int = 2
    max_backoff: int = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of a notification, from its spec and metadata; raw, so it is redacted before it leaves."""

    type: str
    priority: str
    subject: str
    body: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    action_links: tuple[Mapping[str, str], ...] = ()
    recipients: tuple[Mapping[str, str], ...] = ()
    remediation_ref: str | None = None
    event: LifecycleEvent = LifecycleEvent.TRIGGER
    dedup_key: str = ""
    """The incident that the notification belongs to; empty: it stands alone."""
    format: BodyFormat | None = None
    """How the body is read; None: as plain text, or as the channel of the settings always has."""
    template: TemplateRef | None = None
    """The template of the body that overrides that of a receiver."""

    @property
    def rank(self) -> int:
        """The place of the priority in a waiting line; a lower rank comes first."""
        return RANKS.get(self.priority, len(RANKS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One NotificationRequest as just read from the API server."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime
    content: Content
    channels: tuple[str, ...]
    """The channels that the spec names, each once, in first-seen order; empty: routing chooses."""
    retry: RetryPolicy
    status: Status
    receiver_refs: tuple[ReceiverKey, ...] = ()
    """The receivers that the spec names, each once."""
    not_before: datetime | None = None
    """The time before which no attempt starts."""
    deliver_before: datetime | None = None
    """The time from which no attempt starts."""
    deleted: bool = False
    """Whether it was deleted and only finalizers keep it: no attempt starts any more."""
    too_large: str = ""
    """Why this notification is too large to be delivered; empty if it is not. Its content is left out then."""
    replay: bool = False
    """Whether it sends another notification again."""

    @property
    def phase(self) -> Phase:
        return self.status.phase

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return self.status.attempts

    @property
    def deliverable_from(self) -> datetime:
        """The time from which it may be delivered: its creation, or a later `spec.notBefore`."""
        return max(self.created, self.not_before or self.created)

    @property
    def resolved_channels(self) -> tuple[str, ...]:
        """The targets that an earlier reconciliation recorded as routing's choice."""
        return self.status.resolved_channels

    @property
    def names_targets(self) -> bool:
        """Whether the spec names channels or receivers; otherwise routing chooses."""
        return bool(self.channels or self.receiver_refs)

    def attempt_id(self, target: str, number: int) -> str:
        """Return the id of an attempt, stable across restarts."""
        return f"{self.uid}:{target}:{number}"

    def delivery_id(self, target: str) -> str:
        """Return the id that all attempts on a target share: receivers recognize a repeat by it."""
        return f"{self.uid}/{target}"


def parse(obj: Mapping[str, Any]) -> Notification:
    """Read an object whose spec the API server's schema admitted, and whose status anybody may have written."""
    meta, spec = obj["metadata"], obj["spec"]
    channels = tuple(dict.fromkeys(spec.get("channels") or ()))
    refusal = too_large(meta, spec)
    return Notification(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation", 1),
        created=parse_time(meta["creationTimestamp"]),
        content=_heading(spec) if refusal else _content(meta, spec),
        channels=channels,
        retry=_retry_policy(spec.get("retryPolicy") or {}),
        status=Status.parse(obj),
        receiver_refs=_receiver_refs(spec.get("receiverRefs") or (), meta["namespace"]),
        not_before=moment(spec.get("notBefore")),
        deliver_before=moment(spec.get("deliverBefore")),
        deleted="deletionTimestamp" in meta,
        too_large=refusal,
        replay=bool(spec.get("replayOf")),
    )


def _receiver_refs(refs: Iterable[Mapping[str, str]], namespace: str) -> tuple[ReceiverKey, ...]:
    keys = (ReceiverKey(ref.get("namespace") or namespace, ref["name"]) for ref in refs)
    return tuple(dict.fromkeys(keys))


def _heading(spec: Mapping[str, Any]) -> Content:
    return Content(
        type=spec["type"],
        priority=spec.get("priority") or "medium",
        subject=spec["subject"][: bounds.SUBJECT],
        body="",
    )


def _content(meta: Mapping[str, Any], spec: Mapping[str, Any]) -> Content:
    return Content(
        type=spec["type"],
        priority=spec.get("priority") or "medium",
        subject=spec["subject"],
        body=spec["body"],
        metadata=spec.get("metadata") or {},
        labels=meta.get("labels") or {},
        annotations={
            key: value for key, value in (meta.get("annotations") or {}).items() if key != LAST_APPLIED
        },
        action_links=tuple(spec.get("actionLinks") or ()),
        recipients=tuple(spec.get("recipients") or ()),
        remediation_ref=_own_reference(spec.get("remediationRequestRef") or {}, meta["namespace"]),
        event=LifecycleEvent(spec.get("event") or LifecycleEvent.TRIGGER),
        dedup_key=spec.get("dedupKey") or "",
        format=BodyFormat(spec["format"]) if spec.get("format") else None,
        template=_template((spec.get("template") or {}).get("configMapKeyRef")),
    )


def _template(ref: Mapping[str, str] | None) -> TemplateRef | None:
    return TemplateRef(config_map=ref["name"], key=ref["key"]) if ref else None


def _own_reference(ref: Mapping[str, Any], namespace: str) -> str | None:
    """Return the name in a reference, unless it names another namespace, whose objects are not the author's."""
    name: str | None = ref.get("name")
    return name if (ref.get("namespace") or namespace) == namespace else None


def _retry_policy(policy: Mapping[str, int]) -> RetryPolicy:
    default = RetryPolicy()
    return RetryPolicy(
        max_attempts=policy.get("maxAttempts", default.max_attempts),
        initial_backoff=policy.get("initialBackoffSeconds", default.initial_backoff),
        multiplier=policy.get("backoffMultiplier", default.multiplier),
        max_backoff=policy.get("maxBackoffSeconds", default.max_backoff),
    )
