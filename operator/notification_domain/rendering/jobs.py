"""The jobs of the render worker, by name: everything that it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_domain.rendering.composition import compose
from notification_domain.rendering.mime import write
from notification_domain.rendering.redaction import redact_fields
from notification_domain.rendering.texts import check_templates, render_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_domain.rendering.job import Job

JOBS: Final[Mapping[str, Job[..., Any]]] = {
    each.name: each for each in (redact_fields, compose, check_templates, render_texts, write)
}
