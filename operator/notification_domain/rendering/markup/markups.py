"""The markups in which bodies are shown, by the names under which the render worker knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from notification_domain.rendering.markup.adaptive_card import CardRenderer
from notification_domain.rendering.markup.chat_markdown import discord, mattermost
from notification_domain.rendering.markup.html import HtmlRenderer
from notification_domain.rendering.markup.mrkdwn import MrkdwnRenderer
from notification_domain.rendering.markup.plain import PlainRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.kinds.choices import BodyFormat
    from notification_domain.rendering.markup.lines import LineRenderer

Body = TypeVar("Body")
Redact: TypeAlias = "Callable[[str], str]"


@dataclass(frozen=True, slots=True)
class Markup(Generic[Body]):
    name: str
    render: Callable[[str, BodyFormat, Redact], Body]
    """Returns a body of a format as the channel shows it, a JSON value, with the secrets redacted that markup had hidden."""


def _redacting(render: Callable[[str, BodyFormat], Body]) -> Callable[[str, BodyFormat, Redact], Body]:
    """Return a renderer whose texts are redacted one by one; none of them is HTML, which that could break."""

    def redacting(text: str, form: BodyFormat, redact: Redact) -> Body:
        redacted: Body = _redacted(render(text, form), redact)
        return redacted

    return redacting


def _redacted(value: Any, redact: Redact) -> Any:  # noqa: ANN401 - of the type that comes in
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


def _unchanged(text: str, form: BodyFormat) -> str:
    """Return the body as it is written: the receiver gets its format with it."""
    del form
    return text


def _mail(text: str, form: BodyFormat, redact: Redact) -> dict[str, str]:
    """Return a body in two forms; one whose plain text shows a secret is shown as that, redacted, in both."""
    plain = PlainRenderer().body(text, form)
    shown, html = redact(plain), HtmlRenderer()
    return {"text": shown, "html": html.body(text, form) if shown == plain else html.text(shown)}


def _either(name: str, make: Callable[..., LineRenderer]) -> Mapping[bool, Markup[str]]:
    """Return a markup by whether the receiver accepts mentions."""
    return {
        mentions: Markup(
            f"{name}{' with mentions' if mentions else ''}", _redacting(make(mentions=mentions).body)
        )
        for mentions in (False, True)
    }


WRITTEN: Final = Markup("written", _redacting(_unchanged))
PLAIN: Final = Markup("plain", _redacting(PlainRenderer().body))
CARD: Final = Markup("card", _redacting(CardRenderer().elements))
MAIL: Final = Markup("mail", _mail)
MRKDWN: Final = _either("mrkdwn", MrkdwnRenderer)
DISCORD: Final = _either("discord", discord)
MATTERMOST: Final = _either("mattermost", mattermost)

_ALL: Final[tuple[Markup[Any], ...]] = (
    *(WRITTEN, PLAIN, CARD, MAIL),
    *(*MRKDWN.values(), *DISCORD.values(), *MATTERMOST.values()),
)
MARKUPS: Final = {each.name: each for each in _ALL}
