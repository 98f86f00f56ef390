"""Settings for NotificationReceivers. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract.settings.section import Section


class Receivers(Section):
    """NotificationReceivers, and the Secrets that they refer to."""

    enabled: bool = True
    """Whether the operator delivers to NotificationReceivers. It then needs permission to read Secrets and ConfigMaps of its own namespace."""
    namespaced: bool = False
    """Whether receivers in other namespaces than the operator's may refer to Secrets and ConfigMaps. The operator then needs permission to read those of every namespace that it watches."""
    cluster: Annotated[str, Field(max_length=253)] = ""
    """Name of the cluster that messages to receivers contain, and that templates can use; empty for none."""
