"""From a webhook of Alertmanager or Grafana to the notification of its group of alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import LifecycleEvent
from notification_domain.mapping import alert_texts
from notification_domain.mapping.alerts import read_group
from notification_domain.mapping.draft import Draft, admits
from notification_domain.mapping.identity import Identity, digest, named
from notification_domain.mapping.strict_json import parse
from notification_domain.mapping.translation import FIRES_SINCE_ANNOTATION, Translation

if TYPE_CHECKING:
    from datetime import datetime

    from notification_contract.sources.source import NotificationSource
    from notification_domain.mapping.admission_limits import Limits
    from notification_domain.mapping.alerts import Group
    from notification_domain.mapping.post import Post

PREFIX: Final = "am"
TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
"""RFC 3339 in UTC: such texts are ordered like the times."""
EDGE: Final = 0.9
"""The share of `repeatAfter` up to which the object of the period before tells the same."""


def translate(source: NotificationSource, post: Post, limits: Limits) -> Translation:
    """Return the notification of a group, without the alerts that the filter leaves out.

    Raises:
        Malformed: the payload has another format.
    """
    payload: dict[str, Any] = parse(post.body)
    whole = read_group(payload)
    group = whole.only(lambda alert: admits(source, alert.read))
    filtered = len(whole.alerts) - len(group.alerts)
    if not group.alerts:
        return Translation(filtered=filtered)
    draft = Draft(
        identity=_identity(source, group, post.received),
        payload={**payload, "status": str(group.status), "alerts": [each.entry for each in group.alerts]},
        facts=[each.read for each in group.deciding or group.alerts],
        subject=alert_texts.subject(group),
        body=alert_texts.body(group, limits.body),
        links=alert_texts.links(group),
        event=LifecycleEvent.TRIGGER if group.fires else LifecycleEvent.RESOLVE,
        dedup_key=digest(source.namespace, source.name, group.key),
        annotations={FIRES_SINCE_ANNOTATION: f"{group.latest:{TIME}}"} if group.fires else {},
    )
    return Translation(notifications=(draft.notification(source, limits),), filtered=filtered)


def _identity(source: NotificationSource, group: Group, received: datetime) -> Identity:
    """Return the identity of a group in its state; while it fires, it is told again after each period.

    Alerts can be resolved because Prometheus was late, and fire again since the same time: that is no repeat.
    """
    parts = [source.uid, group.key, group.status, sorted(each.state for each in group.alerts)]
    seconds, latest = source.spec.repeat_seconds, group.latest
    if seconds is None or not group.fires:
        return Identity(name=named(PREFIX, *parts), fires_since=latest)
    period = max(int((received - latest).total_seconds() // seconds), 0)
    if not period:
        return Identity(name=named(PREFIX, *parts, period), fires_since=latest)
    return Identity(
        name=named(PREFIX, *parts, period),
        previous_name=named(PREFIX, *parts, period - 1),
        previous_within=timedelta(seconds=EDGE * seconds),
        fires_since=latest,
    )
