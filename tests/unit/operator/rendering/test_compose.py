"""From a message to what a channel shows: templates, both redactions, and the facts that templates know."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.kinds.choices import BodyFormat, LifecycleEvent
from notification_operator.domain.template_ref import TemplateRef, TemplateUnavailableError
from notification_operator.rendering.compose import (
    MAX_INLINE,
    Composer,
    Templates,
    event_type,
    links,
    origin,
)
from notification_operator.rendering.templating.templates import Template
from tests.unit.operator.channels.receivers import composer, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.delivery.channel import Message


def template(subject: str | None = None, body: str | None = None) -> Templates:
    compiled = [None if source is None else Template(source) for source in (subject, body)]
    return Templates(subject=compiled[0], body=compiled[1])


class OneTemplate:
    """Has the template of every notification, or the error of reading it."""

    def __init__(self, text: str = "", error: str = "") -> None:
        self._text = text
        self._error = error

    async def source(self, _namespace: str, _ref: TemplateRef) -> str:
        if self._error:
            raise TemplateUnavailableError(self._error)
        return self._text


def unchanged(text: str, _form: BodyFormat) -> str:
    return text


REF = TemplateRef(config_map="texts", key="incident")


@pytest.mark.parametrize(
    ("own", "receivers", "body", "note"),
    [
        (OneTemplate("own {{ notification.priority }}"), None, "own high", ""),
        (OneTemplate("own"), "the receiver's", "own", ""),
        (
            OneTemplate("a\n{{ x }}"),
            None,
            "line one\nline two",
            "spec.template failed, line 2: 'x' is undefined; the built-in one was used",
        ),
        (
            OneTemplate("{{ x }}"),
            "the receiver's",
            "the receiver's",
            "spec.template failed, line 1: 'x' is undefined; the template of the receiver was used",
        ),
        (
            OneTemplate("{{ x }}"),
            "{{ y }}",
            "line one\nline two",
            (
                "spec.template failed, line 1: 'x' is undefined; the template failed, line 1: 'y' is undefined; "
                "the built-in one was used"
            ),
        ),
        (
            OneTemplate("{% if %}"),
            "the receiver's",
            "the receiver's",
            (
                "spec.template was not used: ConfigMap texts, key incident: line 1: Expected an expression, got 'end of "
                "statement block'"
            ),
        ),
        (
            OneTemplate(error="there is no such key"),
            "the receiver's",
            "the receiver's",
            "spec.template was not used: ConfigMap texts, key incident: there is no such key",
        ),
    ],
)
async def test_template_of_a_notification_overrides_that_of_the_receiver(
    own: OneTemplate, receivers: str | None, body: str, note: str
) -> None:
    composing = composer(template(subject="S", body=receivers), overrides=own.source)
    composed = await composing.compose(message(template=REF), unchanged)
    assert (composed.subject, composed.body, composed.note) == ("S", body, note)


async def test_composer_without_a_source_ignores_the_template_of_a_notification() -> None:
    composed = await composer(template(body="B")).compose(message(template=REF), unchanged)
    assert (composed.body, composed.note) == ("B", "")


async def test_message_without_templates_is_unchanged() -> None:
    composed = await composer().compose(message(), unchanged)
    assert (composed.subject, composed.body, composed.note) == ("Заказ 📦", "line one\nline two", "")


async def test_templates_know_the_notification_and_the_receiver() -> None:
    source = (
        "{{ notification.namespace }}/{{ notification.name }} {{ notification.uid }} {{ notification.created }} "
        "{{ notification.type }} {{ notification.priority }} {{ notification.event }} {{ notification.dedupKey }} "
        "{{ notification.labels.team }} {{ notification.metadata.node }} {{ notification.annotations.a }} "
        "{{ notification.links[0].url }} {{ cluster }} {{ receiver.name }} {{ receiver.type }} {{ attempt }}"
    )
    sent = message(
        labels={"team": "t"},
        metadata={"node": "7"},
        annotations={"a": "b"},
        action_links=({"service": "s", "url": "https://example.com/"},),
        dedup_key="disk",
        attempt=3,
    )
    composed = await composer(template(body=source)).compose(sent, unchanged)
    assert composed.body == (
        "shop/order-1 uid 2026-01-02T03:04:05.000000Z simple high Trigger disk t 7 b "
        "https://example.com/ staging orders webhook 3"
    )


@pytest.mark.parametrize(
    ("templates", "subject", "body", "note"),
    [
        (template(subject="{{ x }}"), "Заказ 📦", "line one\nline two", "the template failed, line 1: 'x'"),
        (template(body="{{ x }}"), "Заказ 📦", "line one\nline two", "the template failed, line 1: 'x'"),
        (template(subject="", body="B"), "Заказ 📦", "B", ""),
        (template(subject="a\n  b\r\nc"), "a b c", "line one\nline two", ""),
    ],
)
async def test_message_is_lost_to_no_template(
    templates: Templates, subject: str, body: str, note: str
) -> None:
    composed = await composer(templates).compose(message(), unchanged)
    assert (composed.subject, composed.body) == (subject, body)
    assert composed.note.startswith(note)
    assert bool(composed.note) == bool(note)


async def test_blank_subject_is_replaced_by_the_name() -> None:
    assert (await composer().compose(message(subject=" \n"), unchanged)).subject == "order-1"


async def test_body_that_is_too_long_for_a_template_is_used_as_it_is() -> None:
    body = "x" * 300_000
    assert (await composer().compose(message(body=body), unchanged)).body == body
    composed = await composer(template(body="> {{ notification.body }}")).compose(
        message(body=body), unchanged
    )
    assert composed.body == body
    assert "more than 262144 characters" in composed.note


async def test_secret_that_a_template_puts_together_is_redacted_in_every_text() -> None:
    def redact(text: str) -> str:
        return text.replace("password=hunter2", "password=[REDACTED]")

    def render(text: str, form: BodyFormat) -> list[dict[str, Any]]:
        return [{"text": text, "parts": [f"{form} password=hunter2"], "number": 1}]

    templates = template(subject="password{{ '=' }}hunter2", body="{{ 'pass' ~ 'word=' }}{{ 'hunter2' }}")
    composed = await composer(templates, redact=redact).compose(message(), render)
    assert composed.subject == "password=[REDACTED]"
    assert composed.body == [
        {"text": "password=[REDACTED]", "parts": ["Plain password=[REDACTED]"], "number": 1}
    ]


async def test_long_body_or_a_template_is_rendered_in_another_thread() -> None:
    threads: list[threading.Thread] = []

    def render(text: str, _form: BodyFormat) -> str:
        threads.append(threading.current_thread())
        return text

    await composer().compose(message(body="x" * MAX_INLINE), render)
    await composer().compose(message(body="x" * (MAX_INLINE + 1)), render)
    await composer(template(subject="S")).compose(message(), render)
    assert [thread is threading.main_thread() for thread in threads] == [True, False, False]


async def test_composer_serves_several_messages_at_once() -> None:
    source = "{% for i in range(500) %}{% endfor %}{{ notification.name }} {{ notification.body|length }}"
    shared = composer(template(body=source))
    sent = [message(name=f"n-{number}", body="x" * 5000) for number in range(20)]
    composed = await asyncio.gather(*(shared.compose(each, unchanged) for each in sent))
    assert [each.body for each in composed] == [f"n-{number} 5000" for number in range(20)]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/", True),
        ("http://10.0.0.1/", True),
        ("mailto:a@example.com", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("/relative", False),
        ("", False),
        ("https://[::1", False),
    ],
)
def test_link_is_shown_if_its_scheme_is_safe(url: str, shown: bool) -> None:  # noqa: FBT001 - a parameter of the test
    sent = message(action_links=({"service": "grafana", "url": url, "label": ""},))
    assert links(sent) == ([{"label": "grafana", "url": url}] if shown else [])


def test_origin_and_event_are_the_object_and_its_event() -> None:
    assert origin(message()) == "from shop/order-1"
    assert origin(message(), "prod") == "from shop/order-1, cluster prod"
    assert event_type(message(event=LifecycleEvent.RESOLVE)) == "notification.resolve"


@given(st.text(max_size=300), st.sampled_from(BodyFormat))
def test_any_message_is_composed(text: str, form: BodyFormat) -> None:
    async def compose(render: Callable[[str, BodyFormat], str]) -> str:
        composed = await Composer(facts=composer().facts).compose(sent, render)
        return composed.body

    sent: Message = message(subject=text or "x", body=text, format=form)
    assert asyncio.run(compose(unchanged)) == text
