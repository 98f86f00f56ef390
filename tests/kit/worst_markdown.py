"""Markdown that is expensive to render, as functions of its length in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def table(columns: int) -> Callable[[int], str]:
    """Return a document of one table whose rows have one cell, which the parser completes to so many."""

    def document(size: int) -> str:
        head = "|" + "a|" * columns + "\n" + "|" + "-|" * columns + "\n"
        return (head + "|\n" * size)[:size]

    return document


def repeated(unit: str) -> Callable[[int], str]:
    """Return a document that repeats a text."""
    return lambda size: (unit * size)[:size]


def after(start: str, unit: str) -> Callable[[int], str]:
    """Return a document that repeats a text after another one."""
    return lambda size: (start + unit * size)[:size]


WORST = {
    "table of 10 columns": table(10),
    "table of 50 columns": table(50),
    "table of 300 columns": table(300),
    "table of 1000 columns": table(1000),
    "small tables": repeated(table(44)(268) + "\n\n"),
    "table with one-digit rows": lambda size: table(300)(1300) + "5\n" * ((size - 1300) // 2),
    "table after carriage returns": lambda size: table(300)(size).replace("\n", "\r"),
    "table in a quote": lambda size: table(300)(size).replace("\n", "\n> "),
    "quotes": repeated("> "),
    "quoted code before plain lines": repeated("\n>     a\n`"),
    "quoted code before more plain lines": repeated("\n>     a\n`\n`\n`"),
    "quote before plain lines": after("> " * 18 + "a\n", "b\n"),
    "list": repeated("* a\n"),
    "ordered list": repeated("1) a\n"),
    "nested lists": repeated("- - - a\n"),
    "deep list before plain lines": after("123456789. " * 9 + "a\n", "b\n"),
    "deep list before empty code": after("- " * 9 + "```\n", "\n"),
    "list items without text": repeated("-\n"),
    "emphasis": repeated("*a **b "),
    "open emphasis": repeated("*a_ "),
    "open links": repeated("["),
    "open links in emphasis": repeated("*["),
    "open links before emphasis": after("[" * 1000, "a*"),
    "links": repeated("[a](http://x) "),
    "links without a target": repeated("[a]("),
    "open images": repeated("!["),
    "open images before emphasis": after("![*" * 100, "[*_"),
    "autolinks": repeated("<http://a>"),
    "mail addresses": repeated("<a@b>"),
    "addresses": repeated("http://a "),
    "entities": repeated("&amp;"),
    "long entities": repeated("&CounterClockwiseContourIntegral;"),
    "ampersands": repeated("&"),
    "backticks": lambda size: "".join("`" * run + "a" for run in range(1, 200))[:size],
    "references": repeated("[a]: b\n"),
    "headings": repeated("#\n"),
    "paragraphs": repeated("a\n\n"),
    "quotation marks": repeated('"'),
}
