"""Templates: what the language has, what it refuses, and its limits of time and size."""

from __future__ import annotations

from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_domain.rendering.templating.budget import (
    CHARACTERS,
    TemplateRenderError,
)
from notification_domain.rendering.templating.templates import (
    MAX_SOURCE,
    Template,
    TemplateInvalidError,
)

CONTEXT: dict[str, Any] = {
    "notification": {
        "subject": "Disk full",
        "body": "on node-7",
        "labels": {"b": "2", "a": "1"},
        "links": [{"label": "L", "url": "https://example.com"}],
    },
    "big": "x" * CHARACTERS,
    "attempt": 3,
    "none": None,
}


def short(value: object) -> str:
    """Return the id of a parameter."""
    return str(value)[:40]


def render(source: str, **context: Any) -> str:
    return Template(source).render({**CONTEXT, **context})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain { text } %", "plain { text } %"),
        ("{{ notification.subject }} ({{ attempt }})", "Disk full (3)"),
        ("{{ notification['subject'] }}", "Disk full"),
        ("{% if attempt > 2 and notification.labels.a == '1' %}many{% else %}few{% endif %}", "many"),
        (
            "{% for k, v in notification.labels|items %}{{ loop.index }}{{ k }}{{ v }};{% endfor %}",
            "1b2;2a1;",
        ),
        ("{% for k in notification.labels|sort %}{{ k }}{{ ',' if not loop.last }}{% endfor %}", "a,b"),
        ("{% for x in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{% set a = 'x' ~ attempt ~ 1.5 %}{{ a }}", "x31.5"),
        ("{% set a, b = 1, 2 %}{{ a + b }}", "3"),
        ("{{ 7 // 2 }} {{ 7 % 2 }} {{ -7 / 2 }} {{ 2 * 3 - 1 }}", "3 1 -3.5 5"),
        ("{{ 'a' + 'b' }}", "ab"),
        ("{{ notification.labels.zone|default('none') }}", "none"),
        ("{{ ''|d('empty', true) }}", "empty"),
        ("{{ notification.body|upper|truncate(4) }}", "ON …"),
        ("{{ 'abc'|truncate(3) }}{{ 'abcd'|truncate(3, '.') }}", "abcab."),
        ("{{ notification.body|replace('node', 'host') }}", "on host-7"),
        ("{{ notification.labels|join('+') }}", "b+a"),
        ("{{ 'a\\nb'|indent(2) }}", "a\n  b"),
        ("{{ notification.labels|tojson }}", '{"b":"2","a":"1"}'),
        ("{{ '<&>'|tojson }}", '"\\u003c\\u0026\\u003e"'),
        ("{{ notification.labels|length }}{{ 'abc'|count }}", "23"),
        ("{{ [3, 1, 3]|unique|list }} {{ [3, 1]|sort }}", "[3, 1] [1, 3]"),
        ("{{ 'abc'|first }}{{ 'abc'|last }}{{ ''|last }}{{ []|first }}", "ac"),
        ("{{ ' x '|trim }}{{ 'ab cd'|title }}{{ 'ab'|capitalize }}{{ 'AB'|lower }}", "xAb CdAbab"),
        ("{{ '3.7'|int }} {{ 3.14159|round(2) }} {{ 5|string }}", "3 3.14 5"),
        ("{{ 'abc'[1:] }}{{ notification.links[0].label }}", "bcL"),
        (
            "{{ missing is defined }} {{ attempt is number }} {{ 'a' in 'abc' }} {{ none is none }}",
            "False True True True",
        ),
        ("{# comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ none }}{{ true }}", "NoneTrue"),
    ],
)
def test_language_renders(source: str, text: str) -> None:
    assert render(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ notification['__' ~ 'class__'] }}",
        "{{ notification.items }}",
        "{{ notification.subject.upper }}",
        "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
        "{% for x in [1] %}{{ loop.cycle }}{% endfor %}",
        "{{ self }}",
        "{{ range }}",
        "{% for x in [1] %}{{ loop }}{% endfor %}",
        "{{ notification.labels|items|first }}{{ missing }}",
        "{{ missing.attribute }}",
        "{{ missing['key'] }}",
        "{{ missing|tojson }}",
        "{{ notification.links[7] }}",
        "{{ notification[none] }}",
        "{{ '%s' % 1 }}",
        "{{ 'x' * 10 }}",
        "{{ [1] + [2] }}",
        "{{ 2 ** 3 }}",
        "{{ 'a' + 1 }}",
        "{{ none|int }}",
        "{{ range(1001) }}",
        "{{ range('x') }}",
        "{{ 1|round(400) }}",
        "{{ 'a'|indent(1000) }}",
        "{{ 1 / 0 }}",
        "{{ 5|length }}",
    ],
)
def test_attribute_or_value_that_does_not_exist_is_an_error(source: str) -> None:
    with pytest.raises(TemplateRenderError, match=r"^line 1: "):
        render(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a\nb\n{% include 'x' %}", "line 3: a template cannot use the statement or expression 'include'"),
        ("{% import 'x' as y %}", "'import'"),
        ("{% from 'x' import y %}", "'fromimport'"),
        ("{% extends 'x' %}", "'extends'"),
        ("{% block a %}{% endblock %}", "'block'"),
        ("{% macro m() %}{% endmacro %}", "'macro'"),
        ("{% call x() %}{% endcall %}", "'callblock'"),
        ("{% set x %}a{% endset %}", "'assignblock'"),
        ("{% filter upper %}a{% endfilter %}", "'filterblock'"),
        ("{% with a = 1 %}{% endwith %}", "'with'"),
        ("{% autoescape false %}{% endautoescape %}", "'scope'"),
        ("{{ '{0.__class__}'.format(1) }}", "can call nothing but range()"),
        ("{{ notification.items() }}", "can call nothing but range()"),
        ("{{ range(*[1]) }}", "can call nothing but range()"),
        ("{{ namespace(x=1) }}", "can call nothing but range()"),
        ("{{ cycler('a') }}", "can call nothing but range()"),
        ("{{ lipsum() }}", "can call nothing but range()"),
        ("{{ caller() }}", "can call nothing but range()"),
        ("{{ '%s'|format(1) }}", "there is no filter 'format'"),
        ("{{ []|map('upper') }}", "there is no filter 'map'"),
        ("{{ notification|attr('__class__') }}", "there is no filter 'attr'"),
        ("{{ 'x'|safe }}", "there is no filter 'safe'"),
        ("{{ 1 is callable }}", "there is no test 'callable'"),
        ("{{ notification.__class__ }}", "cannot use the name __class__"),
        ("{{ notification.subject.__class__.__mro__ }}", "cannot use the name __mro__"),
        ("{{ ''.__class__ }}", "cannot use the name __class__"),
        ("{{ notification['__class__'] }}", "cannot use the name __class__"),
        ("{{ range.__globals__ }}", "cannot use the name __globals__"),
        ("{% for x in [1] %}{{ loop.__init__ }}{% endfor %}", "cannot use the name __init__"),
        ("{{ self.__class__ }}", "cannot use the name __class__"),
        ("{{ _budget }}", "cannot start with an underscore: _budget"),
        ("{% set _tick = 1 %}", "cannot start with an underscore: _tick"),
        ("{% for _x in [1] %}{% endfor %}", "cannot start with an underscore: _x"),
        ("{% for x in [1] recursive %}{% endfor %}", "a loop cannot be recursive"),
        ("{% set notification.x = 1 %}", "line 1: "),
        ("{% set x = [x, x] %}", "constants only"),
        ("{% set x = {'a': x} %}", "constants only"),
        ("{% set x = (x, x) %}", "constants only"),
        ("{{ x", "line 1: "),
        ("a\n\n{% if %}", "line 3: "),
        ("{% nonsense %}", "line 1: "),
        ("{{ " + "(" * 240 + "1" + ")" * 240 + " }}", "nested too deeply"),
        ("{{ " + "-" * 200 + "1 }}", "more than 50 levels deep"),
        ("{% if 1 %}" * 60 + "{% endif %}" * 60, "more than 50 levels deep"),
        ("{% for i in [1] %}" * 30 + "{% endfor %}" * 30, "cannot be compiled"),
        ("{{ " + "9" * 5000 + " }}", "cannot be compiled"),
        ("{{a}}" * 200, "more than 500 words and signs in placeholders and statements; use fewer of them"),
        ("x" * (MAX_SOURCE + 1), f"at most {MAX_SOURCE} are allowed"),
    ],
    ids=short,
)
def test_source_that_is_not_allowed_is_refused_with_its_line(source: str, text: str) -> None:
    with pytest.raises(TemplateInvalidError) as caught:
        Template(source)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"line {caught.value.line}: ")


