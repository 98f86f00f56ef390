"""`spec.auth` of a NotificationSource: the credentials that a sender has to present. Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable  # noqa: TC003 - pydantic reads annotations at run time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import Field

from notification_contract.durations import seconds
from notification_contract.kinds.block import Block, Name
from notification_contract.kinds.duration import Duration, between
from notification_contract.kinds.rules import ApiRule, RuledBlock
from notification_contract.kinds.secrets import DefaultKey, SecretRef, SecretUse
from notification_contract.placeholders import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE: Final = "notifications"
"""The audience of service account tokens that are meant for the gateway."""
SIGNATURE_HEADER: Final = "X-Hub-Signature-256"
TOKEN_KEY: Final = "token"  # noqa: S105 - the key of a Secret
ROTATION: Final = 3
"""Secrets of one kind in addition to the Secret of the singular field."""
LEAST_BYTES: Final = 16
"""Bytes of a token, and of the key of a signature: a shorter one can be guessed, and is no credential (DD-IDENTITY-001)."""
LEAST_CHARACTERS: Final = 12
"""Characters of a password."""
STANDARD_PREFIX: Final = "whsec_"

HeaderName = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9-]*$")]
Key = Annotated[str, Field(min_length=1, max_length=253)]
AnyRef = TypeVar("AnyRef", bound=Block)


class HmacScheme(StrEnum):
    """The part of a request that a sender signs, and how."""

    SHA256_HEX = "sha256-hex"
    STANDARD_WEBHOOKS = "standard-webhooks"
    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    PLAIN_TOKEN = "plain-token"  # noqa: S105 - the name of a scheme


class Credential(SecretUse):
    """One value that a source reads from a Secret."""

    is_usable: Callable[[str], object]
    """Returns something true for a value that is long enough, and no placeholder."""


def is_token(value: str) -> bool:
    """Return whether a value is a token: long enough, and no placeholder."""
    return len(value.encode()) >= LEAST_BYTES and not is_placeholder(value)


def is_password(value: str) -> bool:
    """Return whether a value is a password: long enough, and no placeholder."""
    return len(value) >= LEAST_CHARACTERS and not is_placeholder(value)


class BasicSecretRef(Block):
    """A user name and a password in a Secret of the namespace of the source."""

    name: Name
    """The name of the Secret."""
    username_key: Key = "username"
    """The key of the user name."""
    password_key: Key = "password"  # noqa: S105 - the key of a Secret
    """The key of the password."""


class Hmac(RuledBlock):
    """A signature of the body by a shared secret."""

    secret_ref: Annotated[SecretRef | None, DefaultKey("secret")] = None
    """The shared secret, of at least 16 bytes; for standard-webhooks after it is decoded."""
    secret_refs: Annotated[tuple[SecretRef, ...], Field(max_length=ROTATION), DefaultKey("secret")] = ()
    """Further shared secrets that are accepted, for rotation; at most 3."""
    scheme: HmacScheme = HmacScheme.SHA256_HEX
    """The scheme of the signature. sha256-hex: of the body, as from GitHub. standard-webhooks: of id, time and body, as standardwebhooks.com says. slack: v0= and the signature of `v0:time:body`, as from Slack. pagerduty: v1= and the signature of the body, as from webhooks of PagerDuty. plain-token: none; the header holds the secret itself, as from GitLab."""
    header: HeaderName = ""
    """The header with the signature. For sha256-hex, absent means X-Hub-Signature-256; a prefix sha256= is optional; for slack, X-Slack-Signature; for pagerduty, X-PagerDuty-Signature. plain-token requires it. standard-webhooks has fixed headers."""
    timestamp_header: HeaderName = ""
    """For sha256-hex: the header with the time, for senders that sign `time:body`, as Grafana does."""
    timestamp_tolerance: Annotated[
        Duration, between("auth.hmac.timestampTolerance", least="1s", most="1h", example="5m")
    ] = "5m"
    """How far the time of a signed message may differ from the gateway's, such as 5m; 1s to 1h."""

    rules = (
        ApiRule(
            cel="has(self.secretRef) || size(self.?secretRefs.orValue([])) > 0",
            message="set auth.hmac.secretRef, or secretRefs for several secrets",
            holds=lambda hmac: bool(hmac.secret_ref or hmac.secret_refs),
        ),
        ApiRule(
            cel="self.scheme != 'plain-token' || self.?header.orValue('') != ''",
            message="set auth.hmac.header: the scheme plain-token has no default header",
            holds=lambda hmac: hmac.scheme is not HmacScheme.PLAIN_TOKEN or bool(hmac.header),
        ),
        ApiRule(
            cel="self.scheme != 'standard-webhooks' || self.?header.orValue('') == ''",
            message="auth.hmac.header has no effect for the scheme standard-webhooks; remove it",
            holds=lambda hmac: hmac.scheme is not HmacScheme.STANDARD_WEBHOOKS or not hmac.header,
        ),
        ApiRule(
            cel="self.scheme == 'sha256-hex' || self.?timestampHeader.orValue('') == ''",
            message="auth.hmac.timestampHeader has an effect for the scheme sha256-hex only; remove it",
            holds=lambda hmac: hmac.scheme is HmacScheme.SHA256_HEX or not hmac.timestamp_header,
        ),
    )

    @property
    def tolerance_seconds(self) -> float:
        """The tolerance in seconds."""
        return seconds(self.timestamp_tolerance)

    @property
    def is_timeless(self) -> bool:
        """Whether the signature covers no time, so that a recorded message stays right."""
        return self.scheme is HmacScheme.PAGERDUTY or (
            self.scheme is HmacScheme.SHA256_HEX and not self.timestamp_header
        )

    def key(self, value: str) -> bytes:
        """Return the key that a value stands for; empty if it is too short, a placeholder, or not in base64 for standard-webhooks."""
        raw = value.encode()
        if self.scheme is HmacScheme.STANDARD_WEBHOOKS:
            try:
                raw = b64decode(value.removeprefix(STANDARD_PREFIX), validate=True)
            except ValueError:
                return b""
        return raw if len(raw) >= LEAST_BYTES and not is_placeholder(value) else b""


