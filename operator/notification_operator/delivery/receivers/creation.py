"""The creation of channels for receivers: on demand, since their libraries take memory that most processes never need."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from notification_operator.delivery.rendering.pool import RenderingPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification_operator.delivery.channel import Channel
    from notification_operator.delivery.receivers.sessions import Sessions
    from notification_operator.delivery.rendering.templating.overrides import TemplateSource
    from notification_operator.domain.receivers.catalog import Receiver
    from notification_operator.domain.receivers.references import References


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the channels of all receivers share."""

    sessions: Sessions
    clock: Callable[[], datetime]
    redact: Callable[[str], str]
    cluster: str = ""
    """The name of the cluster, for templates and webhooks."""
    overrides: TemplateSource | None = None
    """Reads the templates of notifications; None: they are not used."""
    pool: RenderingPool = field(default_factory=RenderingPool)
    """The threads in which their messages are composed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A channel, and why a built-in template takes the place of one of the receiver's; empty if none does."""

    channel: Channel
    template_problem: str = ""


class ChannelCreator(Protocol):
    """Creates channels."""

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Created:
        """Return the channel of a receiver; see `factory.ChannelFactory.create`."""
        ...


class OnDemandCreator:
    """Loads the factory with the first receiver."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._factory: ChannelCreator | None = None

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Created:
        """Return the channel of a receiver; see `factory.ChannelFactory.create`."""
        if self._factory is None:
            module = import_module("notification_operator.delivery.receivers.factory")
            self._factory = module.ChannelFactory(self._tools)
        factory = self._factory
        assert factory is not None, "just created"
        return factory.create(receiver, references, sources)
