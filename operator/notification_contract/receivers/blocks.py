"""The blocks of a NotificationReceiver: what each type of receiver needs. Pure."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from notification_contract import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=1024)]
Url = Annotated[str, Field(max_length=2048)]
EmailAddress = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]
PhoneNumber = Annotated[str, Field(max_length=16, pattern=r"^\+[1-9][0-9]{4,14}$")]


def _network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        known = False
    else:
        known = text.rpartition("/")[2].isdecimal() and "/" in text
    if not known:
        raise ValueError(f"{text!r} is not a network; write it like 10.1.0.0/16")
    return text


Network = Annotated[str, Field(max_length=64, json_schema_extra={"format": "cidr"}), AfterValidator(_network)]


class Block(BaseModel):
    """A part of a spec. It rejects unknown keys and is immutable; keys are in camel case."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class SecretRef(Block):
    """A key of a Secret in the receiver's namespace."""

    name: Name
    key: Annotated[str, Field(max_length=253)] = ""
    """The key; empty: the usual one of the field."""


class SecretName(Block):
    """A Secret in the receiver's namespace."""

    name: Name


class SecretUse(BaseModel):
    """One value that a receiver reads from a Secret."""

    model_config = ConfigDict(frozen=True)

    field: str
    """The field of the spec, as a path such as `webhook.urlSecretRef`."""
    name: str
    """The name of the Secret."""
    key: str | None
    """The key of the value; None: all keys of the Secret together."""


def use(field: str, ref: SecretRef, default: str) -> SecretUse:
    """Return the use of a reference, with the default key of its field."""
    return SecretUse(field=field, name=ref.name, key=ref.key or default)


class TypeBlock(Block):
    """What every block answers."""

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the values that the block reads from Secrets."""
        yield from ()

    def restricted_fields(self) -> Iterator[str]:
        """Yield the fields in use that only receivers in the operator's namespace may have."""
        yield from ()


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


def credentials(block: str, ref: SecretName) -> Iterator[SecretUse]:
    """Yield the two keys of a Secret with credentials."""
    for key in ("username", "password"):
        yield SecretUse(field=f"{block}.authSecretRef", name=ref.name, key=key)


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
        yield from _elsewhere("pagerduty", self.base_url, self.allowed_networks)


def _elsewhere(block: str, base_url: str, allowed_networks: tuple[str, ...]) -> Iterator[str]:
    if base_url:
        yield f"{block}.baseUrl"
    if allowed_networks:
        yield f"{block}.allowedNetworks"


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
        yield from _elsewhere("sms", self.base_url, self.allowed_networks)


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
        yield from _elsewhere("slack", self.base_url, self.allowed_networks)


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
