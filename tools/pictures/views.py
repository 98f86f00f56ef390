"""What the channels send as small pages: text is drawn with the markup of its service, and page.css gives each page its colors."""

from __future__ import annotations

import email
import email.policy
import json
import re
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    View = Callable[[bytes], str]

STYLE: Final = Path(__file__).with_name("page.css")
PAGE: Final = '<!DOCTYPE html><meta charset="utf-8"><style>{style}</style><body class="{name}">{content}'
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
CODE: Final = re.compile(r"```\n?(.*?)\n?```|`([^`\n]+)`", re.DOTALL)
CHAT: Final = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["strikethrough", "table"])
CARD: Final = MarkdownIt("zero").enable(["emphasis", "link", "list", "escape", "entity"])


def pages(sent: Mapping[str, bytes]) -> dict[str, str]:
    style = STYLE.read_text("utf-8")
    return {
        name: PAGE.format(style=style, name=name, content=view(sent[name])) for name, view in VIEWS.items()
    }


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
    rows = "".join(
        f"<div><span>{name}</span> {escape(str(mail[name]))}</div>" for name in ("From", "To", "Date")
    )
    return f"<header><h2>{escape(str(mail['Subject']))}</h2>{rows}</header>{html.get_content()}"


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
