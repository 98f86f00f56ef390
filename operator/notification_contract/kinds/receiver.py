"""The spec of a NotificationReceiver, typed. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from notification_contract import bounds
from notification_contract.durations import PATTERN, bounded, seconds
from notification_contract.kinds.block import (
    Block,
    Name,
    SecretName,
    SecretRef,
    SecretUse,
    Text,
    TypeBlock,
    use,
)
from notification_contract.kinds.blocks import (
    BLOCKS,
    Apprise,
    Discord,
    Email,
    Mattermost,
    PagerDuty,
    Slack,
    Sms,
    Teams,
    Webhook,
)
from notification_contract.kinds.choices import (
    ADDRESSING,
    SHARED,
    WITHOUT_EFFECT,
    NamespacesFrom,
    OnReceiverError,
    Overflow,
    ReceiverType,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Duration = Annotated[str, Field(max_length=32, pattern=PATTERN), AfterValidator(bounded)]
ReceiverName = Annotated[str, Field(min_length=1, max_length=bounds.RECEIVER_NAME)]
LabelName = Annotated[str, Field(max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]
Priority = Literal["critical", "high", "medium", "low"]


class Selector(Block):
    """Labels that a namespace must have."""

    match_labels: Annotated[dict[LabelName, LabelValue], Field(max_length=16)]


class AllowedNamespaces(Block):
    """The namespaces whose notifications may use a receiver."""

    source: NamespacesFrom = Field(alias="from", default=NamespacesFrom.SAME)
    selector: Selector | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.source is NamespacesFrom.SELECTOR) != (self.selector is not None):
            raise ValueError("set allowedNamespaces.selector with from: Selector, and only then")
        return self


class Fallback(Block):
    """Another receiver of the same namespace that gets what this one does not."""

    name: ReceiverName
    after: Duration | None = None
    """How long a notification may be undelivered before the fallback gets it; None: until this receiver has failed for good."""

    @property
    def after_seconds(self) -> float | None:
        """The time in seconds."""
        return None if self.after is None else seconds(self.after)


class RateLimit(Block):
    """How many messages a receiver gets."""

    count: Annotated[int, Field(ge=1, le=100_000)]
    period: Duration
    overflow: Overflow = Overflow.DEFER

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
    """Limits of the retry policy of notifications: the smaller of both holds."""

    max_attempts: Annotated[int, Field(ge=1, le=10)]


class Recipients(Block):
    """The recipients of notifications that a receiver accepts."""

    allow: Annotated[tuple[Annotated[str, Field(max_length=320)], ...], Field(max_length=32)] = ()
    """Addresses, with `*` for any characters, such as `*@example.com`."""

    def allows(self, address: str) -> bool:
        """Return whether an address is accepted."""
        return any(fnmatchcase(address.lower(), pattern.lower()) for pattern in self.allow)


class InlineTemplate(Block):
    """Templates in the spec itself."""

    subject: Annotated[str, Field(max_length=4096)] = ""
    body: Annotated[str, Field(max_length=bounds.RECEIVER_TEMPLATE)] = ""


class ConfigMapKeys(Block):
    """A ConfigMap of the receiver's namespace with the keys `subject` and `body`."""

    name: Name


class TemplateSource(Block):
    """Where the templates of a receiver are; a missing one is the built-in one."""

    inline: InlineTemplate | None = None
    config_map_ref: ConfigMapKeys | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.inline is None) == (self.config_map_ref is None):
            raise ValueError("set exactly one of template.inline and template.configMapRef")
        return self


