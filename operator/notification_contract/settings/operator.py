"""All settings of the operator, as its configuration file has them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_contract.settings.channels import Channels
from notification_contract.settings.delivery import Breaker, Delivery, Redaction, Routing
from notification_contract.settings.drill import Drill
from notification_contract.settings.heartbeats import ExternalHeartbeat, Heartbeats
from notification_contract.settings.receivers import Receivers
from notification_contract.settings.section import Rule, Section
from notification_contract.settings.telemetry import Audit, Events, Log, Server
from notification_contract.settings.work import LeaderElection, Queue, Retention, Shutdown, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Path = tuple[str, ...]
"""The names of the sections that lead to a setting, and its own name."""


class OperatorSettings(Section):
    """All settings of the operator."""

    watch: Watch = Watch()
    queue: Queue = Queue()
    delivery: Delivery = Delivery()
    breaker: Breaker = Breaker()
    channels: Channels = Channels()
    sanitizer: Redaction = Redaction()
    audit: Audit = Audit()
    retention: Retention = Retention()
    routing: Routing = Routing()
    receivers: Receivers = Receivers()
    drill: Drill = Drill()
    heartbeats: Heartbeats = Heartbeats()
    external_heartbeat: ExternalHeartbeat = ExternalHeartbeat()
    events: Events = Events()
    leader_election: LeaderElection = LeaderElection()
    server: Server = Server()
    log: Log = Log()
    shutdown: Shutdown = Shutdown()

    rules = (
        Rule(
            settings=("external_heartbeat.secret", "drill.schedule"),
            is_broken=lambda settings: settings.external_heartbeat.secret and not settings.drill.schedule,
            problem="is set, but {1} is empty, so no heartbeat would be sent",
            hint="set {1}, or remove it",
        ),
    )


def declared_settings(section: type[BaseModel], path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Yield the path and the declaration of every setting in a section and below, in order of declaration."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from declared_settings(field.annotation, (*path, name))
        else:
            yield (*path, name), field


def nested_sections(section: Section, path: Path = ()) -> Iterator[tuple[Path, Section]]:
    """Yield the sections in a section and below, with their paths."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield (*path, name), value
            yield from nested_sections(value, (*path, name))


def value_at(settings: BaseModel, path: Path) -> Any:  # noqa: ANN401 - settings have values of any type
    """Return the value of the setting at a path."""
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return value
