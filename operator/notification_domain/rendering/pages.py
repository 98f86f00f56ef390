"""The body of a mail, around what its message says: as text and as HTML. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from notification_domain.rendering.composition import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FONT: Final = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def text_page(context: Mapping[str, Any], *, body: str) -> str:
    """Return the mail as text.

    Args:
        context: what templates can use.
        body: the rendered body.
    """
    content = context["notification"]
    lines = (
        body,
        "",
        *(f"{link['label']}: {link['url']}" for link in content["links"]),
        *(f"{key}: {value}" for key, value in content["metadata"].items()),
        "--",
        _kind(content),
        _source(context),
    )
    return "".join(f"{line}\n" for line in lines)


def html_page(context: Mapping[str, Any], *, subject: str, body: str, color: str) -> str:
    """Return the mail as HTML.

    Args:
        context: what templates can use.
        subject: the headline, as text.
        body: the rendered body, as HTML.
        color: of the event, such as `#2eb67d`; empty for none.
    """
    content, title = context["notification"], escape(subject)
    edge = f";border-left:.3rem solid {color};padding-left:.6rem" if color else ""
    lines = (
        "<!DOCTYPE html>",
        '<html lang="en">',
        f'<head><meta charset="utf-8"><title>{title}</title></head>',
        f'<body style="margin:0;font-family:{FONT};line-height:1.5">',
        '<div style="max-width:42rem;margin:0 auto;padding:1rem">',
        f'<h1 style="font-size:1.25rem{edge}">{title}</h1>',
        f'<p style="opacity:.7">{escape(_kind(content))}</p>',
        body,
        *_links(content["links"]),
        *_table(content["metadata"]),
        "<hr>",
        f'<p style="opacity:.7">{escape(_source(context))}</p>',
        "</div>",
        "</body>",
        "</html>",
    )
    return "".join(f"{line}\n" for line in lines)


def _links(links: list[dict[str, str]]) -> Iterator[str]:
    if links:
        yield "<ul>"
        for link in links:
            label, url = escape(link["label"]), escape(link["url"])
            yield f'<li><a href="{url}" rel="noopener noreferrer">{label}</a></li>'
        yield "</ul>"


def _table(metadata: Mapping[str, str]) -> Iterator[str]:
    if metadata:
        yield '<table style="border-spacing:.5rem 0">'
        for key, value in metadata.items():
            yield f"<tr><td>{escape(key)}</td><td>{escape(value)}</td></tr>"
        yield "</table>"


def _kind(content: Mapping[str, Any]) -> str:
    return f"Priority {content['priority']}, type {content['type']}"


def _source(context: Mapping[str, Any]) -> str:
    content = context["notification"]
    return source_of(content["namespace"], content["name"], context["cluster"])
