"""The markups in which bodies are shown, by the names under which the render worker knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from notification_operator.rendering.markup.adaptive_card import CardRenderer
from notification_operator.rendering.markup.chat_markdown import discord, mattermost
from notification_operator.rendering.markup.html import HtmlRenderer
from notification_operator.rendering.markup.mrkdwn import MrkdwnRenderer
from notification_operator.rendering.markup.plain import PlainRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.kinds.choices import BodyFormat
    from notification_operator.rendering.markup.lines import LineRenderer

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Markup(Generic[Body]):
    name: str
    render: Callable[[str, BodyFormat], Body]
    """Returns a body of a format as the channel shows it, a JSON value."""


def _unchanged(text: str, form: BodyFormat) -> str:
    """Return the body as it is written: the receiver gets its format with it."""
    del form
    return text


def _mail(text: str, form: BodyFormat) -> dict[str, str]:
    return {"text": PlainRenderer().body(text, form), "html": HtmlRenderer().body(text, form)}


def _either(name: str, make: Callable[..., LineRenderer]) -> Mapping[bool, Markup[str]]:
    """Return a markup by whether the receiver accepts mentions."""
    return {
        mentions: Markup(f"{name}{' with mentions' if mentions else ''}", make(mentions=mentions).body)
        for mentions in (False, True)
    }


WRITTEN: Final = Markup("written", _unchanged)
PLAIN: Final = Markup("plain", PlainRenderer().body)
CARD: Final = Markup("card", CardRenderer().elements)
MAIL: Final = Markup("mail", _mail)
MRKDWN: Final = _either("mrkdwn", MrkdwnRenderer)
DISCORD: Final = _either("discord", discord)
MATTERMOST: Final = _either("mattermost", mattermost)

_ALL: Final[tuple[Markup[Any], ...]] = (
    *(WRITTEN, PLAIN, CARD, MAIL),
    *(*MRKDWN.values(), *DISCORD.values(), *MATTERMOST.values()),
)
MARKUPS: Final = {each.name: each for each in _ALL}
