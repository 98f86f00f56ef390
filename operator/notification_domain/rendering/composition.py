"""From values to what a channel shows: template, redaction, markup; a message is never lost to a template. Pure."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from notification_contract import bounds
from notification_contract.kinds.choices import BodyFormat
from notification_domain.redaction.redact import Rules, redact_counted
from notification_domain.rendering.job import job
from notification_domain.rendering.markup.markups import MARKUPS, WRITTEN
from notification_domain.rendering.mentions import visible
from notification_domain.rendering.pieces import shortened
from notification_domain.rendering.templating.budget import TemplateRenderError
from notification_domain.rendering.texts import compiled, templates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notification_domain.rendering.templating.templates import Template


class Override(TypedDict):
    """The template that a notification brings along."""

    place: str
    """Where it stands, for a note."""
    source: str | None
    """None if it cannot be read."""
    problem: str
    """Why not."""


class Composition(TypedDict):
    """What a message is composed of."""

    context: Mapping[str, Any]
    """What templates can use."""
    format: str
    """How the body is read."""
    templates: Mapping[str, str]
    """Those of the receiver by their keys, `subject` and `body`; empty: the text is the content."""
    override: Override | None
    rules: Mapping[str, Any] | None
    """By which texts are redacted once more, after a template has joined its parts; None: not at all."""


class ComposedValues(TypedDict):
    """A message as a channel shows it."""

    subject: str
    body: Any
    metadata: list[tuple[str, str]]
    """Names and values, without controls and secrets."""
    note: str
    """Why the built-in template was used."""
    counts: dict[str, int]
    """The number of secrets by rule name."""


@job(seconds=3, returns=ComposedValues)
def compose(*, composition: Composition, markup: str) -> ComposedValues:
    """Return the message, with a body in a markup; what is not sent as it is written has no controls."""
    shown: Callable[[str], str] = str if markup == WRITTEN.name else visible
    counts: Counter[str] = Counter()
    content, context = composition["context"]["notification"], composition["context"]
    redacted = (content["subject"], content["body"], *content["metadata"].values())
    redact = partial(_redact, composition["rules"], counts, redacted)
    own, _ = templates_of(composition["templates"])
    override, problem = _override(composition["override"])
    subject, first = _text((_own(own.get("subject")),), context, content["subject"], redact)
    body, second = _text((override, _own(own.get("body"))), context, content["body"], redact)
    # Some controls separate words.
    lines = (shown(" ".join(text.split())) for text in (subject, content["subject"]))
    line = next(filter(None, lines), content["name"])
    return {
        # A template may join anything. Half of a secret would not be found: it is redacted before.
        "subject": shortened(redact(line), bounds.SUBJECT),
        "body": MARKUPS[markup].render(redact(shown(body)), BodyFormat(composition["format"]), redact),
        "metadata": [(visible(name), redact(visible(value))) for name, value in content["metadata"].items()],
        "note": "; ".join(filter(None, (redact(problem), first, second))),
        "counts": dict(counts),
    }


def source_of(namespace: str, name: str, cluster: str) -> str:
    """Return where a message comes from; its author cannot choose this text."""
    place = f"from {namespace}/{name}"
    return f"{place}, cluster {cluster}" if cluster else place


class _Candidate(NamedTuple):
    """A template that may be used, and its names in a note about one that failed."""

    template: Template | None
    name: str
    """If it fails."""
    successor: str
    """If it is used in place of one that failed."""


def _override(override: Override | None) -> tuple[_Candidate, str]:
    """Return the template that a message brings along, and why it is not used."""
    none = _Candidate(None, "", "")
    if override is None:
        return none, ""
    source, problem = override["source"], override["problem"]
    if source is not None:
        found = compiled(source)
        if not isinstance(found, str):
            return _Candidate(found, "spec.template", ""), ""
        problem = found
    return none, f"spec.template was not used: {override['place']}: {problem}"


def _own(template: Template | None) -> _Candidate:
    return _Candidate(template, "the template", "the template of the receiver")


def _text(
    candidates: Iterable[_Candidate], context: Mapping[str, Any], last: str, redact: Callable[[str], str]
) -> tuple[str, str]:
    """Return the text of the first template that works, and a note about those that failed."""
    failed: list[str] = []
    for template, name, successor in candidates:
        if template is None:
            continue
        try:
            text = template.render(context)
        except TemplateRenderError as error:
            failed.append(redact(f"{name} failed, {error}"))
        else:
            return text, "; ".join((*failed, f"{successor} was used") if failed else ())
    return last, "; ".join((*failed, "the built-in one was used") if failed else ())


def _redact(
    rules: Mapping[str, Any] | None, counts: Counter[str], redacted: tuple[str, ...], text: str
) -> str:
    """Redact a text, unless it is one of those that are redacted already."""
    if rules is None or text in redacted:
        return text
    result, secrets = redact_counted(text, Rules(**rules))
    counts.update(secrets)
    return result