class Tls(Block):
    """Certificates of a receiver."""

    ca_secret_ref: SecretRef | None = None
    """Authorities in PEM that are trusted instead of those of the system; the default key is `ca.crt`."""
    cert_secret_ref: SecretName | None = None
    """A Secret of type kubernetes.io/tls with the client's certificate."""
    server_name: Annotated[str, Field(max_length=253)] = ""

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the certificates."""
        if self.ca_secret_ref:
            yield use("tls.caSecretRef", self.ca_secret_ref, "ca.crt")
        if self.cert_secret_ref:
            for key in ("tls.crt", "tls.key"):
                yield SecretUse(field="tls.certSecretRef", name=self.cert_secret_ref.name, key=key)


class ReceiverSpec(Block):
    """`spec` of a NotificationReceiver."""

    type: ReceiverType
    description: Text = ""
    webhook: Webhook | None = None
    email: Email | None = None
    teams: Teams | None = None
    pagerduty: PagerDuty | None = None
    sms: Sms | None = None
    slack: Slack | None = None
    discord: Discord | None = None
    mattermost: Mattermost | None = None
    apprise: Apprise | None = None
    allowed_namespaces: AllowedNamespaces = AllowedNamespaces()
    fallback: Fallback | None = None
    rate_limit: RateLimit | None = None
    retry_policy: RetryCap | None = None
    timeout: Duration = "10s"
    on_receiver_error: OnReceiverError = OnReceiverError.FAIL
    priorities: Annotated[tuple[Priority, ...], Field(max_length=4)] = ()
    """The priorities that are delivered; empty: all."""
    recipients: Recipients = Recipients()
    template: TemplateSource | None = None
    tls: Tls | None = None
    proxy_secret_ref: SecretRef | None = None
    """The URL of a proxy; the default key is `url`."""
    suspend: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, _ in BLOCKS:
            present = getattr(self, name) is not None
            if present != (name == self.type):
                problem = "is missing" if not present else "is set"
                raise ValueError(
                    f"{name} {problem} although type is {self.type}; set exactly the block of that name"
                )
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    @property
    def block(self) -> TypeBlock | None:
        """The block of the type; None for console, file and log."""
        # By a plain string: a name of another type makes the interpreter keep a dict for the instance.
        block: TypeBlock | None = getattr(self, self.type.value) if self.type not in SHARED else None
        return block

    @property
    def addresses_people(self) -> bool:
        """Whether there is one target per recipient."""
        return self.type in ADDRESSING

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """The recipients that the receiver itself names."""
        block = self.email or self.sms
        return () if block is None else block.to

    @property
    def timeout_seconds(self) -> float:
        """The time limit of one attempt in seconds."""
        return seconds(self.timeout)

    def secret_uses(self) -> tuple[SecretUse, ...]:
        """Return every value that the receiver reads from Secrets of its namespace."""
        uses = list(self.block.secret_uses()) if self.block else []
        if self.tls:
            uses += self.tls.secret_uses()
        if self.proxy_secret_ref:
            uses.append(use("proxySecretRef", self.proxy_secret_ref, "url"))
        return tuple(uses)

    def restricted_fields(self) -> tuple[str, ...]:
        """Return the fields in use that only receivers in the operator's namespace may have."""
        fields = list(self.block.restricted_fields()) if self.block else []
        if self.proxy_secret_ref:
            fields.append("proxySecretRef")
        return tuple(fields)


def _problems(spec: ReceiverSpec) -> Iterator[str]:
    """Yield what the fields of a block contradict each other in."""
    if spec.webhook and bool(spec.webhook.url) == (spec.webhook.url_secret_ref is not None):
        yield "set exactly one of webhook.url and webhook.urlSecretRef"
    if spec.slack and (spec.slack.webhook_url_secret_ref is None) == (
        spec.slack.bot_token_secret_ref is None
    ):
        yield "set exactly one of slack.webhookUrlSecretRef and slack.botTokenSecretRef"
    if spec.slack and (spec.slack.bot_token_secret_ref is not None) != bool(spec.slack.channel):
        yield "set slack.channel with slack.botTokenSecretRef, and only then"
    if spec.sms and bool(spec.sms.sender) == bool(spec.sms.messaging_service_sid):
        yield "set exactly one of sms.from and sms.messagingServiceSid"
    if spec.addresses_people and not (spec.own_addresses or spec.recipients.allow):
        yield f"set {spec.type}.to, or recipients.allow so that notifications can name recipients"
    if not 0 < spec.timeout_seconds <= MAX_TIMEOUT:
        yield f"timeout must be longer than 0s and at most {MAX_TIMEOUT}s"
    values = {"rateLimit": spec.rate_limit, "tls": spec.tls, "proxySecretRef": spec.proxy_secret_ref}
    for name in WITHOUT_EFFECT.get(spec.type, ()):
        if values[name] is not None:
            yield f"{name} has no effect for type {spec.type}; remove it"


MAX_TIMEOUT: Final = 120


class ReceiverSpecError(ValueError):
    """A spec that this version cannot use; `problems` holds one text per problem, with the path of the field."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


DEFAULTS: Final[Mapping[ReceiverType, Mapping[str, Any]]] = MappingProxyType(
    {
        # Each text message costs money and wakes somebody, and a long number sends about one per second.
        ReceiverType.SMS: {"priorities": ["critical", "high"], "rateLimit": {"count": 1, "period": "1s"}}
    }
)
"""The fields of a type that hold where its spec does not have them."""


def with_defaults(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a spec with the defaults of its type, whether it is valid or not."""
    defaults = next((fields for kind, fields in DEFAULTS.items() if kind == spec.get("type")), None)
    return spec if defaults is None else {**defaults, **spec}


def parse_spec(spec: Mapping[str, Any]) -> ReceiverSpec:
    """Parse a spec as the API server or a stack holds it.

    Raises:
        ReceiverSpecError: it is not valid.
    """
    try:
        return ReceiverSpec.model_validate(with_defaults(spec))
    except ValidationError as error:
        raise ReceiverSpecError(tuple(map(_text, error.errors(include_url=False)))) from None


def _text(error: Mapping[str, Any]) -> str:
    path = ".".join(map(str, error["loc"])) or "spec"
    return f"{path}: {str(error['msg']).removeprefix('Value error, ')}"
