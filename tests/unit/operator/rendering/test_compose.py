"""From a message to what a channel shows: templates, both redactions, and the facts that templates know."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract import bounds
from notification_contract.kinds.choices import BodyFormat, LifecycleEvent
from notification_domain.redaction.redactor import Redactor
from notification_domain.rendering.job import Renderer
from notification_domain.rendering.markup.markups import CARD, MAIL, MARKUPS, PLAIN, WRITTEN
from notification_domain.rendering.templating.filters import FILTERS
from notification_domain.rendering.texts import check_templates
from notification_domain.template_ref import TemplateRef, TemplateUnavailableError
from notification_operator.endpoints.attempt import call
from notification_runtime.delivery.channel import Channel, Receipt, Transient
from notification_runtime.rendering.compose import MAX_INLINE, Composer, event_type, links, origin
from notification_runtime.rendering.worker import RenderWorker, WorkerProcess
from tests.unit.operator.channels.receivers import composer, message
from tests.unit.operator.rendering.elements import ELEMENTS
from tests.unit.operator.rendering.hostile_worker import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_domain.rendering.job import Job
    from notification_runtime.delivery.channel import Message

P = ParamSpec("P")
T = TypeVar("T")

HOSTILE: Final = partial(WorkerProcess, PROGRAM)
MARKDOWN: Final = "# H\n\n- **a** [b](https://example.com)\n\n| c |\n|-|\n| password=hunter2x |\n"


def template(subject: str | None = None, body: str | None = None) -> dict[str, str]:
    return {"subject": subject or "", "body": body or ""}


class OneTemplate:
    """Has the template of every notification, or the error of reading it."""

    def __init__(self, text: str = "", error: str = "") -> None:
        self._text = text
        self._error = error

    async def source(self, _namespace: str, _ref: TemplateRef) -> str:
        if self._error:
            raise TemplateUnavailableError(self._error)
        return self._text


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
    composed = await composing.compose(message(template=REF), WRITTEN)
    assert (composed.subject, composed.body, composed.note) == ("S", body, note)


async def test_composer_without_a_source_ignores_the_template_of_a_notification() -> None:
    composed = await composer(template(body="B")).compose(message(template=REF), WRITTEN)
    assert (composed.body, composed.note) == ("B", "")


async def test_message_without_templates_is_unchanged() -> None:
    composed = await composer().compose(message(), WRITTEN)
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
    composed = await composer(template(body=source)).compose(sent, WRITTEN)
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
    templates: dict[str, str], subject: str, body: str, note: str
) -> None:
    composed = await composer(templates).compose(message(), WRITTEN)
    assert (composed.subject, composed.body) == (subject, body)
    assert composed.note.startswith(note)
    assert bool(composed.note) == bool(note)


async def test_subject_of_a_template_is_no_longer_than_one_of_a_notification() -> None:
    subject = (
        await composer(template(subject="{{ notification.body }}")).compose(message(body="a" * 4000), WRITTEN)
    ).subject
    assert subject == "a" * (bounds.SUBJECT - 1) + "…"
    assert (
        len((await composer().compose(message(subject="a" * bounds.SUBJECT), WRITTEN)).subject)
        == bounds.SUBJECT
    )


async def test_blank_subject_is_replaced_by_the_name() -> None:
    assert (await composer().compose(message(subject=" \n"), WRITTEN)).subject == "order-1"


async def test_body_that_is_too_long_for_a_template_is_used_as_it_is() -> None:
    body = "x" * 300_000
    assert (await composer().compose(message(body=body), WRITTEN)).body == body
    composed = await composer(template(body="> {{ notification.body }}")).compose(message(body=body), WRITTEN)
    assert composed.body == body
    assert "more than 262144 characters" in composed.note


@pytest.mark.parametrize("place", [None, RenderWorker])
async def test_secret_that_a_template_puts_together_is_redacted_and_counted(
    place: Callable[[], RenderWorker] | None,
) -> None:
    counts: Counter[str] = Counter()
    redactor = Redactor(count=counts.update)
    templates = template(subject="password{{ '=' }}hunter2x", body="{{ 'pass' ~ 'word=' }}{{ 'hunter2x' }}")
    renderer = place() if place else Renderer()
    composing = composer(templates, redactor=redactor, renderer=renderer)
    composed = await composing.compose(message(), CARD)
    assert composed.subject == "password=[REDACTED]"
    assert composed.body == [{"type": "TextBlock", "text": "password=[REDACTED]", "wrap": True}]
    assert counts["password"] >= 2
    if isinstance(renderer, RenderWorker):
        renderer.close()


async def test_secret_that_a_markup_puts_together_is_redacted() -> None:
    sent = message(body="pass**word**=hunter2x", format="Markdown")
    composed = await composer(redactor=Redactor()).compose(sent, MAIL)
    assert composed.body == {
        "text": "password=[REDACTED]",
        "html": "<p>password=[REDACTED]</p>\n",
    }


async def test_redaction_leaves_the_html_of_a_mail_whole() -> None:
    sent = message(
        body='[a](http:%00](https://x)y ")e 1 -----BEGIN CERTIFICATE-----s://[ ")', format="Markdown"
    )
    html = (await composer(redactor=Redactor()).compose(sent, MAIL)).body["html"]
    assert html.endswith('" rel="noopener noreferrer">a</a></p>\n')


class Noting(Renderer):
    """Notes the names of its jobs."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        self.names.append(f"{namespace}/{job.name}")
        return await super().run(namespace, job, *args, **arguments)


