"""The memory of a rendering: whatever a template collects from the largest body, in the time that it has."""

from __future__ import annotations

import tracemalloc
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

import pytest

from notification_operator.rendering.templating import templates
from notification_operator.rendering.templating.budget import (
    CHARACTERS,
    MAX_ELEMENTS,
    MAX_LISTED,
    TemplateRenderError,
)
from notification_operator.rendering.templating.filters import FILTERS
from notification_operator.rendering.templating.templates import Template
from tests.cases import some

if TYPE_CHECKING:
    from collections.abc import Callable

BYTES: Final = 16_000_000
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


@pytest.fixture(autouse=True)
def _many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the templates be longer than those of receivers: the bound of memory does not depend on their length."""
    monkeypatch.setattr(templates, "MAX_TOKENS", 5_000)


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

WITHOUT_THE_TEXT: Final = ("loops over empty texts",)


def context(text: str) -> dict[str, Any]:
    """Return what a template sees."""
    return {"b": text, "short": text[:MAX_LISTED], "notification": {"body": text, "labels": {"a": "b"}}}


def peak(work: Callable[[], object]) -> int:
    """Return the largest memory of a rendering, in bytes, however it ends."""
    tracemalloc.start()
    try:
        work()
    except TemplateRenderError as error:
        assert len(str(error)) < 500  # noqa: PT017 - most are refused, some are not
    finally:
        _, result = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return result


@pytest.mark.parametrize(
    ("name", "text"),
    some(
        [
            pytest.param(name, text, id=f"{name}-{letters}")
            for name in TEMPLATES
            for letters, text in {"letters": LARGEST, "astral": ASTRAL}.items()
            if letters == "letters" or name not in WITHOUT_THE_TEXT
        ]
    ),
)
def test_template_that_collects_takes_little_memory(name: str, text: str) -> None:
    template, values = Template(TEMPLATES[name]), context(text)
    # Measuring slows the interpreter down; ten times the time lets the template get as far as without.
    assert peak(lambda: template.render(values, clock=lambda: thread_time() / 10)) <= BYTES


@pytest.mark.parametrize("name", ["list", "sort", "unique", "join"])
def test_long_text_is_not_split_into_its_letters(name: str) -> None:
    template = Template(f"{{{{ b|{name} }}}}")
    template.render({"b": "x" * MAX_LISTED})
    with pytest.raises(TemplateRenderError, match=f"text of more than {MAX_LISTED} characters"):
        template.render({"b": "x" * (MAX_LISTED + 1)})


def test_lists_of_one_rendering_have_a_limit_together() -> None:
    rounds = MAX_ELEMENTS // 1000
    source = "{% for i in range(" + str(rounds) + ") %}{% set a = range(1000)|list %}{% endfor %}"
    Template(source).render({})
    with pytest.raises(TemplateRenderError, match=f"more than {MAX_ELEMENTS} elements"):
        Template(source + "{{ [1]|list }}").render({})
