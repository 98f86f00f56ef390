"""A schedule in which attempts wait for the one slot of their channel, while everything goes wrong, also with the Leases.

Meanwhile notifications are deleted, and some expire.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notification_domain.json_values import format_time
from tests.simulation.environment import now
from tests.simulation.simulation import Simulation
from tests.simulation.users import Users

if TYPE_CHECKING:
    from tests.simulation.invariants import Invariants

NAMES = tuple("abcdef")
DELIVER_BEFORE = (None, None, 2.0, 10.0)
"""Seconds after the creation."""


class ManyUsers(Users):
    """Create all their notifications together."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.names = NAMES

    def begin(self) -> None:
        """See `Users.begin`."""
        for name in self.names:
            self.create(name)

    def _more_fields(self) -> dict[str, Any]:
        seconds = self._choices.pick(DELIVER_BEFORE)
        return {} if seconds is None else {"deliverBefore": format_time(now() + timedelta(seconds=seconds))}


class SlotSimulation(Simulation):
    """Runs the schedule that the choices describe; most of them have Leases."""

    leases_percent = 80
    more_settings = (("delivery", "concurrency_per_channel", 1),)

    def _invariants(self, *, breakers: bool) -> Invariants:
        invariants = super()._invariants(breakers=breakers)
        invariants.most_reads *= 2
        return invariants

    def _users(self) -> Users:
        return ManyUsers(self.cluster, self.choices, log=self.log, spawn=self._spawn)

    def _begin(self) -> None:
        super()._begin()
        asyncio.get_running_loop().call_later(0.5, self.users.delete)
