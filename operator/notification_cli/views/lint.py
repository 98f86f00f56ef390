"""What is wrong with a file of notifications or routing rules, by the validators of the API server and the operator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_cli.views import schema
from notification_contract import crds, names
from notification_contract.routing.document import problems_of, read_table
from notification_contract.routing.table import RoutingTableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
LONGEST_NAME, LONGEST_LABEL = 253, 63
MAX_BYTES: Final = 3 * 1024 * 1024
"""The API server's own limit for a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One document of a file."""

    what: str
    """What it is, such as `NotificationRequest hello`."""
    problems: tuple[str, ...]


class NotYamlError(Exception):
    """The file is not YAML."""


def check(text: str) -> Iterator[Checked]:
    """Yield each document of a file with its problems; documents of other kinds are left out.

    Raises:
        NotYamlError: the file is not YAML.
    """
    try:
        documents = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotYamlError(" ".join(str(error).split())) from None
    for document in documents:
        for each in _flat(document):
            checked = _check(each)
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


def _check(document: object) -> Checked | None:
    if not isinstance(document, dict):
        return Checked(what="document", problems=("must be a mapping",))
    meta = document.get("metadata")
    name = meta.get("name", "") if isinstance(meta, dict) else ""
    match document.get("kind"):
        case names.KIND:
            return Checked(what=f"{names.KIND} {name}".strip(), problems=tuple(notification(document)))
        case "ConfigMap" if isinstance(data := document.get("data"), dict) and names.ROUTING_KEY in data:
            problems = tuple(_routing_text(data[names.ROUTING_KEY]))
            return Checked(what=f"ConfigMap {name}", problems=problems)
        case None if "route" in document or "receivers" in document:
            return Checked(what="routing document", problems=tuple(problems_of(document)))
        case _:
            return None


def notification(obj: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems of a NotificationRequest."""
    definition = crds.notification_request()["spec"]["versions"]
    if obj.get("apiVersion") != names.API_VERSION:
        yield f"apiVersion: unsupported value {obj.get('apiVersion')!r}; use {names.API_VERSION}"
        return
    version = next(each for each in definition if each["name"] == names.VERSION)
    if len(yaml.safe_dump(dict(obj))) > MAX_BYTES:
        yield f"the object has more than {MAX_BYTES} bytes; the API server refuses it"
    # The API server checks the metadata by rules of its own.
    whole = {key: value for key, value in obj.items() if key != "metadata"}
    yield from schema.problems(whole, version["schema"]["openAPIV3Schema"], "")
    yield from _metadata(obj.get("metadata"))


def _metadata(meta: object) -> Iterator[str]:
    if not isinstance(meta, dict) or not (meta.get("name") or meta.get("generateName")):
        yield "metadata.name: missing; give the object a name, or a generateName"
        return
    name = meta.get("name")
    if name is not None and not _is_subdomain(name):
        yield (
            f"metadata.name: {name!r} is not a name; use lower-case letters, digits, - and ., "
            f"at most {LONGEST_NAME} characters"
        )
    labels = meta.get("labels") or {}
    if not isinstance(labels, dict):
        yield "metadata.labels: must be a mapping"
        return
    for key, value in labels.items():
        yield from _label(key, value)


def _label(key: object, value: object) -> Iterator[str]:
    prefix, _, short = str(key).rpartition("/")
    if not _is_label(short) or (prefix and not _is_subdomain(prefix)):
        yield f"metadata.labels: {key!r} is not the name of a label"
    if not isinstance(value, str):
        yield f"metadata.labels.{key}: must be a string (got {value!r}); put it in quotes"
    elif value and not _is_label(value):
        yield (
            f"metadata.labels.{key}: {value!r} is not the value of a label; use letters, digits, -, _ and ., "
            f"at most {LONGEST_LABEL} characters"
        )


def _is_subdomain(text: object) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST_NAME and _SUBDOMAIN.fullmatch(text) is not None


def _is_label(text: str) -> bool:
    return len(text) <= LONGEST_LABEL and _LABEL_NAME.fullmatch(text) is not None


def _routing_text(text: object) -> list[str]:
    if not isinstance(text, str):
        return [f"data.{names.ROUTING_KEY}: must be a string; write it as a block after |"]
    try:
        read_table(text)
    except RoutingTableError as error:
        return error.problems
    return []
