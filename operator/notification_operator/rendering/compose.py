"""From a message to what a channel shows: template, redaction, markup; a message is never lost to a template."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from notification_contract.kinds.choices import BodyFormat
from notification_operator.domain.json_values import format_time
from notification_operator.rendering.markup.markdown import is_link
from notification_operator.rendering.pool import RenderingError, RenderingPool
from notification_operator.rendering.templating.budget import TemplateRenderError, work_seconds
from notification_operator.rendering.templating.overrides import override
from notification_operator.rendering.templating.templates import (
    Output,
    Template,
    builtin,
    compiled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notification_operator.delivery.channel import Message
    from notification_operator.rendering.templating.overrides import ReadTemplate

Body = TypeVar("Body")
T = TypeVar("T")

MAX_URL: Final = 2000
"""Characters of a link's address; a longer one is not shown, because services refuse it."""
MAX_LABEL: Final = 200
MAX_INLINE: Final = 4096
"""Characters of a body that are rendered on the event loop; a longer one, Markdown or a template takes a thread."""


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


def templates_of(sources: Mapping[str, str]) -> tuple[Templates, str]:
    """Return the templates of a receiver, and why one is not valid; the built-in one takes its place.

    Outside the event loop only. `sources` holds their texts by their keys, `subject` and `body`.
    """
    found = {key: compiled(text) for key, text in sources.items() if text}
    valid = {key: each for key, each in found.items() if isinstance(each, Template)}
    problems = (f"template, {key}: {each}" for key, each in found.items() if isinstance(each, str))
    return Templates(subject=valid.get("subject"), body=valid.get("body")), "; ".join(problems)


class _Candidate(NamedTuple):
    """A template that may be used, and its names in a note about one that failed."""

    template: Template | None
    name: str
    """If it fails."""
    successor: str
    """If it is used in place of one that failed."""


class Composer:
    """Applies the templates of one receiver, or those that messages bring along; without one, the text is the content.

    Args:
        clock: seconds of processor time of the calling thread; full collections of garbage do not count.
        templates: returns those of the receiver, in another thread than that of the event loop; None: there are none.
        overrides: reads the templates of messages; None: they are not used.
        redact: removes secrets from a text once more, after a template has joined its parts. What is left of the
            content as it was is not redacted again.
        pool: the threads that all composers of a process share; None: threads of its own.
    """

    def __init__(  # noqa: PLR0913 - what it applies, and where
        self,
        *,
        facts: Facts,
        clock: Callable[[], float] = work_seconds,
        templates: Callable[[], Templates] | None = None,
        redact: Callable[[str], str] = str,
        overrides: ReadTemplate | None = None,
        pool: RenderingPool | None = None,
    ) -> None:
        self._pool = pool or RenderingPool()
        self.facts = facts
        self.clock = clock
        self.redact = redact
        self._templates = templates
        self._overrides = overrides

    async def compose(self, message: Message, render: Callable[[str, BodyFormat], Body]) -> Composed[Body]:
        """Return the message; `render` turns a body of a format into what the channel shows."""
        template, problem = await override(message, self._overrides, self._pool)
        work = partial(self._compose, message, render, template, problem)
        templated = self._uses_templates(template)
        try:
            return await self.run(message, work, size=None if templated else len(message.content.body))
        except RenderingError as error:
            return self._shortened(message, render, f"the message was shortened: {error}")

    async def run(self, message: Message, work: Callable[[], T], *, size: int | None) -> T:
        """Return the result of `work` on a message: outside the event loop, unless it is short and plain.

        Args:
            message: what is worked on.
            work: computes; touches nothing that other threads use.
            size: characters that it works on; None if nobody knows.

        Raises:
            RenderingError: it takes too long.
        """
        if size is not None and size <= MAX_INLINE and message.format is not BodyFormat.MARKDOWN:
            return work()
        return await self._pool.run(message.namespace, work)

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
        try:
            return _builtin(name, output).render(context, clock=self.clock)
        except TemplateRenderError:
            return last

    def _text(
        self, candidates: Iterable[_Candidate], context: Mapping[str, Any], last: str
    ) -> tuple[str, str]:
        """Return the text of the first template that works, and a note about those that failed."""
        failed: list[str] = []
        for template, name, successor in candidates:
            if template is None:
                continue
            try:
                text = template.render(context, clock=self.clock)
            except TemplateRenderError as error:
                failed.append(self.redact(f"{name} failed, {error}"))
            else:
                return text, "; ".join((*failed, f"{successor} was used") if failed else ())
        return last, "; ".join((*failed, "the built-in one was used") if failed else ())

    def _compose(
        self,
        message: Message,
        render: Callable[[str, BodyFormat], Body],
        template: Template | None,
        problem: str,
    ) -> Composed[Body]:
        content = message.content
        context = self.context(message) if self._uses_templates(template) else {}
        own = self._templates() if self._templates else Templates()
        subject, first = self._text((_own(own.subject),), context, content.subject)
        override = _Candidate(template, "spec.template", "")
        body, second = self._text((override, _own(own.body)), context, content.body)
        line = " ".join(subject.split()) or " ".join(content.subject.split()) or message.name
        redact = partial(self._redact_other, (content.subject, content.body))
        return Composed(
            subject=redact(line),
            body=_redacted(render(redact(body), message.format), redact),
            note="; ".join(filter(None, (self.redact(problem), first, second))),
        )

    def _shortened(
        self, message: Message, render: Callable[[str, BodyFormat], Body], note: str
    ) -> Composed[Body]:
        """Return the start of a message as it is written: what the event loop can compute itself."""
        content = message.content
        return Composed(
            subject=" ".join(content.subject.split()) or message.name,
            body=render(content.body[:MAX_INLINE], BodyFormat.PLAIN),
            note=note,
        )

    def _uses_templates(self, template: Template | None) -> bool:
        """Return whether a message with this template of its own, or none, is rendered."""
        return template is not None or self._templates is not None

    def _redact_other(self, redacted: tuple[str, ...], text: str) -> str:
        """Redact a text, unless it is one of those that are redacted already."""
        return text if text in redacted else self.redact(text)


def origin(message: Message, cluster: str = "") -> str:
    """Return where a message comes from; its author cannot choose this text."""
    place = f"from {message.namespace}/{message.name}"
    return f"{place}, cluster {cluster}" if cluster else place


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


def _own(template: Template | None) -> _Candidate:
    return _Candidate(template, "the template", "the template of the receiver")


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
