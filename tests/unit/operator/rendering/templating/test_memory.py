"""The memory of a rendering: whatever a template collects from the largest body, in the time that it has."""

from __future__ import annotations

import tracemalloc
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

import pytest

from notification_domain.rendering.templating import templates
from notification_domain.rendering.templating.budget import (
    MAX_ELEMENTS,
    MAX_LISTED,
    TemplateRenderError,
)
from notification_domain.rendering.templating.templates import Template
from tests.cases import some
from tests.kit.worst_templates import ASTRAL, LARGEST, TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable

BYTES: Final = 16_000_000


@pytest.fixture(autouse=True)
def _many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the templates be longer than those of receivers: the bound of memory does not depend on their length."""
    monkeypatch.setattr(templates, "MAX_TOKENS", 5_000)


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