@pytest.mark.parametrize(
    ("changes", "options", "here"),
    [
        ({"body": "x" * MAX_INLINE}, {}, True),
        ({"body": "x" * (MAX_INLINE + 1)}, {}, False),
        ({"metadata": {"a": "x" * MAX_INLINE}}, {}, False),
        ({"format": "Markdown"}, {}, False),
        ({"format": "Native"}, {}, True),
        ({"template": REF}, {}, True),
        ({"template": REF}, {"overrides": OneTemplate(error="no").source}, True),
        ({"template": REF}, {"overrides": OneTemplate("x").source}, False),
        ({}, {"templates": template(subject="S")}, False),
        ({}, {"templates": template()}, True),
    ],
)
async def test_short_plain_message_is_composed_here(
    changes: dict[str, Any], options: dict[str, Any], *, here: bool
) -> None:
    renderer = Noting()
    await composer(**options, renderer=renderer).compose(message(**changes), WRITTEN)
    assert renderer.names == ([] if here else ["shop/compose"])


@pytest.mark.parametrize("name", MARKUPS)
async def test_worker_composes_each_markup_as_it_is_here(name: str, worker: RenderWorker) -> None:
    # The process can load nothing any more.
    here, there = (composer(redactor=Redactor(), renderer=renderer) for renderer in (Renderer(), worker))
    for form in BodyFormat:
        for text in (*ELEMENTS.values(), MARKDOWN, "\ud800 https://b\u00fccher.example" + "x" * MAX_INLINE):
            sent = message(subject="\ud800 *s*", body=text, format=form, metadata={"a": "b" * MAX_INLINE})
            assert await there.compose(sent, MARKUPS[name]) == await here.compose(sent, MARKUPS[name])


@pytest.mark.parametrize("name", FILTERS)
async def test_worker_knows_each_filter(name: str, worker: RenderWorker) -> None:
    sources = (f"{{{{ notification.{field}|{name} }}}}" for field in ("subject", "metadata", "uid"))
    for source in (*sources, f"{{{{ 'a'|{name}('b', 'c') }}}}", f"{{{{ 1.5|{name}(1) }}}}"):
        here = await composer(template(body=source)).compose(message(), WRITTEN)
        assert await composer(template(body=source), renderer=worker).compose(message(), WRITTEN) == here


async def test_worker_checks_templates_as_it_is_done_here(worker: RenderWorker) -> None:
    for sources in (template(body="{% if %}", subject="{{ a }}"), template(body="x")):
        assert await worker.run("shop", check_templates, sources=sources) == check_templates(sources=sources)


async def test_worker_redacts_metadata_that_are_secrets_without_their_controls(worker: RenderWorker) -> None:
    sent = message(metadata={"a\x01": "pass\x01word=hunter2x", "b": "b" * MAX_INLINE})
    composed = await composer(redactor=Redactor(), renderer=worker).compose(sent, PLAIN)
    assert composed.metadata == [("a", "password=[REDACTED]"), ("b", "b" * MAX_INLINE)]


async def test_message_that_is_not_composed_is_sent_shortened() -> None:
    renderer = RenderWorker(start=HOSTILE, patience=1)
    composing = composer(redactor=Redactor(), renderer=renderer)
    sent = message(body="**please exit** " + "x" * MAX_INLINE, format="Markdown")
    composed = await composing.compose(sent, PLAIN)
    assert composed.body == sent.content.body[:MAX_INLINE]
    assert composed.note.startswith("the message was shortened: ")
    renderer.close()


async def test_message_is_sent_shortened_if_the_worker_cannot_be_started() -> None:
    def fail() -> WorkerProcess:
        raise OSError("no process is left")

    composing = composer(template(body="B"), renderer=RenderWorker(start=fail))
    composed = await composing.compose(message(), PLAIN)
    assert (composed.subject, composed.body) == ("Заказ 📦", "line one\nline two")
    assert composed.note == "the message was shortened: the render worker cannot be started"


class Composing(Channel):
    """A channel that composes its message, and then takes so many seconds."""

    def __init__(self, texts: Composer, seconds: float = 0.0) -> None:
        self._composer = texts
        self._seconds = seconds

    async def deliver(self, message: Message) -> Receipt:
        await self._composer.compose(message, PLAIN)
        await asyncio.sleep(self._seconds)
        return Receipt()


class Slow(Renderer):
    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        await asyncio.sleep(0.3)
        return await super().run(namespace, job, *args, **arguments)


async def test_attempt_does_not_time_out_while_its_message_is_composed() -> None:
    sent = message(format="Markdown")
    composing = composer(renderer=Slow())
    assert await call(Composing(composing), sent, seconds=0.1, target="t") == Receipt()


async def test_attempt_times_out_after_its_message_is_composed() -> None:
    result = await call(Composing(composer(), seconds=60), message(), seconds=0.05, target="t")
    assert isinstance(result, Transient)
    assert str(result) == "timed out after 0.05 s"


async def test_composer_serves_several_messages_at_once() -> None:
    source = "{% for i in range(500) %}{% endfor %}{{ notification.name }} {{ notification.body|length }}"
    shared = composer(template(body=source))
    sent = [message(name=f"n-{number}", body="x" * 5000) for number in range(20)]
    composed = await asyncio.gather(*(shared.compose(each, WRITTEN) for each in sent))
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
    sent: Message = message(subject=text or "x", body=text, format=form)
    composed = asyncio.run(Composer(facts=composer().facts).compose(sent, WRITTEN))
    assert composed.body == text
