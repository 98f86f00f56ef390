"""From a message to what a channel shows, by the renderer; a short plain one by the event loop itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from notification_contract.kinds.choices import BodyFormat
from notification_domain.json_values import format_time
from notification_domain.model import characters
from notification_domain.rendering.composition import Composition, Override, compose, source_of
from notification_domain.rendering.job import Renderer, RenderingError
from notification_domain.rendering.markup.markdown import is_link
from notification_domain.rendering.mentions import visible
from notification_domain.rendering.redaction import rule_values
from notification_domain.template_ref import TemplateUnavailableError
from notification_runtime.delivery.time_limit import uncounted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from notification_domain.redaction.redactor import Redactor
    from notification_domain.rendering.job import Job
    from notification_domain.rendering.markup.markups import Markup
    from notification_domain.template_ref import TemplateRef
    from notification_runtime.delivery.channel import Message

Body = TypeVar("Body")
ReadTemplate: TypeAlias = "Callable[[str, TemplateRef], Awaitable[str]]"
"""Returns the text of a template in a namespace; raises TemplateUnavailableError if it cannot be read."""

MAX_URL: Final = 2000
"""Characters of a link's address; a longer one is not shown, because services refuse it."""
MAX_LABEL: Final = 200
MAX_INLINE: Final = 4096
"""Characters of a body and of metadata that are rendered on the event loop, unless they are Markdown or a template."""
HERE: Final = Renderer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates know besides the notification; nothing secret."""

    cluster: str = ""
    receiver: str = ""
    receiver_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed(Generic[Body]):
    """A message as the channel shows it."""

    subject: str
    """One line, as plain text."""
    body: Body
    metadata: Sequence[tuple[str, str]] = ()
    """Names and values."""
    note: str = ""
    """Why the built-in template was used."""


class Composer:
    """Applies the templates of one receiver, or those that messages bring along; without one, the text is the content.

    Args:
        facts: what templates know.
        templates: the templates of the receiver by their keys, `subject` and `body`.
        redactor: removes secrets from a text once more, after a template has joined its parts. What is left of the
            content as it was is not redacted again. None: not at all.
        overrides: reads the templates of messages; None: they are not used.
        renderer: what all composers of a process share; None: this process.
    """

    def __init__(
        self,
        *,
        facts: Facts,
        templates: Mapping[str, str] = MappingProxyType({}),
        redactor: Redactor | None = None,
        overrides: ReadTemplate | None = None,
        renderer: Renderer = HERE,
    ) -> None:
        self.facts = facts
        self._templates = {key: text for key, text in templates.items() if text}
        self._redactor = redactor
        self._overrides = overrides
        self._renderer = renderer

    def redact(self, text: str) -> str:
        """Return a text of a few words as it is shown: without controls and secrets."""
        shown = visible(text)
        return shown if self._redactor is None else self._redactor.text(shown)

    async def compose(self, message: Message, markup: Markup[Body]) -> Composed[Body]:
        """Return the message with its body in a markup."""
        result = await self.run(message, compose, markup=markup.name)
        return Composed(
            subject=result["subject"],
            body=result["body"],
            metadata=[(name, value) for name, value in result["metadata"]],
            note=result["note"],
        )

    async def run(self, message: Message, work: Job[..., Any], **arguments: str) -> Any:  # noqa: ANN401 - of the job
        """Return the result of a job that composes a message; it has a note and the number of secrets.

        Without a result, the start of the message is composed as it is written: that takes no time.
        """
        composition = await self._composition(message)
        renderer = HERE if _is_short(composition) else self._renderer
        problem = ""
        try:
            with uncounted():
                result = await renderer.run(message.namespace, work, composition=composition, **arguments)
        except RenderingError as error:
            problem = f"the message was shortened: {error}"
            result = work(composition=_shortened(composition), **arguments)
        if self._redactor is not None:
            self._redactor.count(result["counts"])
        return {**result, "note": problem or result["note"]}

    def context(self, message: Message) -> dict[str, Any]:
        """Return what templates can use."""
        return {
            "notification": _notification(message),
            "cluster": self.facts.cluster,
            "receiver": {"name": self.facts.receiver, "type": self.facts.receiver_type},
            "attempt": message.attempt,
        }

    async def _composition(self, message: Message) -> Composition:
        return {
            "context": self.context(message),
            "format": str(message.format),
            "templates": self._templates,
            "override": await self._override(message),
            "rules": None if self._redactor is None else rule_values(self._redactor.rules),
        }

    async def _override(self, message: Message) -> Override | None:
        ref = message.content.template
        if ref is None or self._overrides is None:
            return None
        place = f"ConfigMap {ref.config_map}, key {ref.key}"
        try:
            source = await self._overrides(message.namespace, ref)
        except TemplateUnavailableError as error:
            return {"place": place, "source": None, "problem": str(error)}
        return {"place": place, "source": source, "problem": ""}


def origin(message: Message, cluster: str = "") -> str:
    """Return where a message comes from; see `source_of`."""
    return source_of(message.namespace, message.name, cluster)


def metadata(message: Message, most: int) -> list[tuple[str, str]]:
    """Return the first metadata of a message without controls; the values of a `Composed` are without secrets as well."""
    pairs = islice(message.content.metadata.items(), most)
    return [(visible(name), visible(value)) for name, value in pairs]


def links(message: Message, *, clean: Callable[[str], str] = visible) -> list[dict[str, str]]:
    """Return label and URL of the links that a message may show; `str` for `clean` leaves them as they are written."""
    shown = (
        {
            "label": clean(link.get("label") or link.get("service") or link.get("url", ""))[:MAX_LABEL],
            "url": clean(link.get("url", "")),
        }
        for link in message.content.action_links
    )
    return [link for link in shown if len(link["url"]) <= MAX_URL and is_link(link["url"])]


def event_type(message: Message) -> str:
    """Return the type of the event, such as `notification.trigger`."""
    return f"notification.{message.event.lower()}"


def _is_short(composition: Composition) -> bool:
    """Return whether the event loop composes a message itself: it has no template, and is short and plain."""
    override, content = composition["override"], composition["context"]["notification"]
    return (
        not composition["templates"]
        and (override is None or override["source"] is None)
        and len(content["body"]) + characters(content["metadata"]) <= MAX_INLINE
        and composition["format"] != BodyFormat.MARKDOWN
    )


def _shortened(composition: Composition) -> Composition:
    """Return the start of a message as it is written."""
    content = composition["context"]["notification"]
    metadata = content["metadata"] if characters(content["metadata"]) <= MAX_INLINE else {}
    short = {**content, "body": content["body"][:MAX_INLINE], "metadata": metadata}
    return {
        "context": {**composition["context"], "notification": short},
        "format": str(BodyFormat.PLAIN),
        "templates": {},
        "override": None,
        "rules": composition["rules"],
    }


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
        "links": links(message, clean=str),
    }
