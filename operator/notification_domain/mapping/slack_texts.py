"""The text of a message for Slack, without its markup: what Slack shows of text, blocks and attachments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from notification_domain.mapping.links import Link, web_address
from notification_domain.mapping.text import clean
from notification_domain.mapping.values import scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REFERENCE: Final = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
"""A link or a mention, with its label."""
ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
"""What Slack escapes; `&` comes last."""
LINES: Final = ("text", "title", "fields", "elements")
"""The fields of a block in which its texts are, one line each."""
BUTTON: Final = "button"
INLINE: Final = frozenset({"rich_text_section", "rich_text_preformatted", "rich_text_quote"})
"""Blocks whose elements are parts of one line."""

MENTIONS: Final = {"range": "@", "user_id": "@", "usergroup_id": "@", "channel_id": "#"}
"""Who or what an element of rich text mentions."""


def body(payload: Mapping[str, Any]) -> str:
    """Return what Slack shows: the blocks in place of the text, and the attachments below; empty if there is nothing."""
    blocks = list(_lines(payload.get("blocks")))
    attachments = [line for each in _list(payload.get("attachments")) for line in _attachment(each)]
    text = [_plain(payload.get("text"))] if not any(blocks) else blocks
    return clean("\n".join(filter(None, (*text, *attachments)))).strip()


def subject(payload: Mapping[str, Any], shown: str) -> str:
    """Return the first line of the text, which is Slack's own short form of a message; else the first one that it shows."""
    text = clean(_plain(payload.get("text"))).strip() or shown
    return text.partition("\n")[0]


def links(payload: Mapping[str, Any]) -> list[Link]:
    """Return the links of buttons and titles."""
    return [Link(service="slack", url=url, label=label) for url, label in _links(payload)]


def _plain(text: object) -> str:
    """Return a text with links as `label (url)`, and with names in place of mentions."""
    result = REFERENCE.sub(_reference, text) if isinstance(text, str) else ""
    for entity, character in ENTITIES:
        result = result.replace(entity, character)
    return result


def _reference(match: re.Match[str]) -> str:
    target, label = match[1], match[2] or ""
    if target[0] in "!@#":
        name = label.lstrip("@#") or target[1:].partition("^")[0]
        return label if target.startswith("!date") else f"{'#' if target[0] == '#' else '@'}{name}"
    if not label or label == target:
        return target
    return f"{label} ({target})" if web_address(target) else label


def _lines(value: object) -> Iterator[str]:
    """Yield the texts of blocks and of what they consist of."""
    if isinstance(value, list):
        for each in value:
            yield from _lines(each)
    elif isinstance(value, Mapping) and value.get("type") != BUTTON:
        if scalar(value.get("type")) in INLINE:
            yield "".join(map(_inline, _list(value.get("elements"))))
        elif isinstance(value.get("text"), str):
            yield _text(value)
        else:
            for field in LINES:
                yield from _lines(value.get(field))


def _text(value: Mapping[str, Any]) -> str:
    return value["text"] if value.get("type") == "plain_text" else _plain(value["text"])


def _inline(value: object) -> str:
    """Return an element of rich text."""
    if not isinstance(value, Mapping):
        return ""
    text, url = scalar(value.get("text")), scalar(value.get("url"))
    match value.get("type"):
        case "link":
            return f"{text} ({url})" if text and web_address(url) else text or url
        case "emoji":
            return f":{scalar(value.get('name'))}:"
    return text or next((f"{sign}{scalar(value[key])}" for key, sign in MENTIONS.items() if key in value), "")


def _attachment(value: object) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    texts = [_plain(value.get(field)) for field in ("pretext", "title", "text")]
    texts += [
        ": ".join(filter(None, (_plain(each.get("title")), _plain(each.get("value")))))
        for each in _mappings(value.get("fields"))
    ]
    texts += _lines(value.get("blocks"))
    yield from texts if any(texts) else [_plain(value.get("fallback"))]


def _links(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for each in value:
            yield from _links(each)
    elif isinstance(value, Mapping):
        if value.get("type") == BUTTON:
            label = value.get("text")
            yield scalar(value.get("url")), scalar(label.get("text") if isinstance(label, Mapping) else label)
        if "title_link" in value:
            yield scalar(value["title_link"]), _plain(value.get("title"))
        for each in value.values():
            yield from _links(each)


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return (each for each in _list(value) if isinstance(each, Mapping))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
