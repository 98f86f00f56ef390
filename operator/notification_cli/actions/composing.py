"""The notification that the options of `notif send` describe: from a file, from the options alone, or both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from notification_cli.actions.checks import is_url, moment_of, usage
from notification_cli.actions.linting import read_content
from notification_cli.actions.routing import parse_labels
from notification_cli.rules import STANDARD_INPUT, read_file
from notification_cli.views.destinations import Destination, parse_destination
from notification_cli.views.lint.files import NotYamlError
from notification_client import Link, Options, notification
from notification_contract import names
from notification_domain.json_values import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

DEFAULTS: Final = {"type": "simple", "priority": "medium"}
DESTINATIONS: Final = ("channels", "receiverRefs")


@dataclass(frozen=True, kw_only=True)
class Composition:
    """What the user wrote; empty for what was not written. An option overrides the field of the file.

    Args:
        file: a path with one NotificationRequest, or a hyphen for standard input.
        name: of the object.
        once: a key for which at most one notification is created.
        body: a text, or a hyphen for standard input.
        template: `CONFIGMAP/KEY`.
        about: `KIND/NAME` of the object that the notification is about.
        retry: fields of the retry policy; None for one that was not written.
    """

    file: str = ""
    name: str = ""
    once: str = ""
    subject: str = ""
    body: str = ""
    kind: str = ""
    priority: str = ""
    to: Sequence[str] = ()
    labels: Sequence[str] = ()
    links: Sequence[str] = ()
    metadata: Sequence[str] = ()
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()
    incident: str = ""
    event: str = ""
    format: str = ""
    template: str = ""
    about: str = ""
    not_before: str = ""
    deliver_before: str = ""
    retention_days: int | None = None
    retry: Mapping[str, int | None]

    @cached_property
    def destinations(self) -> Sequence[Destination]:
        return [_destination(each) for each in self.to]

    def compose(self, time: datetime) -> dict[str, Any]:
        """Return the object to create.

        Raises:
            CliError: an option is wrong, or a file cannot be read.
        """
        if self.file == self.body == STANDARD_INPUT:
            raise usage("--filename - and --body - exclude each other: both read standard input")
        if self.name and self.once:
            raise usage("--name and --once exclude each other; --once names the notification by its key")
        base = _read(self.file) if self.file else {}
        if not self.subject and not mapping(base.get("spec")).get("subject"):
            raise usage("--subject is missing; add --subject TEXT, or name a file with --filename FILE")
        made = notification(self.subject, self._body(), self._options(time))
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": self._metadata(mapping(base.get("metadata")), made["metadata"]),
            "spec": self._spec(mapping(base.get("spec")), made["spec"]),
        }

    def _metadata(self, base: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
        """Return the metadata of the file with the options; a key names the object, whatever the file says."""
        labels = {**mapping(base.get("labels")), **made["labels"]}
        name = self.name or ("" if self.once else base.get("name")) or made["name"]
        return {**base, "name": name, **({"labels": labels} if labels else {})}

    def _spec(self, base: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
        """Return the spec of the file with the options; `--to` replaces all destinations of the file."""
        texts = {
            "type": self.kind,
            "priority": self.priority,
            "subject": self.subject,
            "body": made["body"],
        }
        given = {key: value for key, value in made.items() if key not in texts}
        given |= self._more(base) | {key: value for key, value in texts.items() if value}
        kept = {key: value for key, value in base.items() if not self.to or key not in DESTINATIONS}
        spec = {**DEFAULTS, **kept, **given}
        spec.setdefault("body", spec["subject"])
        return spec

    def _body(self) -> str:
        return read_file(STANDARD_INPUT) if self.body == STANDARD_INPUT else self.body

    def _options(self, time: datetime) -> Options:
        options = Options(
            channels=[each.channel for each in self.destinations if not each.receiver],
            receivers=[each.reference for each in self.destinations if each.receiver],
            labels={
                key: value
                for each in self.labels
                for key, value in parse_labels(each, option="--label").items()
            },
            links=[_link(each) for each in self.links],
            incident=self.incident,
            event=self.event,
            format=self.format,
            template=_template(self.template),
        )
        if self.once:
            options["once"] = self.once
        if self.not_before:
            options["not_before"] = moment_of("--not-before", self.not_before, time)
        if self.deliver_before:
            options["deliver_before"] = moment_of("--deliver-before", self.deliver_before, time)
        return options

    def _more(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that the Python client has no options for."""
        retry = {field: value for field, value in self.retry.items() if value is not None}
        people = [{"email": each} for each in self.emails] + [{"phone": each} for each in self.phones]
        metadata = _pairs(self.metadata)
        fields = {
            "recipients": people,
            "metadata": metadata and {**mapping(spec.get("metadata")), **metadata},
            "retryPolicy": retry and {**mapping(spec.get("retryPolicy")), **retry},
            "remediationRequestRef": _about(self.about),
            "retentionDays": self.retention_days,
        }
        return {key: value for key, value in fields.items() if value}


def _read(file: str) -> Mapping[str, Any]:
    documents = read_content(file)
    if isinstance(documents, NotYamlError):
        raise usage(f"--filename {file}: it is not YAML: {documents}")
    found = [mapping(each) for each in documents if mapping(each).get("kind") == names.KIND]
    if len(found) != 1:
        raise usage(f"--filename {file}: it has {len(found)} {names.KIND}s; name a file with one")
    if found[0].get("apiVersion") != names.API_VERSION:
        raise usage(
            f"--filename {file}: apiVersion is {found[0].get('apiVersion')!r}; use {names.API_VERSION}"
        )
    return found[0]


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """Return the names and values of texts such as `a=b`; a value can contain commas."""
    pairs = [each.partition("=") for each in texts]
    for key, equals, value in pairs:
        if not key or not equals:
            raise usage(f"--metadata: {key + value!r} has no name and value; write NAME=VALUE")
    return {key: value for key, _, value in pairs}


def _destination(text: str) -> Destination:
    try:
        return parse_destination(text)
    except ValueError as error:
        raise usage(f"--to: {error}") from None


def _link(text: str) -> Link:
    """Return the link of `URL` or `TEXT=URL`.

    Raises:
        CliError: there is no URL in it.
    """
    label, url = ("", text) if is_url(text) else (text.partition("=")[0], text.partition("=")[2])
    if not is_url(url):
        raise usage(f"--link: {text!r} has no http or https URL; write URL or TEXT=URL")
    host = urlsplit(url).hostname or "link"
    return Link(url=url, label=label or host, service=host)


def _template(text: str) -> str:
    """Return the place of a template.

    Raises:
        CliError: it is not like `CONFIGMAP/KEY`.
    """
    config_map, _, key = text.partition("/")
    if text and not (config_map and key):
        raise usage(f"--template: {text!r} names no key; write CONFIGMAP/KEY")
    return text


def _about(text: str) -> dict[str, str]:
    kind, _, name = text.partition("/")
    if text and not (kind and name):
        raise usage(f"--about: {text!r} names no object; write KIND/NAME")
    return {"kind": kind, "name": name} if text else {}
