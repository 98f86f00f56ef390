"""Rules for drills on a schedule: what nobody would answer, and what would raise an alert although nothing is wrong. Pure."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from notification_contract.cron import parse_cron
from platform_infra.settings.problem import Problem
from platform_infra.settings.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_infra.settings.model import Settings

DRILL_RULES = (
    Rule(
        keys=("drillSchedule", "receiversEnabled"),
        is_broken=lambda s: bool(s.drill.schedule) and not s.receivers_enabled,
        what="is set, but receiversEnabled is false, so no drill would be delivered",
        hint="set receiversEnabled to true, or remove the schedule",
    ),
    Rule(
        keys=("drillSchedule", "operatorEnabled"),
        is_broken=lambda s: bool(s.drill.schedule) and not s.operator.enabled,
        what="is set, but operatorEnabled is false, so no drill would be delivered",
        hint="set operatorEnabled to true, or remove the schedule",
    ),
    Rule(
        keys=("monitoringExternalHeartbeatSecret", "drillSchedule"),
        is_broken=lambda s: bool(s.monitoring.external_heartbeat.secret) and not s.drill.schedule,
        what="is set, but drillSchedule is empty, so no heartbeat would be sent",
        hint="set drillSchedule to a schedule such as `0 9 * * 1`, or remove it",
    ),
)
DRILL_KEYS = frozenset({"drillSchedule", "monitoringDrillHours"})
"""The settings that decide when the alert fires."""
RUN_HOURS = 1
"""How long a drill may take."""


def drill_problems(settings: Settings) -> Iterator[Problem]:
    """Yield a limit that the alert would exceed between two drills that succeed."""
    gap = parse_cron(settings.drill.schedule).longest_gap if settings.drill.schedule else None
    if gap is None:
        return
    hours, limit = ceil(gap.total_seconds() / 3600), settings.monitoring.drill_hours
    if limit < hours + RUN_HOURS:
        yield Problem(
            key="monitoringDrillHours",
            what=f"is {limit}, but drillSchedule {settings.drill.schedule!r} leaves up to {hours} hours between two drills",
            hint=f"set it to at least {hours + RUN_HOURS}",
        )
