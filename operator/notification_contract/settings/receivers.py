"""Settings for NotificationReceivers. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.kinds.channel_type import Network  # noqa: TC001 - pydantic reads annotations at run time
from notification_contract.settings.section import Section

HostName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]


class Receivers(Section):
    """NotificationReceivers, and the Secrets that they refer to."""

    enabled: bool = True
    """Whether the operator delivers to NotificationReceivers. It then needs permission to read the Secrets and ConfigMaps of its namespace that they refer to."""
    namespaced: bool = False
    """Whether receivers in other namespaces than the operator's may refer to Secrets and ConfigMaps. The operator then needs permission to read the Secrets and ConfigMaps of every namespace that it watches."""
    types_elsewhere: tuple[ReceiverType, ...] = (ReceiverType.CONSOLE, ReceiverType.LOG, ReceiverType.FILE)
    """Types that receivers in other namespaces than the operator's may have. The default types send nothing over the network. Each further type lets everyone who may change receivers in a served namespace send from the operator's network; a receiver of another type gets the condition Ready=False, NotAllowed."""
    cluster: Annotated[str, Field(max_length=253)] = ""
    """Name of the cluster that messages to receivers and to the channel slack contain, and that templates can use; empty for none."""
    denied_networks: tuple[Network, ...] = ()
    """Networks that no receiver may connect to, and no OpenID Connect provider of the gateway may be in, such as `["2001:db8:64::/96"]`, whatever `allowedNetworks` and `gatewayAllowedNetworks` contain. List the networks of pods and Services if their addresses are public or IPv6, and the NAT64 prefix of the site. Addresses of metadata services, link-local and reserved ones are always refused."""
    allowed_hosts: tuple[HostName, ...] = ()
    """Hosts that receivers may connect to, such as `["example.com", "events.pagerduty.com"]`, each with the names below it; empty for all. It applies to every receiver, and to the OpenID Connect providers of the gateway. If it is set, the operator refuses receivers of the type apprise, because that library opens the connections itself."""
    max_per_namespace: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Maximum number of NotificationReceivers of a namespace that are used: the oldest. A receiver with long texts, such as a template, counts once more for each 8 KiB. The others get the condition Ready=False, TooMany."""
    max_total: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """Maximum number of NotificationReceivers of all namespaces that are used: first those in the operator's namespace. Among the others, the namespace with the most gives way."""