BOMBS = {
    "loops": "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}",
    "output": "{% for a in range(1000) %}{{ big }}{% endfor %}",
    "text in a loop": "{% for a in range(1000) %}{% for b in range(1000) %}"
    + "x" * 1000
    + "{% endfor %}{% endfor %}",
    "filters in a loop": "{% for a in range(1000) %}{% for b in range(1000) %}{% set x = big|upper %}{% endfor %}{% endfor %}",
    "doubled by ~": "{% set x = 'ab' %}" + "{% set x = x ~ x %}" * 60 + "{{ x }}",
    "doubled by +": "{% set x = 'ab' %}" + "{% set x = x + x %}" * 60 + "{{ x }}",
    "replaced": "{{ big|replace('x', big) }}",
    "replaced by turns": "{% set x = 'x' %}"
    + "{% set x = x|replace('x', 'xxxxxxxxxxxxxxxx') %}" * 20
    + "{{ x }}",
    "joined": "{{ range(1000)|join(big) }}",
    "indented": "{{ big|replace('x', '\\n')|indent(40) }}",
    "numbers": "{% set x = 2 %}" + "{% set x = x * x %}" * 60 + "{{ x }}",
    "power": "{{ 9 ** 9 ** 9 ** 9 }}",
    "literal": "{{ 1e300 * 1e300 }}",
    "one character too many": "{{ big }}x",
}


