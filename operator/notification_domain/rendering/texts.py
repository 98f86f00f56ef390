"""Templates without what surrounds them in a message: whether they are valid, and the texts of those of the gateway. Pure, but for the time that it takes."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any, TypedDict

from notification_domain.rendering.job import job
from notification_domain.rendering.templating.budget import TemplateRenderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_domain.rendering.templating.templates import Template


class Texts(TypedDict):
    """The results of some templates by their keys."""

    texts: dict[str, str]
    problems: dict[str, str]
    """Why a template has no result."""
    seconds: float
    """Processor time of this process."""


@job(seconds=3, returns=Texts)
def render_texts(*, templates: Mapping[str, str], values: Mapping[str, Any]) -> Texts:
    """Return the text of each template."""
    began = process_time()
    result: Texts = {"texts": {}, "problems": {}, "seconds": 0.0}
    for key, source in templates.items():
        template = compiled(source)
        if isinstance(template, str):
            result["problems"][key] = template
            continue
        try:
            result["texts"][key] = template.render(values)
        except TemplateRenderError as error:
            result["problems"][key] = str(error)
    result["seconds"] = process_time() - began
    return result


@job(seconds=2, returns=str)
def check_templates(*, sources: Mapping[str, str]) -> str:
    """Return why templates, by their keys, are not valid; empty if they are."""
    return templates_of(sources)[1]


def compiled(source: str) -> Template | str:
    """Return the template of a source, or why it is not valid."""
    # Megabytes, which a message without a template does not need.
    from notification_domain.rendering.templating import templates  # noqa: PLC0415

    return templates.compiled(source)


def templates_of(sources: Mapping[str, str]) -> tuple[dict[str, Template], str]:
    """Return the templates of a receiver, and why one is not valid; the built-in one takes its place."""
    found = {key: compiled(text) for key, text in sources.items() if text}
    valid = {key: each for key, each in found.items() if not isinstance(each, str)}
    problems = (f"template, {key}: {each}" for key, each in found.items() if isinstance(each, str))
    return valid, "; ".join(problems)
