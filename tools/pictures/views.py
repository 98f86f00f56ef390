"""What the channels send as pictures: text is drawn with the markup of its service, and page.css gives each picture its colors.

A picture is an SVG that holds a page: it is as small as its text, and the same on every machine that draws it.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    View = Callable[[bytes], str]

STYLE: Final = Path(__file__).with_name("page.css")
WIDTH: Final = 640
"""The width of a picture, in pixels."""
PICTURE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<style>
{style}</style>
<foreignObject width="100%" height="100%">
<body xmlns="http://www.w3.org/1999/xhtml" class="{name}">{content}</body>
</foreignObject>
</svg>
"""
POSTED: Final = """\
<div class="avatar">N</div><main><div class="author">Notifications <small>APP</small> <time>14:35</time></div>{}</main>"""
MRKDWN: Final = (
    (re.compile(r"\n?^> ?(.*)\n?", re.MULTILINE), r"<blockquote>\1</blockquote>"),
    (re.compile(r"<((?:https?:|mailto:)[^|>]+)\|([^>]*)>"), r'<a href="\1">\2</a>'),
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_/])_([^_\n]+)_(?![\w_/])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~([^~\n]+)~(?![\w~])"), r"<s>\1</s>"),
    (re.compile(r"\n"), "<br>"),
)
EMPTY: Final = frozenset({"br", "hr"})
"""The elements without content that the pictures use."""
BODY: Final = re.compile(r"<body(.*?)>(.*)</body>", re.DOTALL)
CODE: Final = re.compile(r"```\n?(.*?)\n?```|`([^`\n]+)`", re.DOTALL)
CHAT: Final = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["strikethrough", "table"])
CARD: Final = MarkdownIt("zero").enable(["emphasis", "link", "list", "escape", "entity"])


class _Xml(HTMLParser):
    """Writes HTML as XML, which an SVG must be."""

    def __init__(self) -> None:
        super().__init__()
        self.written = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs)
        self.written += f"<{tag}{values}{'/' if tag in EMPTY else ''}>"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.written += f"</{tag}>"

    def handle_data(self, data: str) -> None:
        self.written += escape(data, quote=False)


def pictures(sent: Mapping[str, bytes]) -> dict[str, str]:
    """Return the picture of each channel as an SVG, by the name of the channel."""
    style = STYLE.read_text("utf-8")
    return {
        name: PICTURE.format(
            width=WIDTH, height=HEIGHTS[name], style=style, name=name, content=_xml(view(sent[name]))
        )
        for name, view in VIEWS.items()
    }


def _xml(html: str) -> str:
    parser = _Xml()
    parser.feed(html)
    parser.close()
    return parser.written


def mrkdwn(text: str) -> str:
    """Return Slack's mrkdwn as HTML; `&`, `<` and `>` are escaped in it already."""
    output, end = "", 0
    for match in CODE.finditer(text):
        tag, code = ("code", match[2]) if match[1] is None else ("pre", match[1])
        output += _marked(text[end : match.start()]) + f"<{tag}>{escape(unescape(code), quote=False)}</{tag}>"
        end = match.end()
    return output + _marked(text[end:])


def _marked(text: str) -> str:
    for pattern, replacement in MRKDWN:
        text = pattern.sub(replacement, text)
    return text


def _email(body: bytes) -> str:
    mail = email.message_from_bytes(body, policy=email.policy.default)
    html = mail.get_body(("html",))
    assert html is not None, "the mail has a page"
    page = BODY.search(html.get_content())
    assert page is not None, "the page has a body"
    rows = "".join(
        f"<div><span>{name}</span> {escape(str(mail[name]))}</div>" for name in ("From", "To", "Date")
    )
    return f"<header><h2>{escape(str(mail['Subject']))}</h2>{rows}</header><div{page[1]}>{page[2]}</div>"


def _chat(path: Sequence[str | int], keys: frozenset[str], markup: Callable[[str], str]) -> View:
    """Return a view that shows the texts under certain keys of a JSON document, from the part at `path` on."""

    def view(body: bytes) -> str:
        part = json.loads(body)
        for step in path:
            part = part[step]
        return POSTED.format(_texts(part, keys, markup))

    return view


def _texts(part: Any, keys: frozenset[str], markup: Callable[[str], str]) -> str:  # noqa: ANN401 - a part of a document
    """Return the texts in their order; the classes of each are its key, its type and its style."""
    if isinstance(part, list):
        return "".join(_texts(each, keys, markup) for each in part)
    style = " ".join(str(part.get(name, "")) for name in ("type", "weight", "size", "fontType"))
    drawn = ""
    for key, value in part.items():
        if isinstance(value, (dict, list)):
            drawn += f'<div class="{key}">{_texts(value, keys, markup)}</div>'
        elif key in keys:
            drawn += f'<div class="{key}">{markup(value)}</div>'
    return f'<div class="{style}">{drawn}</div>'


def _pagerduty(body: bytes) -> str:
    event = json.loads(body)
    payload = event["payload"]
    rows = "".join(
        f"<tr><th>{escape(path)}</th><td>{_plain(value)}</td></tr>" for path, value in _leaves(payload)
    )
    links = " ".join(f"<a>{escape(link['text'])}</a>" for link in event["links"])
    head = f"<h2><i>Triggered</i> {escape(payload['summary'])}</h2>"
    return f"{head}<table>{rows}</table><p>{links}</p><footer>{escape(event['client'])}</footer>"


def _leaves(part: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def _sms(body: bytes) -> str:
    form = parse_qs(body.decode())
    return f'<time>{form["From"][0]} · 14:35</time><div class="bubble">{_plain(form["Body"][0])}</div>'


def _console(body: bytes) -> str:
    command = "<b>$</b> kubectl logs -n notification-system deploy/notification-operator"
    return f"<div>{command}</div><div>{escape(body.decode().strip())}</div>"


def _plain(text: str) -> str:
    return escape(text).replace("\n", "<br>")


_SLACK: Final = _chat(["blocks"], frozenset({"text"}), mrkdwn)
VIEWS: Final[Mapping[str, View]] = {
    "email": _email,
    "slack": _SLACK,
    "slack-settings": _SLACK,
    "teams": _chat(["attachments", 0, "content"], frozenset({"text", "title", "value"}), CARD.render),
    "discord": _chat(
        ["embeds", 0], frozenset({"title", "description", "name", "value", "text"}), CHAT.render
    ),
    "mattermost": _chat([], frozenset({"text"}), CHAT.render),
    "pagerduty": _pagerduty,
    "sms": _sms,
    "console": _console,
}
HEIGHTS: Final[Mapping[str, int]] = {
    "email": 600,
    "slack": 394,
    "slack-settings": 344,
    "teams": 448,
    "discord": 538,
    "mattermost": 432,
    "pagerduty": 570,
    "sms": 434,
    "console": 176,
}
"""The height of each picture, in pixels; a test in a browser compares it with that of the text."""
