"""Markdown by its structure: nested as authors write it, malformed, and in the shapes that are expensive to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.kit.hostile_texts import UNITS, filled
from tests.property.strategies import FRAGMENTS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

DEEPEST: Final = 6
"""Levels to which elements are nested in each other."""
SIZES: Final = (*(100,) * 8, *(300,) * 8, *(1000,) * 8, *(4096,) * 3, 16_384)
"""Characters of most documents."""
LARGE: Final = (40_000, 262_144)
LARGE_SHARE: Final = 300
"""One document of so many is larger than what is read as Markdown."""
WORDS: Final = (
    *(
        "pod",
        "shop-7d9f",
        "is",
        "down",
        "a_b_c",
        "a*b",
        "1.",
        "x",
        "\uff46\uff55\uff4c\uff4c",
        "後で",
        "مرحبا",
        "📦",
        "e\u0301",
        "\u202e",
        "\ufeff",
    ),
    *(
        "<!channel>",
        "@everyone",
        "@here",
        "<@U1>",
        "<script>",
        "<b onclick=x>",
        "</p>",
        "<!--",
        "-->",
        "]]>",
        "<?x?>",
    ),
    *(
        "&amp;",
        "&#0;",
        "&#x110000;",
        "&copy",
        "&CounterClockwiseContourIntegral;",
        "&",
        "\\",
        "\\*",
        "\\\\",
        "\0",
        "\x1b[31m",
    ),
    *(
        "https://example.com/a_b?c=1&d=2",
        "http://[::1",
        "www.example.com",
        "mail@example.com",
        "javascript:alert(1)",
    ),
    *FRAGMENTS,
)
URLS: Final = (
    *(
        "https://example.com/",
        "http://a/b?c=d&e=<f>",
        "mailto:a@b.example",
        "HTTPS://EXAMPLE.COM",
        "//example.com",
    ),
    *(
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "&#106;avascript:alert(1)",
        "data:text/html,x",
    ),
    *(
        "vbscript:x",
        "file:///etc/passwd",
        "/relative",
        "",
        "#",
        "https://b\u00fccher.example/\u202e",
        "https://≠.ß\u200d.example",
    ),
    *(
        "https://exa mple.com",
        "https://a|b>c",
        "https://x)y",
        "<https://x y>",
        "https://" + "a" * 3000,
        "https://[",
        "http:%00",
    ),
)
CLOSING: Final = " ##\\#"
LANGUAGES: Final = ("", "sh", "json", 'x" onload="y', "a b", "<i>", "\\`")


class Author:
    """Writes documents; `chance` decides everything."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def document(self) -> str:
        """Return a document: written, damaged, or one shape repeated."""
        size = self._chance.choice(LARGE if not self._chance.randrange(LARGE_SHARE) else SIZES)
        match self._chance.randrange(10):
            case 0 | 1 | 2:
                return self._repeated(size)
            case 3 | 4 | 5:
                return self._damaged(self._blocks(0)[:size])
            case _:
                return self._blocks(0)[:size]

    def _blocks(self, depth: int) -> str:
        count = self._chance.randint(1, 2 if depth else 5)
        return self._pick("\n\n", "\n\n", "\n", "\r\n\r\n", "\n \n").join(
            self._block(depth) for _ in range(count)
        )

    def _block(self, depth: int) -> str:
        leaves = (self._paragraph, self._heading, self._fence, self._indented, self._table, self._odd)
        nested = (self._list, self._quote)
        kinds: tuple[Callable[[int], str], ...] = leaves if depth >= DEEPEST else (*leaves, *nested, *nested)
        return self._chance.choice(kinds)(depth)

    def _paragraph(self, depth: int) -> str:
        lines = [self._inline(depth) for _ in range(self._chance.randint(1, 3))]
        return self._pick("\n", "  \n", "\\\n", "\r", "\u2028").join(lines)

    def _heading(self, depth: int) -> str:
        text = self._inline(depth)
        if self._chance.randrange(3):
            return f"{'#' * self._chance.randint(1, 8)}{self._pick(' ', '')}{text}{self._pick('', ' #', CLOSING)}"
        return f"{text}\n{self._pick('===', '---', '-', '= =')}"

    def _fence(self, depth: int) -> str:
        mark = self._pick("```", "~~~", "````", "``")
        language = self._chance.choice(LANGUAGES)
        content = self._blocks(depth + 2) if depth < DEEPEST and self._chance.randrange(2) else self._words()
        return f"{mark}{language}\n{content}\n{self._pick(mark, mark, '', mark[1:])}"

    def _indented(self, depth: int) -> str:
        return self._before(self._pick("    ", "\t", "     ", "   \t"), self._paragraph(depth))

    def _table(self, depth: int) -> str:
        columns = self._chance.choice((1, 1, 2, 2, 3, 5, 5, 60))
        rule = "|".join(self._pick("---", ":-:", "-:", ":", "-") for _ in range(columns))
        rows = [
            self._pick("|", "", "> |")
            + "|".join(self._inline(max(depth, DEEPEST - 1)) for _ in range(self._chance.randint(0, 3)))
            for _ in range(self._chance.randint(0, 4))
        ]
        head = "|".join(self._words() for _ in range(columns))
        return "\n".join((f"|{head}|", f"|{rule}|", *rows))

    def _list(self, depth: int) -> str:
        mark = self._pick("- ", "* ", "+ ", "1. ", "2) ", "999999999. ", "0000000001. ", "-\t", "-", "- [ ] ")
        items = [
            self._before(" " * len(mark), self._blocks(depth + 1), first=mark)
            for _ in range(self._chance.randint(1, 4))
        ]
        return self._pick("\n", "\n\n", "\n\n\n").join(items)

    def _quote(self, depth: int) -> str:
        return self._before(self._pick("> ", ">", "  > ", ">> "), self._blocks(depth + 1))

    def _odd(self, _depth: int) -> str:
        """Return what is no block in this Markdown, or an empty one."""
        return self._pick(
            *(
                "---",
                "***",
                "* * *",
                "-",
                ">",
                "#",
                "|",
                "```",
                "<div>\n*a*\n</div>",
                "<!-- a\n\nb -->",
                "[a]: https://b 'c'",
            ),
            *(
                "[a]:\n<javascript:x>",
                "\t",
                " ",
                "~~~~",
                "$$\nx\n$$",
                "+++\na: b\n+++",
                ":::note\nx\n:::",
                "[^1]: x",
                "&nbsp;",
            ),
        )

    def _inline(self, depth: int) -> str:
        return self._pick(" ", " ", "").join(self._span(depth) for _ in range(self._chance.randint(1, 4)))

    def _span(self, depth: int) -> str:
        if depth >= DEEPEST or self._chance.randrange(2):
            return self._words()
        inner = self._inline(depth + 1)
        url, title = self._chance.choice(URLS), self._pick("", "", ' "t"', " 'a\"b'", ' "')
        return self._pick(
            *(
                f"*{inner}*",
                f"**{inner}**",
                f"_{inner}_",
                f"~~{inner}~~",
                f"***{inner}**",
                f"*{inner}",
                f"**_{inner}**_",
            ),
            *(
                f"`{inner}`",
                f"``{inner}`",
                f"[{inner}]({url}{title})",
                f"![{inner}]({url})",
                f"[{inner}]({url}",
                f"<{url}>",
            ),
            *(
                f"[{inner}][a]",
                f"[[{inner}]({url})]({url})",
                f"[![{inner}]({url})]({url})",
                f"<b {inner}>",
                url,
            ),
        )

    def _words(self) -> str:
        return " ".join(self._chance.choice(WORDS) for _ in range(self._chance.randint(1, 4)))

    def _repeated(self, size: int) -> str:
        """Return one shape many times: what makes a parser slow is nearly always a repetition."""
        unit = self._chance.choice(
            (self._unit, self._words, lambda: self._span(DEEPEST - 2), lambda: self._block(DEEPEST - 1))
        )()
        start = self._pick(
            "",
            "",
            "> " * self._chance.randint(1, 30),
            "- " * self._chance.randint(1, 30),
            "|a|b|c|\n|-|-|-|\n",
        )
        # A block of nothing has no character to repeat.
        return (start + filled(unit + self._pick("", "\n", "\n\n", " ") or self._unit(), size))[:size]

    def _unit(self) -> str:
        return self._chance.choice(UNITS)

    def _damaged(self, text: str) -> str:
        """Return a document with parts removed, repeated, moved or replaced."""
        for _ in range(self._chance.randint(1, 6)):
            start, length = self._chance.randrange(len(text) + 1), self._chance.randint(0, 12)
            part = text[start : start + length]
            instead = self._pick(
                "",
                part * self._chance.randint(2, 40),
                part[::-1],
                self._chance.choice(WORDS),
                self._chance.choice("*_`~[]!<>&\\|#+-()\n\t "),
            )
            text = text[:start] + instead + text[start + length :]
        return text

    @staticmethod
    def _before(prefix: str, text: str, *, first: str | None = None) -> str:
        head, *rest = text.split("\n")
        return "\n".join(((prefix if first is None else first) + head, *(prefix + line for line in rest)))

    def _pick(self, *values: str) -> str:
        return self._chance.choice(values)
