"""What is wrong with files of notifications, receivers, sources and routing rules, by the validators of the API server and the operator."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_cli.views.lint import schema
from notification_contract import crds, names
from notification_contract.placeholders import HINT, is_placeholder, placeholders
from notification_contract.routing.document import check_document, check_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

GRANTS: Final = (names.SECRET_LABEL, names.SOURCES_SECRET_LABEL)
"""The labels of the Secrets that the platform reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One document of a file."""

    what: str
    """What it is, such as `NotificationRequest hello`."""
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What is no problem, but may be forgotten."""


class _Loader(yaml.SafeLoader):
    """Reads a time without quotes as a text, as kubectl does."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class NotYamlError(Exception):
    """The file is not YAML."""


def read_documents(text: str) -> Sequence[object]:
    """Return the documents of a file, and the items of its Lists.

    Raises:
        NotYamlError: the file is not YAML.
    """
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotYamlError(" ".join(str(error).split())) from None
    return [each for document in documents for each in _flat(document)]


def check(documents: Iterable[object], *, among: Iterable[object] = (), home: str = "") -> Iterator[Checked]:
    """Yield each document with its problems; documents of other kinds are left out.

    Args:
        documents: those of one file.
        among: those of all files, to which receivers may refer.
        home: the operator's namespace; empty if it is not known.
    """
    among = tuple(among)
    for document in documents:
        checked = _check(document, among, home)
        if checked is not None:
            yield checked


def _flat(document: object) -> Iterator[object]:
    """Yield a document, or the items of a List."""
    if (
        isinstance(document, dict)
        and document.get("kind") == "List"
        and isinstance(document.get("items"), list)
    ):
        yield from document["items"]
    elif document is not None:
        yield document


def _check(document: object, among: Sequence[object], home: str) -> Checked | None:  # noqa: PLR0911 - one for each kind
    if not isinstance(document, dict):
        return Checked(what="document", problems=("must be a mapping",))
    meta = document.get("metadata")
    name = meta.get("name", "") if isinstance(meta, dict) else ""
    match document.get("kind"):
        case names.KIND:
            problems = tuple(notification(document))
            notes = () if problems else _unused(document["spec"])
            return Checked(what=f"{names.KIND} {name}".strip(), problems=problems, notes=notes)
        case names.RECEIVER_KIND:
            # The models of specs take a while to load.
            from notification_cli.views.lint.receivers import Surroundings, receiver  # noqa: PLC0415

            surroundings = Surroundings.of(among, home=home)
            problems, notes = receiver(document, surroundings)
            problems = (*problems, *_placeholders(document))
            return Checked(what=f"{names.RECEIVER_KIND} {name}".strip(), problems=problems, notes=notes)
        case names.SOURCE_KIND:
            # These models, too.
            from notification_cli.views.lint.sources import source  # noqa: PLC0415

            problems, notes = source(document, among)
            problems = (*problems, *_placeholders(document))
            return Checked(what=f"{names.SOURCE_KIND} {name}".strip(), problems=problems, notes=notes)
        case "Secret" if problems := tuple(_secret_placeholders(document)):
            return Checked(what=f"Secret {name}".strip(), problems=problems)
        case "ConfigMap" if isinstance(data := document.get("data"), dict) and names.ROUTING_KEY in data:
            problems, notes = _routing_text(data[names.ROUTING_KEY])
            return Checked(what=f"ConfigMap {name}", problems=problems, notes=notes)
        case None if "route" in document or "receivers" in document:
            problems, notes = check_document(document)
            return Checked(what="routing document", problems=problems, notes=notes)
        case _:
            return None


def _placeholders(document: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{path}: {HINT}" for path in placeholders(document.get("spec"), "spec"))


def _secret_placeholders(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values that have a placeholder, of a Secret that receivers or sources may use."""
    meta = document.get("metadata")
    labels = meta.get("labels") if isinstance(meta, dict) else None
    if not isinstance(labels, dict) or labels.keys().isdisjoint(GRANTS):
        return
    for part in ("data", "stringData"):
        values = document.get(part)
        for key, value in values.items() if isinstance(values, dict) else ():
            if is_placeholder(_decoded(str(value)) if part == "data" else str(value)):
                yield f"{part}.{key}: {HINT}"


def _decoded(value: str) -> str:
    """Return a text that is in base64; empty if it is not."""
    try:
        return b64decode(value, validate=True).decode(errors="replace")
    except ValueError:
        return ""


def notification(obj: Mapping[str, Any]) -> Iterator[str]:
    result = list(schema.object_problems(obj, crds.notification_request()))
    yield from result
    if not result:
        yield from _rules(obj["spec"])


def _rules(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the rules of the CRD refuse in a spec that its schema admits."""
    # The models of specs take a while to load.
    from notification_contract.kinds.notification import NotificationSpecError, check_spec  # noqa: PLC0415

    try:
        check_spec(spec)
    except NotificationSpecError as error:
        return tuple(f"spec.{problem}".replace("spec.spec:", "spec:") for problem in error.problems)
    return ()


def _unused(spec: Mapping[str, Any]) -> tuple[str, ...]:
    # What reads the status takes a while to load.
    from notification_cli.views.targets import unused_addresses  # noqa: PLC0415

    return unused_addresses(spec.get("recipients") or ())


def _routing_text(text: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not isinstance(text, str):
        return (f"data.{names.ROUTING_KEY}: must be a string; write it as a block after |",), ()
    return check_text(text)
