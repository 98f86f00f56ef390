"""Rules of the NotificationReceivers of a stack: what the operator would refuse, and what would never become ready. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notification_contract.kinds.channel_types import CHANNEL_TYPES
from notification_contract.kinds.channel_types.email import Email
from notification_contract.kinds.channel_types.webhook import Webhook
from notification_contract.kinds.choices import NamespacesFrom
from notification_contract.kinds.receiver import (
    AllowedNamespaces,
    Fallback,
    RateLimit,
    ReceiverSpec,
    ReceiverSpecError,
    parse_spec,
)
from platform_infra import names
from platform_infra.settings.problem import Problem
from platform_infra.settings.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from platform_infra.settings.model import Settings
    from platform_infra.settings.sections.receivers import StackReceiver

SPEC_HINT = (
    "correct it in the stack's file; `kubectl explain notificationreceiver.spec` describes every field"
)

_MODELS: tuple[type[BaseModel], ...] = (
    *(ReceiverSpec, AllowedNamespaces, Fallback, RateLimit),
    *(each.block for each in CHANNEL_TYPES.values() if each.block),
)
SHOWN = frozenset(field.alias or name for model in _MODELS for name, field in model.model_fields.items()) - {
    "url"
}
"""Fields whose value a problem shows. A URL can contain a token."""

DEFAULT_PORTS = {"http": 80, "https": 443}
PROXIES = frozenset({"http_proxy", "https_proxy"})

RULES = (
    Rule(
        keys=("receivers", "receiversEnabled"),
        is_broken=lambda s: bool(s.receivers) and not s.receivers_enabled,
        what="is set, but receiversEnabled is false, so no receiver would become ready",
        hint="set receiversEnabled to true, or remove the receivers",
    ),
    Rule(
        keys=("receivers", "operatorEnabled"),
        is_broken=lambda s: bool(s.receivers) and not s.operator.enabled,
        what="is set, but operatorEnabled is false, so no receiver would become ready",
        hint="set operatorEnabled to true, or remove the receivers",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A receiver of the list, with the key of its place."""

    key: str
    receiver: StackReceiver
    spec: ReceiverSpec | None


def receiver_problems(settings: Settings) -> Iterator[Problem]:
    """Yield every problem of the receivers, with the path of the field."""
    entries: list[_Entry] = []
    for index, receiver in enumerate(settings.receivers):
        key = f"receivers[{index}]"
        try:
            spec = parse_spec(receiver.spec)
        except ReceiverSpecError as error:
            yield from _of_the_spec(key, receiver.spec, error)
            spec = None
        entries.append(_Entry(key=key, receiver=receiver, spec=spec))
    yield from _duplicates(entries)
    yield from _created_twice(entries, settings)
    yield from _unused(entries)
    for entry in entries:
        if entry.spec:
            yield from dict.fromkeys(_references(entry, entry.spec, entries, settings))
            yield from _relations(entry, entry.spec, entries, settings)
            yield from _closed_ports(entry, entry.spec, settings)


def _of_the_spec(key: str, spec: Mapping[str, Any], error: ReceiverSpecError) -> Iterator[Problem]:
    for text in error.problems:
        path, _, message = text.partition(": ")
        place = f"{key}.spec" if path == "spec" else f"{key}.spec.{path}"
        value = _value(spec, path.split("."))
        what = f"is invalid: {message}" if value is None else f"is {value!r}, but {message}"
        yield Problem(key=place, what=what, hint=SPEC_HINT)


def _value(spec: object, path: Sequence[str]) -> str | float | None:
    """Return the number or text at a path of the typed spec; None for others, such as a secret under an unknown name."""
    value: object = spec
    for name in path:
        if isinstance(value, dict) and name in SHOWN:
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal():
            value = value[int(name)]
        else:
            return None
    return value if isinstance(value, str | int | float) else None


def _duplicates(entries: Sequence[_Entry]) -> Iterator[Problem]:
    """Yield the names and the defaults of which there can be only one."""
    by_name: dict[str, str] = {}
    defaults: dict[str, str] = {}
    for entry in entries:
        name = entry.receiver.name
        if first := by_name.get(name):
            yield Problem(
                key=f"{entry.key}.name",
                what=f"is {name!r}, and so is {first}.name",
                hint="choose another name",
            )
        by_name.setdefault(name, entry.key)
        if not entry.receiver.default or entry.spec is None:
            continue
        if first := defaults.get(entry.spec.type):
            yield Problem(
                key=f"{entry.key}.default",
                what=f"is true, but {first} is the default receiver of the type {entry.spec.type} already",
                hint="set it for one receiver of a type",
            )
        defaults.setdefault(entry.spec.type, entry.key)


