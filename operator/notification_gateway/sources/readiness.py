"""Whether a source can accept messages as its spec says, or the first reason why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_contract import names
from notification_contract.placeholders import HINT, is_placeholder
from notification_contract.sources.authentication import LEAST_BYTES, LEAST_CHARACTERS
from notification_contract.sources.status import ReadyReason
from notification_gateway.sources.secret_values import READ_SECONDS, SecretKey
from notification_runtime.kube.collection_watch import LONGEST_DELAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from notification_contract.sources.source import NotificationSource
    from notification_gateway.sources.secret_values import SecretState

RETENTION_DAYS: Final = 7
"""The default of `spec.retentionDays`, which no source changes."""
DAY: Final = 86_400.0
LEARNED_SECONDS: Final = LONGEST_DELAY + READ_SECONDS
"""The time after which each replica knows a change that one knows: the longest pause of a watch, and a read of a Secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The reason of the condition Ready, with its message."""

    reason: ReadyReason = ReadyReason.ACCEPTED
    message: str = f"The gateway accepts messages; each of its replicas does within {LEARNED_SECONDS:g} seconds after a change"

    @property
    def is_ready(self) -> bool:
        """Whether messages are accepted as the spec says; RetentionShort only warns."""
        return self.reason in {ReadyReason.ACCEPTED, ReadyReason.RETENTION_SHORT}


def assess(
    source: NotificationSource,
    secret: Callable[[SecretKey], SecretState],
    template_problem: str,
    *,
    path_problem: str = "",
) -> Readiness | None:
    """Return the readiness of a source; None while a Secret was not looked for.

    Args:
        source: the source.
        secret: returns the state of a Secret.
        template_problem: why a template is not valid; empty if they are.
        path_problem: why the secret part of a URL cannot be computed; empty if it can.
    """
    if problem := _of_spec(source, path_problem):
        return problem
    for field, key, name, is_usable in _uses(source):
        state = secret(key)
        if not state.known:
            return None
        if problem := _of_secret(field, key, name, state, is_usable):
            return problem
    if template_problem:
        return Readiness(
            reason=ReadyReason.TEMPLATE_INVALID,
            message=f"spec.mapping: {template_problem}; messages are created with the built-in text",
        )
    repeat = source.spec.repeat_seconds
    if repeat is not None and repeat * 2 > RETENTION_DAYS * DAY:
        return Readiness(
            reason=ReadyReason.RETENTION_SHORT,
            message=f"Notifications are deleted after {RETENTION_DAYS} days, and a repeated message is recognized by them: set "
            "spec.alertmanager.repeatAfter to at most half of that",
        )
    return Readiness()


def _of_spec(source: NotificationSource, path_problem: str) -> Readiness | None:
    if source.spec.filter_problem:
        return Readiness(reason=ReadyReason.SPEC_INVALID, message=source.spec.filter_problem)
    if source.spec.auth.is_empty:
        return Readiness(
            reason=ReadyReason.NO_AUTHENTICATION,
            message="spec.auth names no credentials, so every message is refused; set at least one",
        )
    if path_problem and source.spec.auth.path:
        return Readiness(reason=ReadyReason.SECRET_NOT_FOUND, message=f"spec.auth.path: {path_problem}")
    return None


def _uses(source: NotificationSource) -> Iterator[tuple[str, SecretKey, str, Callable[[str], object]]]:
    """Yield the values that a source needs: field, Secret, key, and what tells whether it is long enough."""
    for use in source.spec.auth.secret_uses():
        yield f"spec.{use.field}", SecretKey(source.namespace, use.name), use.key, use.is_usable


def _of_secret(
    field: str, key: SecretKey, name: str, state: SecretState, is_usable: Callable[[str], object]
) -> Readiness | None:
    if state.objection:
        return Readiness(
            reason=ReadyReason.NOT_ALLOWED,
            message=f"{field}: Secret {key.name} is not used: {state.objection}",
        )
    if state.data is None:
        return Readiness(
            reason=ReadyReason.SECRET_NOT_FOUND,
            message=f'{field}: Secret {key.name} does not exist; create it with the label {names.SOURCES_SECRET_LABEL}: "true"',
        )
    if not state.data.get(name):
        return Readiness(
            reason=ReadyReason.KEY_MISSING,
            message=f"{field}: Secret {key.name} has no text under the key {name}; add it, or name another key",
        )
    if is_placeholder(state.data[name]):
        return Readiness(
            reason=ReadyReason.PLACEHOLDER,
            message=f"{field}: the value of Secret {key.name} under the key {name} is not accepted: {HINT}",
        )
    if not is_usable(state.data[name]):
        return Readiness(
            reason=ReadyReason.SECRET_TOO_SHORT,
            message=f"{field}: the value of Secret {key.name} under the key {name} is too short, so it is not accepted: tokens and keys have at "
            f"least {LEAST_BYTES} bytes, in base64 for standard-webhooks, and passwords {LEAST_CHARACTERS} characters; make one: openssl rand -base64 32",
        )
    return None
