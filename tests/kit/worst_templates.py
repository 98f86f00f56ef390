"""Templates that collect as much as they can of the largest body."""

from __future__ import annotations

from typing import Final

from notification_domain.rendering.templating.budget import CHARACTERS, MAX_LISTED
from notification_domain.rendering.templating.filters import FILTERS

LARGEST: Final = "".join(map(chr, range(0x4E00, 0x4E00 + 4096))) * (CHARACTERS // 4096)
"""Letters outside Latin-1: each that is taken out of the text is an object of its own."""
ASTRAL: Final = "\U0001f4e6" * CHARACTERS
"""Four bytes each."""
ARGUMENTS: Final = {
    "replace": "('\u4e00', 'xx')",
    "indent": "(40)",
    "join": "('--')",
    "default": "(b)",
    "d": "(b, true)",
    "truncate": "(262143)",
}
CONTENT: Final = f"{{% set b = notification.body %}}{{% set short = b[:{MAX_LISTED}] %}}"
"""Gives the names of these templates their values, where a channel renders them."""


def times(count: int, expression: str) -> str:
    """Return a template that assigns the results of an expression to as many names."""
    return "".join(f"{{% set a{number} = {expression} %}}" for number in range(count))


def templates(*, filtered: int, names: int, operands: int) -> dict[str, str]:
    """Return the templates; each assigns to so many names, of filters to fewer, or joins so many operands."""
    return {
        **{f"filter {name}": times(filtered, f"b|{name}{ARGUMENTS.get(name, '')}") for name in FILTERS},
        "list of the lines": times(filtered, "short|list"),
        "sorted letters": times(filtered, "short|sort"),
        "items": times(names, "notification|items"),
        "slices": times(names, "b[1:]"),
        "slices of slices": "{% set a = b %}" + times(names, "a[1:]"),
        "slices of another step": times(names, "b[::2]"),
        "texts of mappings": "{{ " + " ~ ".join(["notification"] * operands) + " }}",
        "joined mappings": "{{ [1, 2, 3]|join(notification) }}",
        "printed mappings": "{{ notification }}" * 50,
        "added texts": times(names, "b + 'x'"),
        "loop over the letters": "{% for c in b %}{{ c }}{% endfor %}",
        "loops over letters": "{% for i in range(1000) %}{% for c in short %}{{ c }}{% endfor %}{% endfor %}",
        "filtered loops that count": "{% for a in b if a %}{{ loop.length }}" * 8 + "{% endfor %}" * 8,
        "loops over empty texts": "{% for a in range(1000) %}{% for b in range(1000) %}{{ '' }}{% endfor %}{% endfor %}",
        "JSON": times(filtered, "notification|tojson"),
        "missing key": "{{ notification[b] }}",
        "text of a list": times(names, "notification|string"),
    }


TEMPLATES: Final = templates(filtered=100, names=300, operands=1000)
"""Longer than those of receivers may be."""
VALID: Final = {
    name: CONTENT + source for name, source in templates(filtered=30, names=36, operands=200).items()
}
"""About as long as those of receivers may be."""
