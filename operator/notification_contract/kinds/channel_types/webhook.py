"""The channel type `webhook`. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from notification_contract.kinds.channel_type import AllowedNetworks, ChannelType, Restricted, TypeBlock, Url
from notification_contract.kinds.rules import exactly_one, filled, present
from notification_contract.kinds.secrets import DefaultKey, Keys, SecretKeys, SecretRef


class WebhookFormat(StrEnum):
    """The form of a webhook's body."""

    STANDARD_WEBHOOKS = "StandardWebhooks"
    CLOUD_EVENTS = "CloudEvents"
    TEMPLATE = "Template"


class Webhook(TypeBlock):
    """A webhook: signed JSON, posted to a URL. For the type webhook."""

    url: Url = ""
    """The URL. Use urlSecretRef instead if it contains a secret."""
    url_secret_ref: Annotated[SecretRef | None, DefaultKey("url")] = None
    """The URL, in a Secret."""
    format: WebhookFormat = WebhookFormat.STANDARD_WEBHOOKS
    """The form of the request. StandardWebhooks: JSON as in the specification Standard Webhooks. CloudEvents: a CloudEvent 1.0 in structured mode. Template: the text of the template."""
    content_type: Annotated[str, Field(max_length=128)] = "application/json"
    """The content type of a request of the format Template."""
    signing_secret_refs: Annotated[tuple[SecretRef, ...], Field(max_length=4), DefaultKey("signing-key")] = ()
    """The keys that sign each request, one signature per key; several during a rotation. Without keys, requests are not signed."""
    headers_secret_ref: Annotated[SecretKeys | None, Keys()] = None
    """Additional headers of each request, in a Secret: each key is the name of a header."""
    insecure: Annotated[bool, Restricted()] = False
    """Whether the URL may begin with http://. Only in the operator's namespace."""
    allowed_networks: AllowedNetworks = ()

    rules = (exactly_one("webhook", filled("url"), present("url_secret_ref")),)


WEBHOOK: Final = ChannelType(
    name="webhook",
    title="webhook",
    credential="the URL of your service, and a signing key that you generate",
    block=Webhook,
)
