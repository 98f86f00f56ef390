"""Settings for NotificationReceivers. Pure."""

from __future__ import annotations

from notification_contract.settings.section import Section


class Receivers(Section):
    """NotificationReceivers, and the Secrets that they refer to."""

    enabled: bool = True
    """Whether the operator delivers to NotificationReceivers. It then needs permission to read Secrets and ConfigMaps of its own namespace."""
    namespaced: bool = False
    """Whether receivers in other namespaces than the operator's may refer to Secrets and ConfigMaps. The operator then needs permission to read those of every namespace that it watches."""
