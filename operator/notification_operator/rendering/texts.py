"""Texts of templates alone, for what has no receiver yet: the notifications that the gateway creates. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from notification_operator.rendering.job import job
from notification_operator.rendering.templating.budget import TemplateRenderError
from notification_operator.rendering.templating.templates import compiled

if TYPE_CHECKING:
    from collections.abc import Mapping


class Texts(TypedDict):
    """The results of some templates by their keys."""

    texts: dict[str, str]
    problems: dict[str, str]
    """Why a template has no result."""


@job(seconds=3)
def render_texts(*, templates: Mapping[str, str], values: Mapping[str, Any]) -> Texts:
    """Return the text of each template."""
    result: Texts = {"texts": {}, "problems": {}}
    for key, source in templates.items():
        template = compiled(source)
        if isinstance(template, str):
            result["problems"][key] = template
            continue
        try:
            result["texts"][key] = template.render(values)
        except TemplateRenderError as error:
            result["problems"][key] = str(error)
    return result
