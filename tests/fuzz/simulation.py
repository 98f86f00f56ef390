"""One generated case: objects, a routing document and a schedule of faults, through the operator that ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_contract import names
from notification_domain.json_values import format_time
from tests.fuzz.schema import definition, problems, stored
from tests.simulation.choices import Choices
from tests.simulation.environment import now
from tests.simulation.invariants import MOST_READS
from tests.simulation.schedule import run_simulation
from tests.simulation.simulation import Simulation
from tests.simulation.users import Users
from tests.simulation.violations import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.simulation.schedule import Outcome

STATUS = definition()["properties"]["status"]
CHANNELS = tuple(definition()["properties"]["spec"]["properties"]["channels"]["items"]["enum"])
LONGEST = 20_000.0
"""The schema admits backoffs of an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`objects` have spec, labels and annotations; `documents` are the texts of the routing document, one after another."""

    objects: Sequence[Mapping[str, Any]]
    documents: Sequence[str | None]
    choices: bytes
    """The schedule of faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """The outcome, and the objects at its end."""

    outcome: Outcome
    ended: Sequence[dict[str, Any]]


class FuzzUsers(Users):
    """Create given objects instead of their own, and do everything else to them."""

    objects: Sequence[Mapping[str, Any]] = ()

    def begin(self) -> None:
        """Create all of them."""
        for name in self.names:
            self.create(name)

    def create(self, name: str) -> None:
        """Create an object as the API server stores it."""
        obj = self.objects[self.names.index(name)]
        whole = stored({"metadata": {"name": name}, "spec": obj["spec"]})
        self._cluster.create(
            name,
            whole["spec"],
            format_time(now()),
            labels=dict(obj["labels"]),
            annotations=dict(obj["annotations"]),
        )


class FuzzSimulation(Simulation):
    """A simulation of generated objects; every status must be valid by the schema."""

    channels = CHANNELS
    longest = LONGEST
    more_settings = (("leader_election", "lease_seconds", 60),)
    """Hours pass, and the renewals of a shorter Lease would take most of the computing time."""
    rest_interval = 20.0

    def __init__(self, case: Case) -> None:
        self._case = case
        super().__init__(Choices(case.choices), None)
        self.invariants.most_reads = MOST_READS * max(1, len(case.objects))

    def _users(self) -> Users:
        users = FuzzUsers(self.cluster, self.choices, log=self.log, spawn=self._spawn)
        users.objects = self._case.objects
        users.names = [f"n{number}" for number in range(len(self._case.objects))]
        return users

    def _config_maps(self) -> Sequence[Mapping[str, Any] | None]:
        return tuple(map(_config_map, self._case.documents)) or (None,)

    def _written(self, before: dict[str, Any], after: dict[str, Any], who: str) -> None:
        super()._written(before, after, who)
        self._guarded(_require_valid)(after["status"])


def _config_map(document: str | None) -> Mapping[str, Any] | None:
    if document is None:
        return None
    metadata = {"namespace": "simulated", "name": names.ROUTING_CONFIG_MAP, "uid": "uid-of-a-config-map"}
    return {"metadata": metadata, "data": {names.ROUTING_KEY: document}}


def _require_valid(status: dict[str, Any]) -> None:
    invalid = list(problems(status, STATUS, "status"))
    require(not invalid, f"a status violates the schema: {invalid}")


def run_case(case: Case) -> CaseResult:
    """Run a case to its end."""
    simulation = FuzzSimulation(case)
    outcome = run_simulation(simulation)
    ended = [simulation.cluster.read(name) for name in simulation.cluster.objects]
    return CaseResult(outcome=outcome, ended=ended)
