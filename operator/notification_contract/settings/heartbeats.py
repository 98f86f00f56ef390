"""Settings for heartbeats: messages whose absence is reported. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract.settings.section import Section


class Heartbeats(Section):
    """Heartbeats of NotificationSources, which the gateway receives."""

    enabled: bool = False
    """Whether the operator reports missing heartbeats of NotificationSources. It then needs permission to read NotificationSources, to update their status, to list the Leases of its namespace, and to create NotificationRequests."""
    tenant_sources: bool = False
    """Whether heartbeats of NotificationSources outside the operator's namespace are checked. Set it as `gateway.tenant_sources` of the gateway."""
    max_per_namespace: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Maximum number of NotificationSources of a namespace that are watched for heartbeats. Set it as `gateway.max_sources_per_namespace` of the gateway."""
    max_total: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """Maximum number of NotificationSources of all namespaces that are watched for heartbeats. Set it as `gateway.max_sources` of the gateway."""


class ExternalHeartbeat(Section):
    """Requests to a dead man's switch: a service elsewhere that raises an alarm when they stop."""

    secret: Annotated[str, Field(pattern=r"^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$")] = ""
    """Name of a Secret in the operator's namespace with the URL of a dead man's switch, which is a credential; empty for none. The operator sends a POST to it as long as the last drill has reached all receivers and is younger than two of its periods. It requires drills on a schedule."""
    secret_key: Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)] = "url"  # noqa: S105 - the name of a key
    """Key of the URL in the Secret of the external heartbeat."""
    every_seconds: Annotated[int, Field(ge=10, le=86_400)] = 60
    """Seconds between two requests to the dead man's switch. The switch must wait longer than that, and at least for two minutes: it gets no request while the operator moves to another node."""
