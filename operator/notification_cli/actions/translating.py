"""Shows what a message to a source becomes: the gateway's mapping on this machine, with a source of the cluster or of a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_cli.actions.checks import usage
from notification_cli.actions.linting import read_content
from notification_cli.clock import now
from notification_cli.errors import CliError, ExitCode
from notification_cli.output.documents import Objects, document
from notification_cli.rules import Rules, read_bytes
from notification_cli.views.format import Output
from notification_cli.views.lint.files import NotYamlError
from notification_contract import names
from notification_contract.routing.reach import ONLY_LOGGED, message_only_logs
from notification_contract.sources.source import NotificationSource, SourceSpecError, SourceType
from notification_domain.json_values import mapping
from notification_domain.mapping import Malformed, Post, UnsupportedType, translate
from notification_domain.rendering.texts import render_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notification_cli.output.screen import Screen
    from notification_cli.session import Session
    from notification_domain.mapping import Notification
    from notification_domain.routing import RoutingState

UID: Final = "00000000-0000-0000-0000-000000000000"
"""A uid that stands for the one that the API server would give."""
JSON: Final = "application/json"
EVENTS: Final = ((dict, "application/cloudevents+json"), (list, "application/cloudevents-batch+json"))
"""The Content-Type of CloudEvents by what a payload is, unless a header says another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTest:
    """A message, and the source that it is for.

    Args:
        name: the source.
        body: the body of the message.
        headers: its headers by their names in lower case.
        local: the source if it is not one of the cluster.
        output: the format; as a table, the notifications are written in YAML.
        home: the namespace of the operator, whose routing rules decide where the notifications go.
    """

    name: str
    body: bytes
    headers: Mapping[str, str]
    local: NotificationSource | None = None
    output: Output = Output.TABLE
    home: str = ""

    @classmethod
    def of(  # noqa: PLR0913 - the options
        cls,
        *,
        name: str,
        payload: str,
        spec: str,
        kind: str,
        headers: Sequence[str],
        namespace: str,
        output: Output,
        home: str = "",
    ) -> SourceTest:
        """Read the files.

        Raises:
            CliError: the options are wrong, a file cannot be read, or the source in it is not valid.
        """
        if not (name or spec or kind):
            raise usage("NAME is missing; name a source, or give one with --spec FILE or --type TYPE")
        if kind and kind not in tuple(SourceType):
            raise usage(f"--type: {kind!r} is no type of sources; use one of {', '.join(SourceType)}")
        local = (
            _source(_declared(spec, name) if spec else {}, kind, name, namespace) if spec or kind else None
        )
        return cls(
            name=name,
            body=read_bytes(payload),
            headers=dict(map(_header, headers)),
            local=local,
            output=output,
            home=home,
        )

    @property
    def is_local(self) -> bool:
        return self.local is not None

    def run_offline(self, screen: Screen) -> int:
        assert self.local is not None, "checked by is_local"
        return self._show(screen, self.local, now())

    async def run(self, session: Session) -> int:
        found = _parsed(await session.sources.get(session.namespace, self.name))
        rules, unknown = await Rules(namespace=self.home).rules_in_force(session)
        code = self._show(session.screen, found, session.clock(), rules)
        if unknown:
            session.screen.note(unknown)
        return code

    def _show(
        self,
        screen: Screen,
        source: NotificationSource,
        received: datetime,
        rules: RoutingState | None = None,
    ) -> int:
        content_type = self.headers.get("content-type") or _content_type(source, self.body)
        post = Post(
            content_type=content_type,
            headers={**self.headers, "content-type": content_type},
            body=self.body,
            received=received,
        )
        try:
            translation = translate(source, post)
        except UnsupportedType as error:
            raise CliError(f"the gateway rejects the message with 415: {error}") from None
        except Malformed as error:
            raise CliError(f"the gateway rejects the message with 400: {error}") from None
        self._write(screen, [_object(source, _with_texts(each)) for each in translation.notifications])
        table = rules.table if rules else None
        for each in translation.notifications if rules else ():
            if not each.spec.get("receiverRefs") and message_only_logs(table, each.labels):
                screen.note(f"{each.name}: {ONLY_LOGGED}")
        if translation.filtered:
            screen.note(f"the filter of the source leaves out {translation.filtered}")
        if translation.beat:
            screen.note("the message is a heartbeat; it creates no notification")
        elif not translation.notifications:
            screen.note("the gateway accepts the message and creates no notification")
        return ExitCode.OK

    def _write(self, screen: Screen, made: Sequence[Mapping[str, Any]]) -> None:
        output = Output.YAML if self.output.is_table else self.output
        if len(made) == 1:
            document(screen, output, made[0])
        elif made:
            objects = Objects(screen, output)
            objects.add(made)
            objects.close()


def _declared(file: str, name: str) -> Mapping[str, Any]:
    """Return the source in a file, as an object: that of a name, if there are several.

    Raises:
        CliError: there is none.
    """
    documents = read_content(file)
    if isinstance(documents, NotYamlError):
        raise CliError(f"{file} is not YAML: {documents}")
    found = [mapping(each) for each in documents]
    objects = [each for each in found if each.get("kind") == names.SOURCE_KIND]
    if not objects and len(found) == 1 and "kind" not in found[0]:
        return {"spec": found[0]}
    chosen = [each for each in objects if not name or mapping(each.get("metadata")).get("name") == name]
    if len(chosen) != 1:
        listed = ", ".join(str(mapping(each.get("metadata")).get("name")) for each in objects)
        raise CliError(
            f"{file} must have one {names.SOURCE_KIND} {name}".rstrip() + f"; it has {listed or 'none'}"
        )
    return chosen[0]


def _source(declared: Mapping[str, Any], kind: str, name: str, namespace: str) -> NotificationSource:
    """Return the source of a file as it would be in the cluster; `kind` is its type, if that is given."""
    meta = mapping(declared.get("metadata"))
    return _parsed(
        {
            "metadata": {
                "name": meta.get("name") or name or kind or "source",
                "namespace": meta.get("namespace") or namespace or "default",
                "uid": meta.get("uid") or UID,
            },
            "spec": {**mapping(declared.get("spec")), **({"type": kind} if kind else {})},
        }
    )


def _parsed(obj: Mapping[str, Any]) -> NotificationSource:
    try:
        source = NotificationSource.parse(obj)
        _ = source.spec.matchers
    except SourceSpecError as error:
        raise CliError(f"source {obj['metadata']['name']} is not valid: {error}") from None
    except ValueError as error:
        raise CliError(f"source {obj['metadata']['name']} is not valid: spec.filter: {error}") from None
    return source


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not separator or not name.strip():
        raise usage(f"--header: {text!r} is no header; write it like 'Content-Type: application/json'")
    return name.strip().lower(), value.strip()


def _content_type(source: NotificationSource, body: bytes) -> str:
    if source.spec.type is not SourceType.CLOUDEVENTS:
        return JSON
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return JSON
    return next((each for kind, each in EVENTS if isinstance(content, kind)), JSON)


def _with_texts(notification: Notification) -> Notification:
    """Return the notification with the texts of the source's templates, as the gateway renders them."""
    if not notification.templates:
        return notification
    result = render_texts(templates=notification.templates, values=notification.data)
    return notification.with_texts(result["texts"], result["problems"])


def _object(source: NotificationSource, notification: Notification) -> dict[str, Any]:
    meta = {
        "name": notification.name,
        "namespace": source.namespace,
        "labels": notification.labels,
        "annotations": notification.annotations,
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {key: value for key, value in meta.items() if value},
        "spec": notification.spec,
    }