@pytest.mark.parametrize("name", BOMBS)
def test_template_that_grows_stops_at_the_limit(name: str) -> None:
    template = Template(BOMBS[name])
    start = thread_time()
    with pytest.raises(TemplateRenderError):
        template.render(CONTEXT)
    assert thread_time() - start < 1


def test_limit_of_time_is_that_of_the_clock() -> None:
    ticks = iter(range(1000))
    with pytest.raises(TemplateRenderError, match="longer than 100 ms"):
        Template("{% for a in range(3) %}x{% endfor %}").render({}, clock=lambda: float(next(ticks)))


def test_output_of_the_largest_size_is_allowed() -> None:
    assert len(render("{{ big }}")) == CHARACTERS


def test_line_of_an_error_is_that_of_the_template() -> None:
    with pytest.raises(TemplateRenderError, match=r"^line 4: 'dict object' has no attribute 'missing'$"):
        render("one\n{% if attempt %}\nthree\n{{ notification.missing }}\n{% endif %}")


def test_context_cannot_be_changed_by_a_template() -> None:
    before = repr(CONTEXT)
    render("{% set notification = 1 %}{{ notification }}")
    assert repr(CONTEXT) == before


@given(st.text(alphabet="{}%#|.()[]'\"~+-*/ \nabirx01_,=<>", max_size=80))
def test_any_source_is_compiled_and_rendered_or_refused(source: str) -> None:
    try:
        template = Template(source)
    except TemplateInvalidError as error:
        assert error.line >= 1  # noqa: PT017 - most sources are refused, some are not
        return
    try:
        template.render(CONTEXT)
    except TemplateRenderError as error:
        assert str(error).startswith("line ")  # noqa: PT017 - likewise
