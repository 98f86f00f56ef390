"""A schedule in which attempts wait for the one slot of their channel, while everything goes wrong, also with the Leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulation.simulation import Simulation
from tests.simulation.users import Users

if TYPE_CHECKING:
    from tests.simulation.invariants import Invariants

NAMES = tuple("abcdef")


class ManyUsers(Users):
    """Create all their notifications together."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.names = NAMES

    def begin(self) -> None:
        """See `Users.begin`."""
        for name in self.names:
            self.create(name)


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
