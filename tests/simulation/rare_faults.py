"""The rarer faults of a schedule, which last long or concern more than one process."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.simulation.cluster import NAMESPACE, OTHER_NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.environment import Environment
    from tests.simulation.invariants import Invariants
    from tests.simulation.processes import Processes

API_OUTAGES = (20.0, 60.0, 20.0, 60.0, 20.0, 60.0, 600.0, 1500.0)
"""Seconds; a long one takes as much computing time as ten schedules."""
AUDIT_OUTAGES = (60.0, 600.0)
FORBIDDEN = (15.0, 60.0)
"""Seconds for which nothing in a namespace can be read or written."""
CLOCK_STEPS = (timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1), timedelta())
AUDIT_STATUSES = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
READS_PER_SECOND = 2.0
"""Far more than the retries of all objects during an outage."""


class RareFaults:
    """Begins them; each ends by itself."""

    def __init__(self, environment: Environment, processes: Processes, invariants: Invariants) -> None:
        self._environment = environment
        self._choices = environment.choices
        self._processes = processes
        self._invariants = invariants

    def begin(self) -> None:
        """Begin one of them, or none."""
        faults: tuple[Callable[[], None], ...] = (
            lambda: None,
            self._lose_api_server,
            self._forbid_namespace,
            self._step_clock,
            self._lose_audit_store,
        )
        self._choices.pick(faults)()

    def _lose_api_server(self) -> None:
        seconds = self._choices.pick(API_OUTAGES)
        self._invariants.most_reads += int(seconds * READS_PER_SECOND)
        self._processes.lose_api_server(seconds)

    def _forbid_namespace(self) -> None:
        namespace = self._choices.pick((NAMESPACE, *OTHER_NAMESPACES.values()))
        self._processes.forbid(namespace, self._choices.pick(FORBIDDEN))

    def _step_clock(self) -> None:
        self._invariants.clocks_agree = False
        self._processes.step_clock(self._choices.pick(CLOCK_STEPS))

    def _lose_audit_store(self) -> None:
        environment = self._environment
        if environment.audit_log is not None:
            seconds, status = self._choices.pick(AUDIT_OUTAGES), self._choices.pick(AUDIT_STATUSES)
            environment.log(f"the audit store answers {status:d} for {seconds:g} s")
            environment.outages.audit_status = status
            environment.outages.audit_until = asyncio.get_running_loop().time() + seconds
