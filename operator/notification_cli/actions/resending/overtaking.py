"""Whether a younger event of its incident has made a notification out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_cli.errors import ApiError
from notification_cli.kube.resources import Selection
from notification_cli.views.incidents import YoungestEvents, incident_of
from notification_cli.views.resending.candidates import reported_since, resolved_since
from notification_domain.incident import incident_selector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_cli.session import Session


async def overtaken(session: Session, original: Mapping[str, Any]) -> str:
    """Return which younger event of its incident exists by now, as a clause; empty for none, or if an older CRD cannot tell."""
    incident, events = incident_of(original), YoungestEvents()
    if incident is None:
        return ""
    query = Selection(namespace=incident.namespace, fields=incident_selector(incident.key))
    try:
        async for page in session.notifications.pages(query):
            for obj in page.items:
                events.add(obj)
    except ApiError as error:
        if not error.unselectable:
            raise
    if resolved_since(original, events):
        return "its incident was resolved since"
    return "its incident was reported again since" if reported_since(original, events) else ""
