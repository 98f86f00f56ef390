"""What is wrong with a NotificationReceiver: by its schema, the operator's own parser, and what it refers to in the same files. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notification_cli.views.lint import schema
from notification_contract import bounds, crds, names
from notification_contract.kinds.receiver import ReceiverSpec, ReceiverSpecError, parse_spec
from notification_contract.kinds.secrets import GRANT, SECRET_TYPES
from notification_domain.json_values import mapping, text
from notification_domain.rendering.templating.templates import Template, TemplateInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Place = tuple[str, str]
"""Namespace, empty where the file names none, and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the files contain that a receiver can refer to."""

    home: str = ""
    """The operator's namespace; empty if it is not known."""
    receivers: frozenset[Place] = frozenset()
    secrets: Mapping[Place, Mapping[str, Any]] = field(default_factory=dict)
    config_maps: Mapping[Place, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[object], *, home: str) -> Surroundings:
        receivers: set[Place] = set()
        secrets: dict[Place, Mapping[str, Any]] = {}
        config_maps: dict[Place, Mapping[str, Any]] = {}
        for document in map(mapping, documents):
            place = _place(document)
            match document.get("kind"):
                case names.RECEIVER_KIND:
                    receivers.add(place)
                case "Secret":
                    secrets[place] = document
                case "ConfigMap":
                    config_maps[place] = mapping(document.get("data"))
        return cls(home=home, receivers=frozenset(receivers), secrets=secrets, config_maps=config_maps)


def receiver(obj: Mapping[str, Any], among: Surroundings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the problems of a receiver, and notes about it."""
    problems = list(schema.object_problems(obj, crds.notification_receiver()))
    namespace, name = _place(obj)
    if len(name) > bounds.RECEIVER_NAME:
        problems.append(f"metadata.name: has more than {bounds.RECEIVER_NAME} characters; use a shorter name")
    if problems:
        return tuple(problems), ()
    try:
        spec = parse_spec(obj["spec"])
    except ReceiverSpecError as error:
        return tuple(f"spec.{problem}".replace("spec.spec:", "spec:") for problem in error.problems), ()
    return (
        tuple(_spec_problems(spec, namespace, name, among)),
        tuple(_notes(spec, namespace, among)),
    )


def _spec_problems(spec: ReceiverSpec, namespace: str, name: str, among: Surroundings) -> Iterator[str]:
    if spec.fallback and spec.fallback.name == name:
        yield "spec.fallback.name: names this receiver itself; name another one"
    if among.home and namespace not in {"", among.home}:
        for restricted in spec.restricted_fields():
            yield f"spec.{restricted}: only receivers in the operator's namespace {among.home} may have this field"
    yield from _secret_problems(spec, namespace, among)
    for path, source in _templates(spec, namespace, among):
        try:
            Template(source)
        except TemplateInvalidError as error:
            yield f"{path}: {error}"


def _secret_problems(spec: ReceiverSpec, namespace: str, among: Surroundings) -> Iterator[str]:
    """Yield what is wrong with the Secrets of the files that a receiver refers to."""
    seen = set[str]()
    for use in spec.secret_uses():
        secret = among.secrets.get((namespace, use.name))
        if secret is None:
            continue
        if use.name not in seen:
            seen.add(use.name)
            yield from _grant_problems(use.name, secret)
        keys = {*mapping(secret.get("data")), *mapping(secret.get("stringData"))}
        if use.key not in keys:
            yield f"spec.{use.field}: Secret {use.name} has no key {use.key}; it has {', '.join(sorted(keys)) or 'none'}"


def _grant_problems(name: str, secret: Mapping[str, Any]) -> Iterator[str]:
    labels = mapping(mapping(secret.get("metadata")).get("labels"))
    if labels.get(names.SECRET_LABEL) != "true":
        yield f"Secret {name}: lacks the label {GRANT}, so no receiver can use it; add it to metadata.labels"
    if secret.get("type", SECRET_TYPES[0]) not in SECRET_TYPES:
        yield f"Secret {name}: has a type that receivers may not use; use one of {', '.join(SECRET_TYPES)}"


def _templates(spec: ReceiverSpec, namespace: str, among: Surroundings) -> Iterator[tuple[str, str]]:
    """Yield the templates of a receiver, inline and in a ConfigMap of the files, with their paths."""
    if spec.template is None:
        return
    if spec.template.inline is not None:
        yield "spec.template.inline.subject", spec.template.inline.subject
        yield "spec.template.inline.body", spec.template.inline.body
    if spec.template.config_map_ref is not None:
        name = spec.template.config_map_ref.name
        data = among.config_maps.get((namespace, name), {})
        for key in ("subject", "body"):
            if isinstance(data.get(key), str):
                yield f"spec.template.configMapRef: ConfigMap {name}, {key}", data[key]


def _notes(spec: ReceiverSpec, namespace: str, among: Surroundings) -> Iterator[str]:
    if spec.fallback and (namespace, spec.fallback.name) not in among.receivers:
        yield f"the fallback {spec.fallback.name} is not in these files"
    for name in dict.fromkeys(use.name for use in spec.secret_uses()):
        if (namespace, name) not in among.secrets:
            yield f"the Secret {name} is not in these files"


def _place(document: Mapping[str, Any]) -> Place:
    meta = mapping(document.get("metadata"))
    return text(meta.get("namespace")), text(meta.get("name"))
