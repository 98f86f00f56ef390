"""Templates that collect as much as they can of the largest body."""

from __future__ import annotations

from typing import Final

from notification_operator.rendering.templating.budget import CHARACTERS
from notification_operator.rendering.templating.filters import FILTERS

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


def times(count: int, expression: str) -> str:
    """Return a template that assigns the results of an expression to as many names."""
    return "".join(f"{{% set a{number} = {expression} %}}" for number in range(count))


TEMPLATES: dict[str, str] = {
    **{f"filter {name}": times(100, f"b|{name}{ARGUMENTS.get(name, '')}") for name in FILTERS},
    "list of the lines": times(100, "short|list"),
    "sorted letters": times(100, "short|sort"),
    "items": times(300, "notification|items"),
    "slices": times(300, "b[1:]"),
    "slices of slices": "{% set a = b %}" + times(300, "a[1:]"),
    "slices of another step": times(300, "b[::2]"),
    "texts of mappings": "{{ " + " ~ ".join(["notification"] * 1000) + " }}",
    "joined mappings": "{{ [1, 2, 3]|join(notification) }}",
    "printed mappings": "{{ notification }}" * 50,
    "added texts": times(300, "b + 'x'"),
    "loop over the letters": "{% for c in b %}{{ c }}{% endfor %}",
    "loops over letters": "{% for i in range(1000) %}{% for c in short %}{{ c }}{% endfor %}{% endfor %}",
    "filtered loops that count": "{% for a in b if a %}{{ loop.length }}" * 8 + "{% endfor %}" * 8,
    "loops over empty texts": "{% for a in range(1000) %}{% for b in range(1000) %}{{ '' }}{% endfor %}{% endfor %}",
    "JSON": times(100, "notification|tojson"),
    "missing key": "{{ notification[b] }}",
    "text of a list": times(300, "notification|string"),
}
