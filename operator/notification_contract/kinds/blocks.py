"""The blocks of a NotificationReceiver: what each type of receiver needs. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from notification_contract import bounds
from notification_contract.kinds.block import (
    EmailAddress,
    Network,
    PhoneNumber,
    SecretName,
    SecretRef,
    SecretUse,
    TypeBlock,
    Url,
    credentials,
    elsewhere,
    use,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class WebhookFormat(StrEnum):
    """The form of a webhook's body."""

    STANDARD_WEBHOOKS = "StandardWebhooks"
    CLOUD_EVENTS = "CloudEvents"
    TEMPLATE = "Template"


class Webhook(TypeBlock):
    """Posts signed JSON to a URL."""

    url: Url = ""
    url_secret_ref: SecretRef | None = None
    """The URL where it contains a secret; the default key is `url`."""
    format: WebhookFormat = WebhookFormat.STANDARD_WEBHOOKS
    content_type: Annotated[str, Field(max_length=128)] = "application/json"
    """Of the format Template."""
    signing_secret_refs: Annotated[tuple[SecretRef, ...], Field(max_length=4)] = ()
    """The default key is `signing-key`; the first key signs, and so does each further one during a rotation."""
    headers_secret_ref: SecretName | None = None
    """A Secret whose keys are the names of headers."""
    insecure: bool = False
    """Whether http is permitted."""
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()
    """Private networks that the URL may lead to."""

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the URL, the signing keys and the headers."""
        if self.url_secret_ref:
            yield use("webhook.urlSecretRef", self.url_secret_ref, "url")
        for index, ref in enumerate(self.signing_secret_refs):
            yield use(f"webhook.signingSecretRefs[{index}]", ref, "signing-key")
        if self.headers_secret_ref:
            yield SecretUse(field="webhook.headersSecretRef", name=self.headers_secret_ref.name, key=None)

    def restricted_fields(self) -> Iterator[str]:
        """Yield what opens private networks."""
        if self.insecure:
            yield "webhook.insecure"
        if self.allowed_networks:
            yield "webhook.allowedNetworks"


class Security(StrEnum):
    """How a connection to a mail server is encrypted."""

    STARTTLS = "StartTLS"
    TLS = "TLS"
    NONE = "None"


class Email(TypeBlock):
    """Sends e-mail through an SMTP server."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Security = Security.STARTTLS
    sender: EmailAddress = Field(alias="from")
    to: Annotated[tuple[EmailAddress, ...], Field(max_length=bounds.RECEIVER_RECIPIENTS)] = ()
    auth_secret_ref: SecretName | None = None
    """A Secret with the keys `username` and `password`."""
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield user name and password."""
        if self.auth_secret_ref:
            yield from credentials("email", self.auth_secret_ref)

    def restricted_fields(self) -> Iterator[str]:
        """Yield what opens private networks."""
        if self.allowed_networks:
            yield "email.allowedNetworks"


class Teams(TypeBlock):
    """Posts Adaptive Cards to a Microsoft Teams workflow."""

    url_secret_ref: SecretRef
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the URL."""
        yield use("teams.urlSecretRef", self.url_secret_ref, "url")

    def restricted_fields(self) -> Iterator[str]:
        """Yield what opens private networks."""
        if self.allowed_networks:
            yield "teams.allowedNetworks"


class PagerDuty(TypeBlock):
    """Sends events to a PagerDuty integration."""

    routing_key_secret_ref: SecretRef
    base_url: Url = ""
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the routing key."""
        yield use("pagerduty.routingKeySecretRef", self.routing_key_secret_ref, "routing-key")

    def restricted_fields(self) -> Iterator[str]:
        """Yield what leads elsewhere than to the service."""
        yield from elsewhere("pagerduty", self.base_url, self.allowed_networks)


class UnknownOutcome(StrEnum):
    """What follows when nobody knows whether the service accepted a message."""

    FAIL = "Fail"
    RETRY = "Retry"


class Sms(TypeBlock):
    """Sends text messages through Twilio, or a service with the same API."""

    account_sid: Annotated[str, Field(min_length=1, max_length=128)]
    auth_secret_ref: SecretName
    """A Secret with the keys `username` and `password`."""
    sender: Annotated[str, Field(alias="from", max_length=64)] = ""
    messaging_service_sid: Annotated[str, Field(max_length=128)] = ""
    to: Annotated[tuple[PhoneNumber, ...], Field(max_length=bounds.RECEIVER_RECIPIENTS)] = ()
    base_url: Url = ""
    unknown_outcome: UnknownOutcome = UnknownOutcome.FAIL
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield user name and password."""
        yield from credentials("sms", self.auth_secret_ref)

    def restricted_fields(self) -> Iterator[str]:
        """Yield what leads elsewhere than to the service."""
        yield from elsewhere("sms", self.base_url, self.allowed_networks)


class Slack(TypeBlock):
    """Posts to Slack through an incoming webhook, or with a bot token to a channel."""

    webhook_url_secret_ref: SecretRef | None = None
    bot_token_secret_ref: SecretRef | None = None
    channel: Annotated[str, Field(max_length=256)] = ""
    mentions: bool = False
    """Whether `@channel` and the like reach people."""
    base_url: Url = ""
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the URL, or the token."""
        if self.webhook_url_secret_ref:
            yield use("slack.webhookUrlSecretRef", self.webhook_url_secret_ref, "url")
        if self.bot_token_secret_ref:
            yield use("slack.botTokenSecretRef", self.bot_token_secret_ref, "token")

    def restricted_fields(self) -> Iterator[str]:
        """Yield what leads elsewhere than to the service."""
        yield from elsewhere("slack", self.base_url, self.allowed_networks)


class Discord(TypeBlock):
    """Posts embeds to a Discord webhook."""

    url_secret_ref: SecretRef
    mentions: bool = False
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the URL."""
        yield use("discord.urlSecretRef", self.url_secret_ref, "url")

    def restricted_fields(self) -> Iterator[str]:
        """Yield what opens private networks."""
        if self.allowed_networks:
            yield "discord.allowedNetworks"


class Mattermost(TypeBlock):
    """Posts Markdown to a Mattermost incoming webhook."""

    url_secret_ref: SecretRef
    channel: Annotated[str, Field(max_length=256)] = ""
    username: Annotated[str, Field(max_length=256)] = ""
    mentions: bool = False
    allowed_networks: Annotated[tuple[Network, ...], Field(max_length=16)] = ()

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the URL."""
        yield use("mattermost.urlSecretRef", self.url_secret_ref, "url")

    def restricted_fields(self) -> Iterator[str]:
        """Yield what opens private networks."""
        if self.allowed_networks:
            yield "mattermost.allowedNetworks"


class Apprise(TypeBlock):
    """Sends to a service that the library Apprise knows."""

    url_secret_ref: SecretRef

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the URL."""
        yield use("apprise.urlSecretRef", self.url_secret_ref, "url")

    def restricted_fields(self) -> Iterator[str]:
        """Yield the block: its connections cannot be guarded."""
        yield "apprise"


BLOCKS: Final[tuple[tuple[str, type[TypeBlock]], ...]] = (
    ("webhook", Webhook),
    ("email", Email),
    ("teams", Teams),
    ("pagerduty", PagerDuty),
    ("sms", Sms),
    ("slack", Slack),
    ("discord", Discord),
    ("mattermost", Mattermost),
    ("apprise", Apprise),
)
"""The types of receivers that have a block, which has the name of the type."""
