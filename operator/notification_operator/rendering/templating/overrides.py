"""The templates of notifications, which override those of receivers: read and compiled when a message is composed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from notification_operator.domain.template_ref import TemplateRef, TemplateUnavailableError
from notification_operator.rendering.pool import RenderingError
from notification_operator.rendering.templating.templates import Template, compiled

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Message
    from notification_operator.rendering.pool import RenderingPool

ReadTemplate: TypeAlias = Callable[[str, TemplateRef], Awaitable[str]]
"""Returns the text of a template in a namespace; raises TemplateUnavailableError if it cannot be read."""


async def override(
    message: Message, read: ReadTemplate | None, pool: RenderingPool
) -> tuple[Template | None, str]:
    """Return the template that a message brings along, and why it is not used; None and an empty text without one."""
    ref = message.content.template
    if ref is None or read is None:
        return None, ""
    try:
        source = await read(message.namespace, ref)
        # A long template takes as long to compile as a long body to render.
        found = await pool.run(message.namespace, partial(compiled, source))
    except (TemplateUnavailableError, RenderingError) as error:
        found = str(error)
    if isinstance(found, Template):
        return found, ""
    return None, f"spec.template was not used: ConfigMap {ref.config_map}, key {ref.key}: {found}"
