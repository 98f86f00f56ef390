"""The built-in subject, body and links of a group of alerts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from notification_domain.mapping.links import Link
from notification_domain.mapping.text import LAST_LINE, MAX_NOTE, clean, cut, one_line, size
from notification_domain.mapping.values import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from notification_domain.mapping.alerts import Alert, Group

MOST_NAMES: Final = 3
"""Names of alerts in a subject."""
MAX_NAME: Final = 120
"""Characters of the name of an alert."""
MAX_LINE: Final = 1000
"""Characters of the line with the labels of an alert."""
NOTES: Final = 6 * (MAX_NOTE + 1)
"""The size that is left for notes, so that no alert is cut for one."""
ANNOTATIONS: Final = ("summary", "description")
"""The annotations that a body shows."""
FIELDS: Final = {
    "dashboardURL": "Dashboard",
    "panelURL": "Panel",
    "generatorURL": "Source",
    "silenceURL": "Silence",
}
"""The links of an alert, by their fields in the payload; Alertmanager sends that of the source only."""


def subject(group: Group) -> str:
    """Return which alerts fire or are resolved, and how many."""
    names = list(dict.fromkeys(map(_name, group.alerts)))
    beyond, total = len(names) - MOST_NAMES, len(group.alerts) + group.truncated
    more = f" and {beyond} more" if beyond > 0 else ""
    count = f" ({total} alerts)" if total > 1 else ""
    return f"{group.status.capitalize()}: {', '.join(names[:MOST_NAMES])}{more}{count}"


def body(group: Group, most: int) -> str:
    """Return a paragraph for each alert, as far as they and some notes fit into this size; firing alerts come first."""
    alerts = _ordered(group)
    paragraphs: list[str] = []
    left = room = max(most - min(NOTES, most // 4) - LAST_LINE, LAST_LINE)
    for number, alert in enumerate(alerts, 1):
        lines = _lines(alert, f"{number}. " if len(alerts) > 1 else "")
        paragraph = cut(clean("\n".join(lines)), room)
        left -= size(paragraph) + 2
        if left < 0 and paragraphs:
            break
        paragraphs.append(paragraph)
    beyond = len(alerts) - len(paragraphs) + group.truncated
    if beyond:
        paragraphs.append(f"… {beyond} further alert{'s' if beyond > 1 else ''}")
    return "\n\n".join(paragraphs)


def links(group: Group) -> list[Link]:
    """Return the links of all alerts; the label of one that not all of them share has the number of its alert."""
    found = [
        (number, kind, url)
        for number, alert in enumerate(_ordered(group), 1)
        for kind, url in _links(group, alert)
        if url
    ]
    users = Counter(url for _, url in {(number, url) for number, _, url in found})
    service = "grafana" if group.is_grafana else "alertmanager"
    return [
        Link(
            service=service,
            url=url,
            label=kind if users[url] == len(group.alerts) else f"{kind} of alert {number}",
        )
        for number, kind, url in found
    ]


def _ordered(group: Group) -> Sequence[Alert]:
    return sorted(group.alerts, key=lambda alert: not alert.fires)


def _name(alert: Alert) -> str:
    return one_line(alert.read("alertname"), MAX_NAME) or "alert without a name"


def _lines(alert: Alert, number: str) -> Iterator[str]:
    until = f", resolved at {_shown(alert.ends)}" if alert.ends else ""
    yield f"{number}{_name(alert)}: {alert.status}, began at {_shown(alert.starts)}{until}"
    yield from dict.fromkeys(filter(None, (alert.annotations.get(name, "").strip() for name in ANNOTATIONS)))
    if labels := ", ".join(
        f"{name}={alert.labels[name]}" for name in sorted(alert.labels) if name != "alertname"
    ):
        yield one_line(labels, MAX_LINE)


def _shown(moment: datetime) -> str:
    return f"{moment.isoformat(sep=' ', timespec='seconds').removesuffix('+00:00')} UTC"


def _links(group: Group, alert: Alert) -> Iterator[tuple[str, str]]:
    yield "Runbook", alert.annotations.get("runbook_url", "")
    for field, kind in FIELDS.items():
        yield kind, scalar(alert.entry.get(field))
    if alert.fires and "silenceURL" not in alert.entry and group.external_url:
        yield "Silence", _silence(group.external_url, alert)


def _silence(external_url: str, alert: Alert) -> str:
    """Return the address of Alertmanager's form for a silence of one alert."""
    matchers = ",".join(f"{name}={_quoted(value)}" for name, value in sorted(alert.labels.items()))
    return f"{external_url.rstrip('/')}/#/silences/new?filter={quote(f'{{{matchers}}}', safe='')}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
