"""Settings for heartbeats: messages whose absence is reported. Pure."""

from __future__ import annotations

from notification_contract.settings.section import Section


class Heartbeats(Section):
    """Heartbeats of NotificationSources, which the gateway receives."""

    enabled: bool = False
    """Whether the operator reports missing heartbeats of NotificationSources. It then needs permission to read NotificationSources, to update their status, to list the Leases of its own namespace, and to create NotificationRequests."""
    tenant_sources: bool = False
    """Whether sources outside the operator's namespace count, as the gateway's setting of this name says which are served."""
