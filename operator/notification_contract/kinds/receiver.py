"""`spec` of a NotificationReceiver, typed. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from pydantic import Field, ValidationError, create_model, field_validator

from notification_contract import bounds
from notification_contract.durations import NEVER, seconds
from notification_contract.kinds.block import OBJECT_NAME, Block, Name, Text
from notification_contract.kinds.channel_names import ReceiverType  # noqa: TC001 - pydantic reads annotations at run time
from notification_contract.kinds.channel_type import TypeBlock
from notification_contract.kinds.channel_types import CHANNEL_TYPES
from notification_contract.kinds.choices import NamespacesFrom, OnReceiverError, Overflow, Priority
from notification_contract.kinds.duration import Duration, DurationOrNever, at_most_longest
from notification_contract.kinds.rules import ApiRule, RuledBlock, SpecError, exactly_one, present
from notification_contract.kinds.secrets import (
    DefaultKey,
    Keys,
    SecretName,
    SecretRef,
    SecretUse,
    secret_uses,
)
from notification_contract.kinds.spec_rules import spec_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.kinds.channel_type import ChannelType

FALLBACK_AFTER = "5m"
"""When a fallback gets what is not delivered, unless its receiver says otherwise."""
ReceiverName = Annotated[
    str,
    # Only the schema refuses another name: a receiver that was stored before delivers without its fallback.
    Field(min_length=1, max_length=bounds.RECEIVER_NAME, json_schema_extra={"pattern": OBJECT_NAME}),
]
LabelName = Annotated[str, Field(max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]
AnyBlock = TypeVar("AnyBlock", bound=TypeBlock)


class Selector(Block):
    """The labels that a namespace must have. For from: Selector."""

    match_labels: Annotated[
        dict[LabelName, LabelValue],
        Field(max_length=16),
        ApiRule(
            cel="self.all(name, size(name) <= 317)",
            message="a name in matchLabels has more than 317 characters; use the name of a label",
        ),
    ]
    """Names and values of labels; at most 16. A namespace must have all of them."""


class AllowedNamespaces(RuledBlock):
    """The namespaces whose notifications may use this receiver."""

    source: NamespacesFrom = Field(alias="from", default=NamespacesFrom.SAME)
    """Same: the namespace of this object. All: every namespace. Selector: the namespaces with the labels of selector."""
    selector: Selector | None = None

    rules = (
        ApiRule(
            cel="(self.from == 'Selector') == has(self.selector)",
            message="set allowedNamespaces.selector with allowedNamespaces.from Selector, and only then",
            holds=lambda allowed: (
                (allowed.source is NamespacesFrom.SELECTOR) == (allowed.selector is not None)
            ),
        ),
    )


class Fallback(Block):
    """Another NotificationReceiver of this namespace, which gets the messages that this one does not deliver."""

    name: ReceiverName
    """The name of the NotificationReceiver."""
    after: Annotated[DurationOrNever, at_most_longest("fallback.after", "15m")] = FALLBACK_AFTER
    """The time without a delivery after which the fallback gets a notification, such as 15m; at most 30d. The fallback gets it earlier when this receiver has refused it or all attempts have failed, and after 60 seconds while this receiver is suspended, not ready, or its circuit breaker is open. Never: only when this receiver has refused it or all attempts have failed."""
    also: bool = False
    """Whether attempts on this receiver go on after the fallback has delivered the notification."""

    @property
    def after_seconds(self) -> float | None:
        """The time in seconds; None for Never."""
        return None if self.after == NEVER else seconds(self.after)


class RateLimit(Block):
    """The maximum rate of messages to the receiver. If absent, there is no limit; for the type sms, 1 per 1s."""

    count: Annotated[int, Field(ge=1, le=100_000)]
    """The number of messages per period."""
    period: Annotated[Duration, at_most_longest("rateLimit.period", "1m")]
    """The period, such as 1m; at most 30d."""
    overflow: Overflow = Overflow.DEFER
    """The handling of messages that exceed the rate. Defer: they wait. Suppress: they are not delivered."""

    rules: ClassVar[tuple[ApiRule, ...]] = (
        ApiRule(
            cel="!self.period.matches('^(0+(ms|s|m|h|d))+$')",
            message="rateLimit.period must be longer than 0s",
        ),
    )

    @field_validator("period")
    @classmethod
    def _positive(cls, period: str) -> str:
        if seconds(period) <= 0:
            raise ValueError("rateLimit.period must be longer than 0s")
        return period

    @property
    def per_second(self) -> float:
        """Messages per second, on average."""
        return self.count / seconds(self.period)


class RetryCap(Block):
    """Limits of the retry policy of each notification; the smaller value of both holds."""

    max_attempts: Annotated[int, Field(ge=1, le=10)]
    """The maximum number of attempts, including the first one; 1 to 10."""


class Recipients(Block):
    """The recipients that notifications may name in spec.recipients for this receiver, for the types email and sms."""

    allow: Annotated[tuple[Annotated[str, Field(max_length=320)], ...], Field(max_length=32)] = ()
    """The accepted addresses; * stands for any characters, as in *@example.com. If absent or empty, none is accepted."""

    def allows(self, address: str) -> bool:
        """Return whether an address is accepted."""
        return any(fnmatchcase(address.lower(), pattern.lower()) for pattern in self.allow)


class InlineTemplate(Block):
    """Templates in this object."""

    subject: Annotated[str, Field(max_length=4096)] = ""
    """The template of the subject."""
    body: Annotated[str, Field(max_length=bounds.RECEIVER_TEMPLATE)] = ""
    """The template of the body."""


class ConfigMapKeys(Block):
    """A ConfigMap with templates in the keys subject and body."""

    name: Name
    """The name of the ConfigMap."""


class TemplateSource(RuledBlock):
    """The templates of the message. A template that is absent is the built-in one."""

    inline: InlineTemplate | None = None
    config_map_ref: ConfigMapKeys | None = None

    rules = (exactly_one("template", present("inline"), present("config_map_ref")),)


class Tls(Block):
    """Certificates of the connection."""

    ca_secret_ref: Annotated[SecretRef | None, DefaultKey("ca.crt")] = None
    """The certificate authorities in PEM, in a Secret. At most 64 KiB; they replace the authorities of the operator's image."""
    cert_secret_ref: Annotated[SecretName | None, Keys(("tls.crt", "tls.key"))] = None
    """A Secret of the type kubernetes.io/tls with the client certificate of the operator, for mutual TLS."""
    server_name: Annotated[str, Field(max_length=253)] = ""
    """The name that the certificate of the receiver must have instead of the name of the host."""


