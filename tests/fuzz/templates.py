"""Templates by the grammar of Jinja: valid ones, those with what the language refuses, and those that spend as much as they can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_domain.rendering.templating.filters import FILTERS
from notification_domain.rendering.templating.sandbox import LOOP, TESTS

if TYPE_CHECKING:
    import random

DEEPEST: Final = 5
LONGEST: Final = 65_536
PATHS: Final = (
    *(
        "notification",
        "notification.subject",
        "notification.body",
        "notification.labels",
        "notification.metadata",
        "notification.links",
    ),
    *(
        "notification.labels.app",
        "notification['labels']['a.b/c']",
        "receiver.name",
        "cluster",
        "attempt",
        "notification.missing",
    ),
    *(
        "missing",
        "x",
        "y",
        "loop",
        "loop.index",
        "loop.length",
        "notification.metadata.password",
        "notification.event",
    ),
)
LITERALS: Final = (
    *(
        "1",
        "0",
        "-1",
        "2.5",
        "9007199254740993",
        "1e308",
        "'a'",
        "'<b>'",
        "''",
        "true",
        "none",
        "[1, 2, 3]",
        "('a', 'b')",
    ),
    *(
        "{'a': 1}",
        "[]",
        "'\\n'",
        "'\U0001f4e6'",
        "'%s'",
        "'pass' 'word'",
        "1_000",
        "0x10",
        "[[1]]",
        "{'a': [1]}",
        "'\\ud800'",
    ),
)
OPERATORS: Final = (
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "!=",
    "<",
    ">=",
    "in",
    "not in",
    "and",
    "or",
    "is",
    "|",
    ".",
)
FORBIDDEN: Final = (
    *(
        "{% include 'a' %}",
        "{% import 'a' as b %}",
        "{% extends 'a' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{{ a() }}{% endmacro %}",
    ),
    *(
        "{% call a() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% raw %}{{ x }}{% endraw %}",
        "{% set a %}b{% endset %}",
    ),
    *(
        "{% for a in b recursive %}{{ loop(a) }}{% endfor %}",
        "{% do x %}",
        "{% autoescape true %}x{% endautoescape %}",
        "{{ self }}",
    ),
    *(
        "{{ ''.__class__.__mro__ }}",
        "{{ notification.__class__ }}",
        "{{ notification['__class__'] }}",
        "{{ x|attr('y') }}",
        "{{ _budget }}",
    ),
    *(
        "{{ range.__globals__ }}",
        "{{ lipsum }}",
        "{{ cycler }}",
        "{{ namespace() }}",
        "{{ loop.cycle('a') }}",
        "{{ range(*[1]) }}",
        "{{ x() }}",
    ),
    *(
        "{% set x.y = 1 %}",
        "{% set _tick = 1 %}",
        "{# a",
        "{{",
        "{%",
        "}}",
        "{% if %}",
        "{% endfor %}",
        "{{ 'a }}",
        "{{ 1 if }}",
        "{%- -%}",
    ),
)


class TemplateAuthor:
    """Writes templates; `chance` decides everything."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def template(self) -> str:
        """Return a template: written, damaged, nested without measure, or one statement repeated."""
        match self._chance.randrange(10):
            case 0:
                return self._deep()[:LONGEST]
            case 1 | 2:
                return self._repeated()[:LONGEST]
            case 3 | 4:
                return self._damaged(self._parts(0))[:LONGEST]
            case _:
                return self._parts(0)[:LONGEST]

    def _parts(self, depth: int) -> str:
        return "".join(self._part(depth) for _ in range(self._chance.randint(1, 5)))

    def _part(self, depth: int) -> str:
        match self._chance.randrange(8):
            case 0:
                return self._pick(
                    "text\n", "<b>&</b>\n", "\u202e\0", "# *a* [b](https://c)\n", "  \n", "{ {", "{#- a -#}"
                )
            case 1:
                return (
                    self._pick(*FORBIDDEN)
                    if self._chance.randrange(3) == 0
                    else f"{{{{ {self._expression(depth)} }}}}"
                )
            case 2 if depth < DEEPEST:
                return (
                    f"{{% if {self._expression(depth)} %}}{self._parts(depth + 1)}"
                    f"{self._pick('{% else %}b', '{% elif x %}c', '')}{{% endif %}}"
                )
            case 3 if depth < DEEPEST:
                over = self._pick(
                    self._expression(depth),
                    f"range({self._pick('3', '1000', '1001', 'x', '1, -9')})",
                    "notification.body",
                    "notification|items",
                )
                name = self._pick("x", "y", "x, y")
                return f"{{% for {name} in {over}{self._pick('', '', ' if x')} %}}{self._parts(depth + 1)}{self._pick('', '{% else %}n')}{{% endfor %}}"
            case 4:
                return f"{{% set {self._pick('x', 'y', 'x, y')} = {self._expression(depth)} %}}"
            case _:
                return (
                    f"{{{{{self._pick('-', '', '')} {self._expression(depth)} {self._pick('-', '', '')}}}}}"
                )

    def _expression(self, depth: int) -> str:
        if depth >= DEEPEST or self._chance.randrange(3) == 0:
            return self._pick(*PATHS, *LITERALS, f"loop.{self._pick(*sorted(LOOP))}")
        return self._operation(self._expression(depth + 1), self._expression(depth + 1))

    def _operation(self, one: str, two: str) -> str:  # noqa: PLR0911 - one for each operation
        match self._chance.randrange(8):
            case 0 | 1:
                arguments = self._pick("", "", f"({two})", f"({two}, {one})", f"(width={two})")
                return f"{one}|{self._pick(*FILTERS, 'nonsense')}{arguments}"
            case 2:
                return f"({one} {self._pick(*OPERATORS)} {two})"
            case 3:
                return f"{one} {self._pick('is', 'is not')} {self._pick(*TESTS, 'odd', 'nonsense')}"
            case 4:
                return f"{one}[{self._pick('1:', ':', '::-1', '-3:', f'{two}:', two, '0')}]"
            case 5:
                return f"({one} if {two}{self._pick(f' else {one}', '')})"
            case 6:
                return f"{self._pick('not ', '-', '+')}{one}"
            case _:
                return f"{one} ~ {two}"

    def _deep(self) -> str:
        count = self._chance.choice((10, 49, 51, 200, 3000))
        opening, inner, closing = self._chance.choice(
            (
                ("(", "x", ")"),
                ("[", "1", "]"),
                ("not ", "x", ""),
                ("-", "1", ""),
                ("notification[", "'a'", "]"),
                ("x if ", "y", " else x"),
            )
        )
        nested = f"{{{{ {opening * count}{inner}{closing * count} }}}}"
        block = self._pick("if x", "for x in 'ab'")
        return self._pick(
            nested,
            f"{{% {block} %}}" * count + "a" + f"{{% end{block.split()[0]} %}}" * count,
            "{{ x" + "|upper" * count + " }}",
        )

    def _repeated(self) -> str:
        unit = self._part(DEEPEST - 1)
        count = self._chance.choice((10, 60, 60, 100, 500, LONGEST // max(len(unit), 1)))
        start = self._pick(
            "", "{% set x = notification.body %}", "{% for x in range(1000) %}{% for y in range(1000) %}"
        )
        return start + unit * count + "{% endfor %}" * start.count("{% for")

    def _damaged(self, text: str) -> str:
        for _ in range(self._chance.randint(1, 4)):
            start, length = self._chance.randrange(len(text) + 1), self._chance.randint(0, 6)
            instead = self._pick(
                "",
                text[start : start + length] * 2,
                "{{",
                "}}",
                "{%",
                "%}",
                "{#",
                "|",
                "'",
                "\\",
                "\0",
                "\ud800",
                "(",
                "]",
            )
            text = text[:start] + instead + text[start + length :]
        return text

    def _pick(self, *values: str) -> str:
        return self._chance.choice(values)
