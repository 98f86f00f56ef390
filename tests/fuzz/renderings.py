"""Generated Markdown and templates through the real render worker: each job has a result, and the event loop runs on.

Each case is a job of the worker: a message as one of the channels shows it, as a mail, or the check of a receiver's
templates. It depends on its number alone, so a failure is repeated by its seed, and made shorter before it is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import random
import time
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from notification_contract.kinds.choices import BodyFormat, LifecycleEvent
from notification_domain.redaction.redact import ALL_RULES
from notification_domain.rendering.composition import compose
from notification_domain.rendering.job import RenderingError
from notification_domain.rendering.markup.markups import MAIL, MARKUPS
from notification_domain.rendering.mime import write
from notification_domain.rendering.redaction import rule_values
from notification_domain.rendering.texts import check_templates
from notification_runtime.rendering.worker import RenderWorker
from notification_runtime.telemetry.gauges import Heartbeat
from tests.fuzz.markdown import Author
from tests.fuzz.templates import TemplateAuthor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notification_domain.rendering.job import Job

GAP: Final = 0.5
"""Seconds of processor time in which the event loop may run nothing else: Leases and probes allow for several."""
BATCH: Final = 60
"""Cases that wait for the worker at the same time."""
NAMESPACES: Final = 6
SHORTER: Final = 200
"""Attempts to make a failing case shorter, within a minute."""
SHORTER_SECONDS: Final = 60.0
MAIL_JOB, CHECK_JOB = "a mail", "check of templates"
JOBS: Final = (*MARKUPS, MAIL_JOB, CHECK_JOB)
HEADERS: Final = frozenset(
    {
        *(
            "subject",
            "from",
            "to",
            "date",
            "message-id",
            "list-id",
            "auto-submitted",
            "x-auto-response-suppress",
        ),
        *("x-notification", "references", "in-reply-to", "importance", "mime-version", "content-type"),
    }
)
TAGS: Final = frozenset(
    {
        *(
            "p",
            "br",
            "a",
            "em",
            "strong",
            "s",
            "code",
            "pre",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "ul",
            "ol",
            "li",
        ),
        *("blockquote", "hr", "table", "thead", "tbody", "tr", "th", "td"),
    }
)
ATTRIBUTES: Final = frozenset({"href", "rel", "start", "style"})
SCHEMES: Final = frozenset({"http", "https", "mailto"})
LONGEST_LINE: Final = 998
"""Bytes of a line of a mail (RFC 5322)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """One case. `job` is a markup, or one of the other two jobs; a template is empty where there is none."""

    job: str
    body: str
    format: BodyFormat
    event: LifecycleEvent
    subject: str = "subject"
    templates: Mapping[str, str] = field(default_factory=dict)
    override: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingShare:
    """What one process renders: the cases `first` to `first + count` of a seed."""

    seed: int
    first: int
    count: int


@dataclass(slots=True, kw_only=True)
class RenderingTally:
    cases: int = 0
    refused_templates: int = 0
    """Results with a note, because a template could not be used."""
    gap: float = 0.0
    """The longest time in which the event loop ran nothing else, in seconds of processor time."""
    failure: str = ""


def rendering(seed: int, number: int) -> Rendering:
    """Return a case."""
    chance = random.Random(f"{seed} {number}")  # noqa: S311 - a case, not a secret
    markdown, templates = Author(chance), TemplateAuthor(chance)
    kind = chance.randrange(4)
    return Rendering(
        job=CHECK_JOB if kind == 3 and not chance.randrange(3) else chance.choice(JOBS[:-1]),
        body=markdown.document(),
        format=chance.choice((BodyFormat.MARKDOWN,) * 6 + tuple(BodyFormat)),
        event=chance.choice(tuple(LifecycleEvent)),
        subject=chance.choice(("subject", markdown.document()[:500])),
        templates={
            name: templates.template() for name in ("subject", "body") if kind >= 2 and chance.randrange(2)
        },
        override=templates.template() if kind == 1 else "",
    )


def run_renderings(share: RenderingShare) -> RenderingTally:
    """Run the cases of a share, up to the first failure."""
    return asyncio.run(_run(share))


async def _run(share: RenderingShare) -> RenderingTally:
    tally, worker = RenderingTally(), RenderWorker()
    # In processor time of the event loop's thread: cases are made, and results read, in another one.
    heartbeat = Heartbeat(clock=time.thread_time)
    beat = asyncio.create_task(heartbeat.run())
    last = share.first + share.count
    try:
        for first in range(share.first, last, BATCH):
            numbers = range(first, min(first + BATCH, last))
            await _run_batch(share.seed, numbers, worker, tally)
            tally.gap = max(tally.gap, heartbeat.statistics().gap_seconds)
            if tally.gap > GAP and not tally.failure:
                tally.failure = f"the event loop ran nothing else for {tally.gap:.2f} s in cases {numbers}"
            if tally.failure:
                break
    finally:
        worker.close()
        beat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beat
    return tally


async def _run_batch(seed: int, numbers: range, worker: RenderWorker, tally: RenderingTally) -> None:
    """Give some cases to the worker at the same time, in the names of several namespaces."""
    cases = await asyncio.to_thread(lambda: [rendering(seed, number) for number in numbers])
    found = await asyncio.gather(
        *(_problem(worker, f"n{index % NAMESPACES}", case) for index, case in enumerate(cases))
    )
    tally.cases += len(cases)
    tally.refused_templates += sum(noted for _, noted in found)
    for number, case, (problem, _) in zip(numbers, cases, found, strict=True):
        if problem:
            tally.failure = await _described(worker, case, number)
            return


