"""What a receiver would get, for a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_cli.views.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notification_cli.output.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One request or mail, as it would be sent to a target."""

    target: str
    content_type: str
    body: Any
    """JSON, or a text; of a mail its headers and its texts."""
    note: str = ""
    """A problem that does not prevent the delivery, such as a template that failed."""


def write(screen: Screen, results: Iterable[Rendered]) -> None:
    """Write each request or mail after its target; of a mail the headers and the plain text."""
    for number, each in enumerate(results):
        if number:
            screen.line()
        screen.line((clean(each.target), "bold"), (f"  {clean(each.content_type)}", "dim"))
        for line in _lines(each.body):
            screen.paragraph(line)
        if each.note:
            screen.paragraph(("Note  ", "bold"), clean(each.note))


def _lines(body: Any) -> Iterable[str]:  # noqa: ANN401 - any JSON, or a text
    match body:
        case {"headers": dict() as headers, "text/plain": str() as text}:
            yield from (f"{clean(name)}: {clean(value)}" for name, value in headers.items())
            yield ""
            yield from map(clean, text.splitlines())
        case str():
            yield from map(clean, body.splitlines())
        case _:
            yield from map(clean, json.dumps(body, indent=2, ensure_ascii=False).splitlines())
