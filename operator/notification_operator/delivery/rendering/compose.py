"""From a message to what a channel shows: template, redaction, markup; a message is never lost to a template."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from notification_operator.delivery.rendering.budget import TemplateRenderError
from notification_operator.delivery.rendering.markdown import is_link
from notification_operator.delivery.rendering.templates import Output, Template, builtin
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notification_contract.messages import BodyFormat
    from notification_operator.delivery.channel import Message

Body = TypeVar("Body")

MAX_URL: Final = 2000
"""Characters of a link's address; a longer one is not shown, because services refuse it."""
MAX_LABEL: Final = 200
MAX_INLINE: Final = 4096
"""Characters of a body that are rendered at once; a longer one, like a template of a user, takes a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates know besides the notification; nothing secret."""

    cluster: str = ""
    receiver: str = ""
    receiver_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The templates of a receiver; None: the built-in one."""

    subject: Template | None = None
    body: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed(Generic[Body]):
    """A message as the channel shows it."""

    subject: str
    """One line, as plain text."""
    body: Body
    note: str = ""
    """Why the built-in template was used."""


class Composer:
    """Applies the templates of one receiver.

    Args:
        clock: seconds of processor time of the calling thread.
        redact: removes secrets from a text once more, after a template has joined its parts.
    """

    def __init__(
        self,
        *,
        facts: Facts,
        clock: Callable[[], float],
        templates: Templates | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.facts = facts
        self.clock = clock
        self.redact = redact
        self._templates = templates or Templates()

    async def compose(self, message: Message, render: Callable[[str, BodyFormat], Body]) -> Composed[Body]:
        """Return the message; `render` turns a body of a format into what the channel shows."""
        work = partial(self._compose, message, render)
        if len(message.content.body) <= MAX_INLINE and self._templates == Templates():
            return work()
        return await asyncio.to_thread(work)

    def context(self, message: Message) -> dict[str, Any]:
        """Return what templates can use."""
        return {
            "notification": _notification(message),
            "cluster": self.facts.cluster,
            "receiver": {"name": self.facts.receiver, "type": self.facts.receiver_type},
            "attempt": message.attempt,
        }

    def page(self, name: str, context: Mapping[str, Any], *, last: str, output: Output = Output.TEXT) -> str:
        """Return the text of a built-in template around a rendered body; `last` if a limit is exceeded."""
        return self._text((_builtin(name, output),), context, last)[0]

    def _text(
        self, candidates: Iterable[Template | None], context: Mapping[str, Any], last: str
    ) -> tuple[str, str]:
        """Return the text of the first template that works, and a note about the one that failed."""
        note = ""
        for template in filter(None, candidates):
            try:
                return template.render(context, clock=self.clock), note
            except TemplateRenderError as error:
                note = self.redact(f"the template failed, {error}; the built-in one was used")
        return last, note

    def _compose(self, message: Message, render: Callable[[str, BodyFormat], Body]) -> Composed[Body]:
        context, content = self.context(message), message.content
        subjects = (self._templates.subject, _builtin("subject.j2", Output.TEXT))
        subject, first = self._text(subjects, context, content.subject)
        bodies = (self._templates.body, _builtin("body.j2", Output.TEXT))
        body, second = self._text(bodies, context, content.body)
        if self._templates.body is None:
            second = ""  # a body that is too long for the built-in template is used as it is
        line = " ".join(subject.split()) or " ".join(content.subject.split()) or message.name
        return Composed(
            subject=self.redact(line),
            body=_redacted(render(self.redact(body), message.format), self.redact),
            note="; ".join(filter(None, (first, second))),
        )


def origin(message: Message) -> str:
    """Return where a message comes from; its author cannot choose this text."""
    return f"from {message.namespace}/{message.name}"


def links(message: Message) -> list[dict[str, str]]:
    """Return label and URL of the links that a message may show."""
    shown = (
        {
            "label": (link.get("label") or link.get("service") or link.get("url", ""))[:MAX_LABEL],
            "url": link.get("url", ""),
        }
        for link in message.content.action_links
    )
    return [link for link in shown if len(link["url"]) <= MAX_URL and is_link(link["url"])]


def event_type(message: Message) -> str:
    """Return the type of the event, such as `notification.trigger`."""
    return f"notification.{message.event.lower()}"


def _notification(message: Message) -> dict[str, Any]:
    content = message.content
    return {
        "namespace": message.namespace,
        "name": message.name,
        "uid": message.uid,
        "created": format_time(message.created),
        "type": content.type,
        "priority": content.priority,
        "subject": content.subject,
        "body": content.body,
        "event": str(message.event),
        "dedupKey": message.dedup_key,
        "deliveryId": message.delivery_id,
        "metadata": dict(content.metadata),
        "labels": dict(content.labels),
        "annotations": dict(content.annotations),
        "links": links(message),
    }


@cache
def _builtin(name: str, output: Output) -> Template:
    return builtin(name, output=output)


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:  # noqa: ANN401 - of the type that comes in
    """Return a value with each text in it redacted."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _redacted(part, redact) for key, part in value.items()}
        case list():
            return [_redacted(part, redact) for part in value]
        case _:
            return value