async def _problem(worker: RenderWorker, namespace: str, case: Rendering) -> tuple[str, bool]:
    """Return what is wrong with the result of a case, and whether it has a note; nothing is wrong if it is empty."""
    job, arguments = _job(case)
    try:
        result = await worker.run(namespace, job, **arguments)
    except RenderingError as error:
        return f"no result: {error}", False
    return await asyncio.to_thread(_flaw, case, result), bool(
        result if case.job == CHECK_JOB else result["note"]
    )


def _job(case: Rendering) -> tuple[Job[..., Any], dict[str, Any]]:
    if case.job == CHECK_JOB:
        return check_templates, {"sources": dict(case.templates)}
    composition = {
        "context": {
            "notification": {
                **dict.fromkeys(("namespace", "name", "uid", "created", "type", "priority", "dedupKey"), "a"),
                "subject": case.subject,
                "body": case.body,
                "event": str(case.event),
                "deliveryId": "d",
                "metadata": {"password": "hunter2", "a": "b"},
                "labels": {"app": "shop"},
                "annotations": {},
                "links": [{"label": "l", "url": "https://example.com"}],
            },
            "cluster": "c",
            "receiver": {"name": "r", "type": "email"},
            "attempt": 1,
        },
        "format": str(case.format),
        "templates": dict(case.templates),
        "override": {"place": "p", "source": case.override, "problem": ""} if case.override else None,
        "rules": rule_values(ALL_RULES),
    }
    if case.job != MAIL_JOB:
        return compose, {"composition": composition, "markup": case.job}
    sent = {
        "sender": "a@b.example",
        "domain": "b.example",
        "address": "c@d.example",
        "date": "Mon, 02 Mar 2026 12:00:00 +0000",
    }
    return write, {"composition": composition, **sent}


def _flaw(case: Rendering, result: Any) -> str:
    """Return what is wrong with a result."""
    if case.job == CHECK_JOB:
        return "" if isinstance(result, str) else f"the check returned {result!r}"
    if case.job == MAIL_JOB:
        return _flaw_of_mail(result["content"])
    if not result["subject"] or "\n" in result["subject"]:
        return f"the subject is not one line: {result['subject']!r}"
    body = result["body"]
    if case.job == MAIL.name:
        return _flaw_of_html(body["html"])
    texts = [body] if isinstance(body, str) else [element["text"] for element in body]
    return "" if all(isinstance(text, str) for text in texts) else f"the body is no text: {body!r:.200}"


def _flaw_of_mail(content: str) -> str:
    if not content.isascii():
        return "the mail is not ASCII"
    if max(map(len, content.split("\r\n"))) > LONGEST_LINE:
        return f"the mail has a line of more than {LONGEST_LINE} characters"
    mail = email.message_from_bytes(content.encode(), policy=email.policy.SMTP)
    names = [name.lower() for name in mail]
    if set(names) - HEADERS or len(names) != len(set(names)):
        return f"the mail has other headers: {names}"
    part = mail.get_body(("html",))
    if part is None:
        return "the mail has no HTML"
    html = part.get_content()
    return _flaw_of_html(html.partition("<body")[2] or html, TAGS | {"div"})


class _Tags(HTMLParser):
    """Notes what a mail must not have."""

    def __init__(self, tags: frozenset[str]) -> None:
        super().__init__()
        self._tags = tags
        self._links = 0
        self.flaw = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "href" and urlsplit(value or "").scheme not in SCHEMES:
                self.flaw = f"a link leads to {value!r:.200}"
            if name.startswith("on") or name not in ATTRIBUTES:
                self.flaw = f"<{tag}> has the attribute {name}"
        if tag not in self._tags:
            self.flaw = f"there is a tag <{tag}>"
        self._links += tag == "a"
        if self._links > 1:
            self.flaw = "there is a link in a link"

    def handle_endtag(self, tag: str) -> None:
        self._links -= tag == "a"


def _flaw_of_html(html: str, tags: frozenset[str] = TAGS) -> str:
    reader = _Tags(tags)
    reader.feed(html)
    reader.close()
    return reader.flaw


async def _described(worker: RenderWorker, case: Rendering, number: int) -> str:
    """Return a case that fails, as short as it was possible to make it."""
    problem, _ = await _problem(worker, "n", case)
    if not problem:
        return f"case {number} fails only with those around it: {case!r}"
    deadline, attempts = time.monotonic() + SHORTER_SECONDS, 0
    candidates = _shorter(case)
    while attempts < SHORTER and time.monotonic() < deadline:
        shorter = next(candidates, None)
        if shorter is None:
            break
        attempts += 1
        found, _ = await _problem(worker, "n", shorter)
        if found:
            case, problem, candidates = shorter, found, _shorter(shorter)
    return f"case {number}: {problem}\n{case!r}"


def _shorter(case: Rendering) -> Iterator[Rendering]:
    """Yield the case without parts of its texts, large parts first."""
    texts = {name: len(getattr(case, name)) for name in ("override", "body", "subject")}
    size = max(texts.values())
    while size:
        for name, length in texts.items():
            text = getattr(case, name)
            for start in range(0, length, size):
                yield replace(case, **{name: text[:start] + text[start + size :]})
        size //= 2