def _created_twice(entries: Sequence[_Entry], settings: Settings) -> Iterator[Problem]:
    owners = {names.SLACK_SECRET: "channelsSlackWebhookUrl"} if settings.channels.slack.enabled else {}
    for entry in entries:
        for name in entry.receiver.secrets:
            if first := owners.get(name):
                yield Problem(
                    key=f"{entry.key}.secrets.{name}",
                    what=f"is a Secret that {first} creates, too",
                    hint="write each Secret once; other receivers can refer to it",
                )
            owners.setdefault(name, f"{entry.key}.secrets.{name}")
    for entry in entries:
        for name in entry.receiver.existingSecrets:
            if first := owners.get(name):
                yield Problem(
                    key=f"{entry.key}.existingSecrets",
                    what=f"contains {name!r}, which {first} creates",
                    hint="remove it from the list",
                )


def _unused(entries: Sequence[_Entry]) -> Iterator[Problem]:
    """Yield the Secrets that no receiver refers to; an invalid spec may be the one that does."""
    if any(entry.spec is None for entry in entries):
        return
    used = {use.name for entry in entries if entry.spec for use in entry.spec.secret_uses()}
    for entry in entries:
        for name in entry.receiver.secrets:
            if name not in used:
                yield Problem(
                    key=f"{entry.key}.secrets.{name}",
                    what="is a Secret that no receiver of the stack refers to",
                    hint="correct the reference in a spec, or remove the Secret",
                )


def _references(
    entry: _Entry, spec: ReceiverSpec, entries: Sequence[_Entry], settings: Settings
) -> Iterator[Problem]:
    """Yield the references to Secrets that nobody creates, and to keys that a Secret does not have."""
    created: Mapping[str, Mapping[str, object]] = {
        name: values for each in entries for name, values in each.receiver.secrets.items()
    }
    for use in spec.secret_uses():
        place = f"{entry.key}.spec.{use.field}"
        if use.name in created:
            keys = ", ".join(sorted(created[use.name])) or "none"
            if use.key not in created[use.name]:
                yield Problem(
                    key=place,
                    what=f"needs the key {use.key!r} of the Secret {use.name!r}, whose keys are: {keys}",
                    hint="add the key to the Secret, or set `key` in the reference",
                )
        elif use.name not in entry.receiver.existingSecrets:
            yield Problem(
                key=place,
                what=f"refers to the Secret {use.name!r}, which the stack does not create",
                hint=(
                    f"add it to {entry.key}.secrets, or, if others create it in the namespace "
                    f"{settings.operator.namespace}, to {entry.key}.existingSecrets"
                ),
            )


def _relations(
    entry: _Entry, spec: ReceiverSpec, entries: Sequence[_Entry], settings: Settings
) -> Iterator[Problem]:
    """Yield what contradicts other receivers or the namespaces that the operator watches."""
    others = sorted(each.receiver.name for each in entries if each.receiver.name != entry.receiver.name)
    if spec.fallback and spec.fallback.name not in others:
        known = f"; the others are {', '.join(others)}" if others else "; there is no other"
        yield Problem(
            key=f"{entry.key}.spec.fallback.name",
            what=f"is {spec.fallback.name!r}, which is no other receiver of the stack{known}",
            hint="correct the name, or add the receiver",
        )
    if spec.allowed_namespaces.source is NamespacesFrom.SELECTOR and settings.watch.namespaces:
        yield Problem(
            key=f"{entry.key}.spec.allowedNamespaces.from",
            what="is Selector, but with watchNamespaces the operator cannot read the labels of namespaces",
            hint="use All, or watchNamespaceSelector instead of watchNamespaces",
        )


def _closed_ports(entry: _Entry, spec: ReceiverSpec, settings: Settings) -> Iterator[Problem]:
    """Yield the port that a spec names and the network policy of the operator's pods does not permit."""
    if spec.proxy_secret_ref:
        return  # Only the proxy's Secret knows the port.
    if uses_proxy(settings) and not isinstance(spec.block, Email):
        return
    place, port = _destination(spec)
    yield from closed_port(f"{entry.key}.spec.{place}", port, settings.network.egress_ports)


def uses_proxy(settings: Settings) -> bool:
    """Return whether the operator reaches HTTP servers by a proxy of its environment: then the port of the proxy counts."""
    return bool(proxies(settings))


def proxies(settings: Settings) -> dict[str, str]:
    """Return the proxies of the operator's environment by the name of their variable."""
    return {name: url for name, url in settings.operator.env.items() if url and name.lower() in PROXIES}


def closed_port(key: str, port: int | None, open_ports: Sequence[int]) -> Iterator[Problem]:
    """Yield a problem if a setting leads to a port that the network policy does not permit."""
    if port and port not in open_ports:
        yield Problem(
            key=key,
            what=f"leads to the port {port}, which the network policy does not permit",
            hint=f"add {port} to networkEgressPorts",
        )


def _destination(spec: ReceiverSpec) -> tuple[str, int | None]:
    """Return the field that leads to a port, and the port; None for those of services."""
    match spec.block:
        case Email(port=port):
            return "email.port", port
        case Webhook(url=url):
            return "webhook.url", port_of(url)
        case _:
            return "", None


def port_of(url: str) -> int | None:
    """Return the port that a URL leads to; None for text that is no URL."""
    try:
        parts = urlsplit(url)
        return parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None  # Another check refuses it.