class _Head(RuledBlock):
    """The fields before the blocks."""

    type: ReceiverType
    """The type of the receiver. The spec has the block with this name, and no block of another type. The types console, file and log have no block: they use the channel of the operator's settings."""
    description: Text = ""
    """The purpose of the receiver, and the team that is responsible for it."""


if TYPE_CHECKING:
    _Blocks = _Head
else:
    _Blocks = create_model(
        "_Blocks",
        __base__=_Head,
        **{each.name: (each.block | None, None) for each in CHANNEL_TYPES.values() if each.block},
    )


class ReceiverSpec(_Blocks):
    """The place to deliver to, its credentials and its limits. Secrets and ConfigMaps are in the namespace of this object."""

    allowed_namespaces: AllowedNamespaces = AllowedNamespaces()
    fallback: Fallback | None = None
    rate_limit: RateLimit | None = None
    retry_policy: RetryCap | None = None
    timeout: Duration = "10s"
    """The time limit of one attempt, such as 10s; at most 120s."""
    on_receiver_error: OnReceiverError = OnReceiverError.FAIL
    """The handling of notifications while the receiver accepts none, for example because a token was revoked or a Secret is missing. Fail: the attempts fail. Hold: the notification waits and uses no attempt."""
    priorities: Annotated[tuple[Priority, ...], Field(max_length=4)] = ()
    """The priorities that are delivered; other priorities are suppressed. An empty list delivers all. If absent, all are delivered; for the type sms, critical and high."""
    recipients: Recipients = Recipients()
    template: TemplateSource | None = None
    tls: Tls | None = None
    proxy_secret_ref: Annotated[SecretRef | None, DefaultKey("url")] = None
    """The URL of an HTTP proxy, in a Secret. Only in the operator's namespace."""
    suspend: bool = False
    """Whether deliveries to this receiver are suspended. Notifications wait."""

    rules = spec_rules(CHANNEL_TYPES)

    @property
    def channel_type(self) -> ChannelType:
        """The declaration of the type."""
        return CHANNEL_TYPES[self.type]

    @property
    def block(self) -> TypeBlock | None:
        """The block of the type; None for console, file and log."""
        # By a plain string: a name of another type makes the interpreter keep a dict for the instance.
        block: TypeBlock | None = None if self.channel_type.is_shared else getattr(self, self.type.value)
        return block

    def block_as(self, model: type[AnyBlock]) -> AnyBlock:
        """Return the block of the type, which is one of this model."""
        block = self.block
        assert isinstance(block, model), "the spec requires the block of its type"
        return block

    @property
    def addresses_people(self) -> bool:
        """Whether there is one target per recipient."""
        return bool(self.channel_type.address)

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """The recipients that the receiver itself names."""
        addresses: tuple[str, ...] = getattr(self.block, "to", ())
        return addresses

    @property
    def timeout_seconds(self) -> float:
        """The time limit of one attempt in seconds."""
        return seconds(self.timeout)

    def secret_uses(self) -> tuple[SecretUse, ...]:
        """Return every value that the receiver reads from Secrets of its namespace."""
        uses = list(self.block.secrets(self.type) if self.block else ())
        if self.tls:
            uses += secret_uses(self.tls, "tls")
        return (*uses, *secret_uses(self))

    def restricted_fields(self) -> tuple[str, ...]:
        """Return the fields in use that only receivers in the operator's namespace may have."""
        fields = list(self.block.restricted(self.type) if self.block else ())
        if self.proxy_secret_ref:
            fields.append("proxySecretRef")
        return tuple(fields)


class ReceiverSpecError(SpecError):
    """A spec of a NotificationReceiver that this version cannot use."""


def with_defaults(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a spec with the defaults of its type, whether it is valid or not."""
    declared = next((each for each in CHANNEL_TYPES.values() if each.name == spec.get("type")), None)
    return {**declared.defaults, **spec} if declared and declared.defaults else spec


def parse_spec(spec: Mapping[str, Any]) -> ReceiverSpec:
    """Parse a spec as the API server or a stack holds it.

    Raises:
        ReceiverSpecError: it is not valid.
    """
    try:
        return ReceiverSpec.model_validate(with_defaults(spec))
    except ValidationError as error:
        raise ReceiverSpecError(error) from None
