"""Creates the channel of a receiver from its spec and the values of its Secrets: `create` of the module of its type."""

from __future__ import annotations

from importlib import import_module
from time import thread_time
from typing import TYPE_CHECKING

from notification_operator.delivery import channels
from notification_operator.delivery.receivers.creation import Created
from notification_operator.delivery.receivers.network import Network
from notification_operator.delivery.rendering.compose import Composer, Facts, Templates
from notification_operator.delivery.rendering.templating.templates import Template, TemplateInvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_operator.delivery.receivers.creation import Tools
    from notification_operator.delivery.rendering.pool import RenderingPool
    from notification_operator.delivery.rendering.templating.overrides import TemplateSource
    from notification_operator.domain.receivers.catalog import Receiver
    from notification_operator.domain.receivers.references import References


def _templates(sources: Mapping[str, str]) -> tuple[Templates, str]:
    """Return the compiled templates, and why one is not valid; the built-in one takes its place."""
    compiled: dict[str, Template | None] = {}
    problems: list[str] = []
    for key, text in sources.items():
        try:
            compiled[key] = Template(text) if text else None
        except TemplateInvalidError as error:
            problems.append(f"template, {key}: {error}")
    return Templates(subject=compiled.get("subject"), body=compiled.get("body")), "; ".join(problems)


def composer(  # noqa: PLR0913 - what it is made of
    receiver: Receiver,
    sources: Mapping[str, str],
    *,
    redact: Callable[[str], str],
    cluster: str = "",
    overrides: TemplateSource | None = None,
    pool: RenderingPool | None = None,
) -> tuple[Composer, str]:
    """Return what composes the messages of a receiver, and why one of its templates is not valid; else an empty text.

    `sources` holds its templates by their keys, `subject` and `body`; `overrides` reads those of notifications.
    """
    texts, problem = _templates(sources)
    facts = Facts(cluster=cluster, receiver=str(receiver.key), receiver_type=receiver.spec.type)
    composing = Composer(
        facts=facts, clock=thread_time, templates=texts, redact=redact, overrides=overrides, pool=pool
    )
    return composing, problem


class ChannelFactory:
    """Creates channels."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Created:
        """Return the channel of a receiver that has one of its own.

        Args:
            receiver: the receiver.
            references: the values of its Secrets.
            sources: its templates by their keys, `subject` and `body`.

        Raises:
            InvalidOptionsError: a value of a Secret, or a field, can never work.
        """
        composing, problem = composer(
            receiver,
            sources,
            redact=self._tools.redact,
            cluster=self._tools.cluster,
            overrides=self._tools.overrides,
            pool=self._tools.pool,
        )
        network = Network(
            tools=self._tools, namespace=receiver.key.namespace, spec=receiver.spec, references=references
        )
        kind = receiver.spec.type
        channel = import_module(f"{channels.__name__}.{kind}").create(
            receiver.spec.block, references.of_block(kind), access=network.access(), composer=composing
        )
        return Created(channel=channel, template_problem=problem)
