"""A group of alerts, as a webhook reports it.

The formats are those of Alertmanager (version "4", prometheus.io/docs/alerting/latest/configuration/#webhook_config) and of
Grafana (version "1" with orgId, "Configure webhook notifications" in the documentation of Grafana Alerting), which has the
same shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from notification_domain.mapping.identity import digest
from notification_domain.mapping.translation import Malformed
from notification_domain.mapping.values import excerpt, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OWN_VERSION, GRAFANA_VERSION = "4", "1"


class Status(StrEnum):
    """Whether an alert is still the case, or any alert of a group."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of a group."""

    status: Status
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: datetime
    ends: datetime | None
    """None while it fires."""
    entry: Mapping[str, Any]
    """As the payload has it."""

    def read(self, name: str) -> str:
        """Return the value of a label."""
        return self.labels.get(name, "")

    @property
    def fires(self) -> bool:
        """Whether it is still the case."""
        return self.status is Status.FIRING

    @property
    def state(self) -> tuple[str, str, str, str]:
        """What tells it from other alerts, and from its own earlier and later states."""
        ends = self.ends.isoformat() if self.ends else ""
        return self.fingerprint, self.status, self.starts.isoformat(), ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What one webhook reports."""

    key: str
    status: Status
    alerts: tuple[Alert, ...]
    truncated: int
    """Alerts that the sender has left out."""
    external_url: str
    is_grafana: bool

    @property
    def fires(self) -> bool:
        """Whether any of its alerts is still the case."""
        return self.status is Status.FIRING

    @property
    def latest(self) -> datetime:
        """Since when the youngest of its alerts fires, or has fired."""
        return max(each.starts for each in self.alerts)

    @property
    def deciding(self) -> Sequence[Alert]:
        """The alerts that its priority and labels follow from: those that fire, or all of them after the end."""
        return [each for each in self.alerts if each.fires] if self.fires else self.alerts

    def only(self, admitted: Callable[[Alert], bool]) -> Group:
        """Return the group without the other alerts; it fires if one of the rest does, or may do so."""
        alerts = tuple(filter(admitted, self.alerts))
        if self.fires and len(alerts) < len(self.alerts) and not self.truncated:
            fires = any(each.fires for each in alerts)
            return replace(self, alerts=alerts, status=Status.FIRING if fires else Status.RESOLVED)
        return replace(self, alerts=alerts)


def read_group(payload: object) -> Group:
    """Return the group that a payload reports.

    Raises:
        Malformed: the payload has another format.
    """
    if not isinstance(payload, dict):
        raise Malformed("body", excerpt(payload), "an object")
    version = payload.get("version")
    is_grafana = version == GRAFANA_VERSION and "orgId" in payload
    if version != OWN_VERSION and not is_grafana:
        raise Malformed("version", excerpt(version), '"4" of Alertmanager, or "1" of Grafana with orgId')
    key, entries = payload.get("groupKey"), payload.get("alerts")
    if not isinstance(key, str) or not key:
        raise Malformed("groupKey", excerpt(key), "a text that identifies the group")
    if not isinstance(entries, list) or not entries:
        raise Malformed("alerts", excerpt(entries), "a list of at least one alert")
    status = _status("status", payload.get("status"))
    truncated, external_url = payload.get("truncatedAlerts"), payload.get("externalURL")
    return Group(
        key=key,
        status=status,
        alerts=tuple(_alert(f"alerts[{index}]", entry, status) for index, entry in enumerate(entries)),
        truncated=max(truncated, 0) if isinstance(truncated, int) else 0,
        external_url=external_url if isinstance(external_url, str) else "",
        is_grafana=is_grafana,
    )


def _alert(field: str, entry: object, group: Status) -> Alert:
    if not isinstance(entry, dict):
        raise Malformed(field, excerpt(entry), "an object")
    status = _status(f"{field}.status", entry.get("status", group))
    labels, fingerprint, ends = _texts(entry.get("labels")), entry.get("fingerprint"), entry.get("endsAt")
    if not isinstance(fingerprint, str) or not fingerprint:
        fingerprint = digest(sorted(labels.items()))
    return Alert(
        status=status,
        fingerprint=fingerprint,
        labels=labels,
        annotations=_texts(entry.get("annotations")),
        starts=_time(f"{field}.startsAt", entry.get("startsAt")),
        ends=None if status is Status.FIRING or ends is None else _time(f"{field}.endsAt", ends),
        entry=entry,
    )


def _status(field: str, value: object) -> Status:
    if not isinstance(value, str) or value not in tuple(Status):
        raise Malformed(field, excerpt(value), "firing or resolved")
    return Status(value)


def _texts(value: object) -> dict[str, str]:
    return {name: scalar(each) for name, each in value.items()} if isinstance(value, dict) else {}


def _time(field: str, value: object) -> datetime:
    """Return a time in UTC: two senders of the same alert may write it in different zones."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise Malformed(field, excerpt(value), "a time as in RFC 3339")