class KubernetesToken(Block):
    """A token of a ServiceAccount that may create NotificationRequests in the namespace of the source."""

    audience: Annotated[str, Field(min_length=1, max_length=253)] = AUDIENCE
    """The audience that the token must have. A token for the API server is refused."""


class Oidc(Block):
    """A token of an OpenID Connect provider, such as the token of a CI job."""

    issuer: Annotated[str, Field(max_length=2048, pattern=r"^https://[^\s?#]+$")]
    """The URL of the provider, exactly as the claim iss of its tokens."""
    audience: Annotated[str, Field(min_length=1, max_length=253)]
    """The audience that the token must have. A token with further audiences is refused, unless its claim azp is this one."""
    subject_pattern: Annotated[str, Field(min_length=1, max_length=512)]
    """The claim sub that the token must have; * stands for any characters, as in repo:acme/shop:*. It is compared as a whole."""


class SourceAuthentication(Block):
    """The credentials that the source accepts; any one of them is enough. Without any, the source accepts nothing. All Secrets are in the namespace of this object and have the label kubernaut.ai/sources: "true"."""

    bearer_secret_ref: Annotated[SecretRef | None, DefaultKey(TOKEN_KEY)] = None
    """A bearer token of at least 16 bytes."""
    bearer_secret_refs: Annotated[
        tuple[SecretRef, ...], Field(max_length=ROTATION), DefaultKey(TOKEN_KEY)
    ] = ()
    """Further bearer tokens, for rotation; at most 3."""
    basic_secret_ref: BasicSecretRef | None = None
    """A user name and a password of at least 12 characters."""
    basic_secret_refs: Annotated[tuple[BasicSecretRef, ...], Field(max_length=ROTATION)] = ()
    """Further user names and passwords, for rotation; at most 3."""
    hmac: Hmac | None = None
    kubernetes: KubernetesToken | None = None
    oidc: Oidc | None = None
    path: bool = False
    """Whether the URL contains a secret, which is computed from the uid of this object and the key in the Secret notification-gateway-path-keys. `notif source url` prints the URL. Knowing the URL is enough to send, even if hmac is set as well."""

    @property
    def bearers(self) -> tuple[SecretRef, ...]:
        """Every bearer token."""
        return (*filter(None, (self.bearer_secret_ref,)), *self.bearer_secret_refs)

    @property
    def basics(self) -> tuple[BasicSecretRef, ...]:
        """Every user name with its password."""
        return (*filter(None, (self.basic_secret_ref,)), *self.basic_secret_refs)

    @property
    def is_empty(self) -> bool:
        """Whether there is no way to authenticate."""
        return not (self.bearers or self.basics or self.hmac or self.kubernetes or self.oidc or self.path)

    def secret_uses(self) -> Iterator[Credential]:
        """Yield every value that is read from a Secret, except for the path."""
        for field, ref in _numbered("bearerSecretRef", self.bearer_secret_ref, self.bearer_secret_refs):
            yield Credential(
                field=f"auth.{field}", name=ref.name, key=ref.key or TOKEN_KEY, is_usable=is_token
            )
        for field, basic in _numbered("basicSecretRef", self.basic_secret_ref, self.basic_secret_refs):
            for key, is_usable in ((basic.username_key, bool), (basic.password_key, is_password)):
                yield Credential(field=f"auth.{field}", name=basic.name, key=key, is_usable=is_usable)
        if self.hmac:
            for field, ref in _numbered("hmac.secretRef", self.hmac.secret_ref, self.hmac.secret_refs):
                yield Credential(
                    field=f"auth.{field}", name=ref.name, key=ref.key or "secret", is_usable=self.hmac.key
                )


def _numbered(field: str, ref: AnyRef | None, further: tuple[AnyRef, ...]) -> Iterator[tuple[str, AnyRef]]:
    """Yield the references of a singular field and of the list for rotation, each with its path."""
    if ref is not None:
        yield field, ref
    for index, each in enumerate(further):
        yield f"{field}s[{index}]", each
