"""The channel type `pagerduty`. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from notification_contract.kinds.channel_type import AllowedNetworks, BaseUrl, ChannelType, TypeBlock
from notification_contract.kinds.secrets import DefaultKey, SecretRef


class PagerDuty(TypeBlock):
    """A PagerDuty integration, which gets events. For the type pagerduty."""

    routing_key_secret_ref: Annotated[SecretRef, DefaultKey("routing-key")]
    """The routing key of the integration, in a Secret."""
    base_url: BaseUrl = ""
    """The URL of the API. If absent, PagerDuty's. Only in the operator's namespace."""
    shared_keys: bool = False
    """Whether each dedupKey is used as it is, so that all namespaces share one set of incidents. Otherwise `NAMESPACE/` precedes a dedupKey that contains a slash or is from another namespace, so that no namespace can resolve the incidents of another namespace."""
    allowed_networks: AllowedNetworks = ()


PAGERDUTY: Final = ChannelType(
    name="pagerduty",
    title="PagerDuty",
    credential="the integration key of a service",
    block=PagerDuty,
    opens_incidents=True,
)
