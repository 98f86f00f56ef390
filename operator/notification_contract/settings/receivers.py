"""Settings for NotificationReceivers. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract.kinds.channel_type import Network  # noqa: TC001 - pydantic reads annotations at run time
from notification_contract.settings.section import Section


class Receivers(Section):
    """NotificationReceivers, and the Secrets that they refer to."""

    enabled: bool = True
    """Whether the operator delivers to NotificationReceivers. It then needs permission to read Secrets and ConfigMaps of its own namespace."""
    namespaced: bool = False
    """Whether receivers in other namespaces than the operator's may refer to Secrets and ConfigMaps. The operator then needs permission to read those of every namespace that it watches."""
    cluster: Annotated[str, Field(max_length=253)] = ""
    """Name of the cluster that messages to receivers and to the channel slack contain, and that templates can use; empty for none."""
    denied_networks: tuple[Network, ...] = ()
    """Networks that no receiver may connect to, such as `["2001:db8:64::/96"]`, whatever its `allowedNetworks` contains. List the networks of pods and Services if their addresses are public or IPv6, and the NAT64 prefix of the site. Addresses of metadata services, link-local and reserved ones are always refused."""
    max_per_namespace: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Maximum number of NotificationReceivers that are used of a namespace: the oldest. The others get the condition Ready=False, TooMany."""
    max_total: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """Maximum number of NotificationReceivers that are used of all namespaces: those of the operator's own first, then the oldest."""
