"""The values that a receiver reads from Secrets and ConfigMaps: all of them, or the reason why one is missing. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from notification_contract.kinds.secrets import GRANT, SECRET_TYPES, grant_command
from notification_contract.placeholders import HINT, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.kinds.secrets import SecretUse
    from notification_domain.receivers.catalog import Receiver


class ObjectKey(NamedTuple):
    """Namespace and name of a Secret or ConfigMap."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """What is known of one Secret or ConfigMap."""

    data: Mapping[str, str] | None = field(default=None, repr=False)
    """Its decoded values; None if it does not exist, or cannot be read."""
    version: str = ""
    """Its resourceVersion."""
    known: bool = False
    """Whether it was looked for."""
    denied: bool = False
    """Whether the API server does not let the operator read it."""
    refused: bool = False
    """Whether it has a type that receivers may not use; its data is not kept then."""
    excess: bool = False
    """Whether its namespace has too much of what receivers refer to; its data is not kept then."""
    error: str = ""
    """Why it cannot be read now; the data may be older then."""


class ReferenceReason(StrEnum):
    """The reason of the condition ResolvedRefs."""

    FOUND = "SecretFound"
    NONE = "NoReferences"
    NOT_FOUND = "SecretNotFound"
    """No Secret of this name lets receivers use it: it does not exist, or its owner has not labelled it."""
    TYPE_NOT_ALLOWED = "SecretTypeNotAllowed"
    KEY_MISSING = "KeyMissing"
    PLACEHOLDER = "Placeholder"
    """A value of a Secret, or a field of the spec, has the placeholder of an example."""
    NOT_ALLOWED = "NotAllowed"
    PENDING = "Pending"
    """The Secret was not looked for yet."""

    @property
    def resolved(self) -> bool:
        """Whether nothing is missing."""
        return self in {ReferenceReason.FOUND, ReferenceReason.NONE}


@dataclass(frozen=True, slots=True)
class SecretValues:
    """The values that the fields of a block read from Secrets."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values by field, such as `urlSecretRef` or `signingSecretRefs[0]`; by field and key where a field has several, such as `authSecretRef/username`."""

    def value(self, name: str) -> str:
        """Return a value without surrounding white space, which files end with; empty without one."""
        return self.values.get(name, "").strip()

    def keys_of(self, name: str) -> dict[str, str]:
        start = f"{name}/"
        return {each.removeprefix(start): self.value(each) for each in self.values if each.startswith(start)}


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The values by field of the spec; without them, why they are missing."""

    reason: ReferenceReason
    message: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values by field and key, such as `email.authSecretRef/password`; a field with one key also by the field alone."""
    version: str = ""
    """Changes with every change of a value."""

    @property
    def resolved(self) -> bool:
        """Whether every value was found."""
        return self.reason.resolved

    def of_block(self, name: str) -> SecretValues:
        start = f"{name}."
        return SecretValues(
            {
                field.removeprefix(start): value
                for field, value in self.values.items()
                if field.startswith(start)
            }
        )


def object_keys(receiver: Receiver) -> frozenset[ObjectKey]:
    """Return the Secrets that a receiver refers to."""
    return frozenset(ObjectKey(receiver.key.namespace, use.name) for use in receiver.spec.secret_uses())


def template_key(receiver: Receiver) -> ObjectKey | None:
    """Return the ConfigMap with the templates of a receiver, if there is one."""
    source = receiver.spec.template
    if source is None or source.config_map_ref is None:
        return None
    return ObjectKey(receiver.key.namespace, source.config_map_ref.name)


def resolve_references(receiver: Receiver, secret: Callable[[ObjectKey], ObjectState]) -> References:
    """Return the values of a receiver's Secrets, or the first reason why there are not all.

    `secret` returns the state of a Secret; an unknown one for a Secret that is not followed.
    """
    if receiver.placeholder:
        return References(reason=ReferenceReason.PLACEHOLDER, message=f"{receiver.placeholder}: {HINT}")
    values: dict[str, str] = {}
    versions: dict[str, str] = {}
    for use in receiver.spec.secret_uses():
        key = ObjectKey(receiver.key.namespace, use.name)
        state = secret(key)
        missing = _missing(use, key, state)
        if missing is not None:
            return missing
        assert state.data is not None, "a missing object has been handled"
        versions[use.name] = state.version
        values[f"{use.field}/{use.key}"] = values[use.field] = state.data[use.key]
    reason = ReferenceReason.FOUND if versions else ReferenceReason.NONE
    version = ",".join(f"{name}={version}" for name, version in sorted(versions.items()))
    # Both texts are kept for each receiver; those that use the same Secrets share them.
    return References(
        reason=reason,
        message=intern(_found(versions)),
        values=values,
        version=intern(version),
    )


def _found(versions: Mapping[str, str]) -> str:
    return f"Read Secret {', '.join(sorted(versions))}" if versions else "The receiver needs no Secret"


def excess_of(kind: str, key: ObjectKey) -> str:
    """Return why an object is not kept of which a namespace has too much."""
    return (
        f"{kind} {key.name} is not read: receivers of namespace {key.namespace} refer to more Secrets and ConfigMaps, or larger "
        "ones, than the operator keeps of a namespace; let several receivers use the same one, or smaller ones"
    )


def _withheld(use: SecretUse, key: ObjectKey, state: ObjectState) -> References | None:
    """Return why a Secret is not read; None if it is, or does not exist."""
    if state.excess:
        return References(
            reason=ReferenceReason.NOT_ALLOWED, message=f"{use.field}: {excess_of('Secret', key)}"
        )
    if state.data is None and state.denied:
        return References(
            reason=ReferenceReason.NOT_ALLOWED,
            message=f"{use.field}: the operator may not read Secret {use.name} in namespace {key.namespace}; an "
            "administrator can set receiversReadAll in the stack for the operator's namespace, or receiversNamespaced for "
            "other namespaces",
        )
    if state.data is None and not state.known:
        return References(
            reason=ReferenceReason.PENDING,
            message=f"{use.field}: Secret {use.name} is being read{f': {state.error}' if state.error else ''}",
        )
    if state.refused:
        return References(
            reason=ReferenceReason.TYPE_NOT_ALLOWED,
            message=f"{use.field}: Secret {use.name} in namespace {key.namespace} has a type that receivers may not use; "
            f"create one of the types {', '.join(SECRET_TYPES)}, with the label {GRANT}",
        )
    return None


def _missing(use: SecretUse, key: ObjectKey, state: ObjectState) -> References | None:
    """Return what a receiver lacks of a Secret."""
    withheld = _withheld(use, key, state)
    if withheld is not None:
        return withheld
    if state.data is None:
        return References(
            reason=ReferenceReason.NOT_FOUND,
            message=f"{use.field}: Secret {use.name} does not exist in namespace {key.namespace}, or lacks the label {GRANT}; "
            f"create it with the label, or run: {grant_command(*key)}",
        )
    if not state.data.get(use.key):
        return References(
            reason=ReferenceReason.KEY_MISSING,
            message=f"{use.field}: Secret {use.name} has no value under the key {use.key}; add it, or name another key",
        )
    if is_placeholder(state.data[use.key]):
        return References(
            reason=ReferenceReason.PLACEHOLDER,
            message=f"{use.field}: the value of Secret {use.name} under the key {use.key} is not usable: {HINT}",
        )
    return None
