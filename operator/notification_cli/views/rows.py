"""A notification as a row of a list. Objects of any version can be shown: nothing that is missing is an error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.text import clean, duration
from notification_contract.kinds.choices import Phase, TargetState
from notification_domain.json_values import entries, mapping, moment, parse_time, text
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.targets import receiver_of
from notification_domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
STYLES: Final[Mapping[str, str]] = {
    Phase.SENT: "green",
    Phase.PARTIALLY_SENT: "yellow",
    Phase.FAILED: "bold red",
    Phase.RETRYING: "yellow",
    Phase.SENDING: "cyan",
    Phase.PENDING: "dim",
    Phase.SUPPRESSED: "dim",
}
"""Colors of the phases."""


def styled(phase: str, reason: str) -> tuple[str, str]:
    """Return a phase as it is shown, and its color; what only the operator's log has is not green."""
    if reason == Reason.ONLY_LOGGED:
        return f"{phase} ({reason})", "yellow"
    return phase, STYLES.get(phase, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a list shows of a notification; every text is fit for a terminal."""

    namespace: str
    name: str
    type: str
    priority: str
    phase: str
    attempts: int
    created: datetime
    subject: str
    reason: str
    message: str
    next_at: datetime | None
    incident: str
    not_before: datetime | None
    waits_for: tuple[str, ...]
    """The reasons of the targets that wait, each once; `-` for one whose reason is not recorded; Delivering for an attempt."""

    def waits(self, now: datetime) -> tuple[str, ...]:
        """Return what it waits for; `-` alone if it is due, and the operator has recorded nothing yet."""
        due = self.not_before is None or self.not_before <= now
        return self.waits_for or (("-",) if due and self.phase == Phase.PENDING else ())

    def age(self, now: datetime) -> str:
        return duration((now - self.created).total_seconds())

    def next_attempt(self, now: datetime) -> str:
        """Return when the next attempt is due; a hyphen for none."""
        if self.next_at is None:
            return "-"
        return f"in {duration((self.next_at - now).total_seconds())}" if self.next_at > now else "due"


def row_of(obj: Mapping[str, Any]) -> Row:
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return Row(
        namespace=clean(meta.get("namespace", "")),
        name=clean(meta["name"]),
        type=clean(spec.get("type", "")),
        priority=clean(spec.get("priority") or "medium"),
        phase=clean(status.get("phase") or Phase.PENDING),
        attempts=status.get("totalAttempts") or 0,
        created=created_at(obj),
        subject=clean(spec.get("subject", "")),
        reason=clean(status.get("reason", "")),
        message=clean(status.get("message", "")),
        next_at=moment(mapping(status).get("nextAttemptAt")),
        incident=clean(spec.get("dedupKey") or ""),
        not_before=moment(mapping(spec).get("notBefore")),
        waits_for=tuple(dict.fromkeys(_waits_for(mapping(status)))),
    )


def _waits_for(status: Mapping[str, Any]) -> Iterator[str]:
    for target in map(mapping, entries(status.get("targets"))):
        match text(target.get("state")):
            case TargetState.WAITING:
                yield clean(text(target.get("reason"))) or "-"
            case TargetState.DELIVERING:
                yield TargetState.DELIVERING.value


def created_at(obj: Mapping[str, Any]) -> datetime:
    text = obj["metadata"].get("creationTimestamp")
    return parse_time(text) if text else EPOCH


def receivers_of(obj: Mapping[str, Any]) -> frozenset[ReceiverKey]:
    """Return the receivers that an object names, and those of its recorded targets."""
    namespace, spec = obj["metadata"].get("namespace", ""), mapping(obj.get("spec"))
    status = mapping(obj.get("status"))
    refs = [mapping(ref) for ref in entries(spec.get("receiverRefs"))]
    names = [text(mapping(target).get("name")) for target in entries(status.get("targets"))]
    names += [text(name) for name in entries(status.get("resolvedChannels"))]
    keys = {ReceiverKey(text(ref.get("namespace")) or namespace, text(ref.get("name"))) for ref in refs}
    return frozenset(keys | {key for name in names if (key := receiver_of(name, namespace)) is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverFilter:
    """A receiver by name; an empty namespace means any."""

    name: str
    namespace: str = ""

    @classmethod
    def parse(cls, written: str) -> ReceiverFilter:
        """Return the filter of `NAME` or `NAMESPACE/NAME`.

        Raises:
            ValueError: the text has another form.
        """
        namespace, slash, name = written.rpartition("/")
        if not name or "/" in namespace or bool(slash) != bool(namespace):
            raise ValueError(f"{written!r} is no receiver; write NAME or NAMESPACE/NAME")
        return cls(name=name, namespace=namespace)

    def matches(self, keys: Iterable[ReceiverKey]) -> bool:
        return any(key.name == self.name and self.namespace in {"", key.namespace} for key in keys)
