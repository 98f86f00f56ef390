"""The markup of the services as HTML, as far as their clients show it."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final

from markdown_it import MarkdownIt

LINK: Final = re.compile(r"<(https?://[^|>]+|mailto:[^|>]+)(?:\|([^>]*))?>")
MARKS: Final = (
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_([^_\n]+)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~([^~\n]+)~(?![\w~])"), r"<s>\1</s>"),
)
CODE: Final = re.compile(r"```\n?(.*?)\n?```|`([^`\n]+)`", re.DOTALL)
QUOTE: Final = re.compile(r"^> ?(.*)$", re.MULTILINE)


def mrkdwn(text: str) -> str:
    """Return Slack's mrkdwn as HTML; `&`, `<` and `>` are escaped in it already."""
    parts = CODE.split(text)
    output: list[str] = []
    for index in range(0, len(parts), 3):
        output.append(_marked(parts[index]))
        block, inline = parts[index + 1 : index + 3] or (None, None)
        if block is not None:
            output.append(f"<pre>{_escaped(block)}</pre>")
        elif inline is not None:
            output.append(f"<code>{_escaped(inline)}</code>")
    return "".join(output)


def chat(text: str, *, tables: bool) -> str:
    """Return the Markdown of a chat service as HTML; a line break is one."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("strikethrough")
    html: str = (parser.enable("table") if tables else parser).render(text)
    return html


def card(text: str) -> str:
    """Return the text of a text block of an Adaptive Card as HTML: emphasis, lists and links."""
    html: str = MarkdownIt("zero").enable(["emphasis", "link", "list", "escape", "entity"]).render(text)
    return html


def plain(text: str) -> str:
    """Return plain text as HTML."""
    return escape(text).replace("\n", "<br>")


def _escaped(text: str) -> str:
    return escape(unescape(text), quote=False)


def _marked(text: str) -> str:
    links: list[str] = []

    def keep(match: re.Match[str]) -> str:
        url, label = match.groups()
        links.append(f'<a href="{url}">{label or url}</a>')
        return f"\0{len(links) - 1}\0"

    text = LINK.sub(keep, text)
    text = QUOTE.sub(r"<blockquote>\1</blockquote>", text)
    for pattern, replacement in MARKS:
        text = pattern.sub(replacement, text)
    text = text.replace("\n<blockquote>", "<blockquote>").replace("\n", "<br>")
    return re.sub("\0(\\d+)\0", lambda match: links[int(match[1])], text)
