"""What the status of each receiver has to say at the end of a schedule."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import ConditionStatus
from notification_domain.receivers.status import NOTHING_OBSERVED, ReceiverStatus
from tests.simulation.environment import START
from tests.simulation.receivers.invariants import place_of
from tests.simulation.receivers.specs import BY_PLACE
from tests.simulation.violations import CLOCK, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.simulation.channels import Call
    from tests.simulation.receivers.api_objects import ApiObjects, Place
    from tests.simulation.receivers.history import History

RECENT: Final = 500.0
"""Seconds: an entry that was written earlier may be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalStatuses:
    """Compares the statuses with what is true, once everything has settled.

    `calls` are all calls of channels; `since` returns when a process has first seen a receiver. `replicas` are the names
    of the pods by process, `present` the processes that live, and `tests` the latest requests for a test message.
    """

    objects: ApiObjects
    history: History
    calls: Sequence[Call]
    since: Callable[[str, str], float]
    replicas: Mapping[str, str]
    present: Sequence[str]
    tests: Mapping[Place, str]
    clocks_agree: bool

    def check(self) -> None:
        """Check the status of every receiver."""
        for place, declaration in BY_PLACE.items():
            if place in self.objects:
                obj = self.objects.read(place)
                status, generation = ReceiverStatus.parse(obj), obj["metadata"]["generation"]
                self._decided(place, status, generation=generation)
                if obj["spec"]["type"] != "console":
                    self._secret(place, declaration.secret, status.secret_version)
                if self.clocks_agree:
                    self._observed(place, status, list(self._calls_of(place, obj["metadata"]["uid"])))

    def _secret(self, place: Place, secret: Place, shown: str) -> None:
        """Check the version of the Secret; another one of the same values is as good."""
        name, _, version = shown.partition("=")
        true = self.objects.read(secret)["metadata"]["resourceVersion"]
        current = name == secret.name and self.history.same_values(secret, version, true)
        require(current, f"receiver {place} uses version {true} of its Secret, its status says {shown}")

    def _decided(self, place: Place, status: ReceiverStatus, *, generation: int) -> None:
        """Check what the owner decides."""
        require(
            status.observed_generation == generation,
            f"receiver {place} has generation {generation}, its status {status.observed_generation}",
        )
        for name in ("Ready", "ResolvedRefs"):
            condition = status.condition(name)
            true = condition is not None and condition.status is ConditionStatus.TRUE
            current = condition is not None and condition.observed_generation == generation
            require(true and current, f"receiver {place} is ready, its status says {condition}")
        tested = None if status.last_test is None else status.last_test.requested_at
        requested = self.tests.get(place)
        answered = not self.clocks_agree or requested in {None, tested}
        require(answered, f"receiver {place} was to be tested at {requested}, its status says {tested}")

    def _observed(self, place: Place, status: ReceiverStatus, calls: Sequence[Call]) -> None:
        """Check what the replicas have observed."""
        healthy = status.condition("Healthy")
        assert healthy is not None
        require(healthy.reason != "Suspended", f"receiver {place} is resumed, its status says {healthy}")
        for entry in status.replicas:
            called = any(self.replicas[each.who] == entry.name for each in calls)
            # A replica whose messages only wait calls nothing.
            silent = replace(entry.observed, waiting=0) == NOTHING_OBSERVED and not entry.problem
            require(
                called or silent,
                f"receiver {place}: {entry.name} has not called it, its entry says {entry}",
            )
        if not calls:
            return
        last = max(each.ended_at for each in calls)
        ends = {(each.end, each.who in self.present) for each in calls if each.ended_at == last}
        if ends == {("success", True)}:
            delivering = healthy.status is ConditionStatus.TRUE
            require(delivering, f"receiver {place} has accepted a message, its status says {healthy}")
        if ends == {("unauthorized", True)}:
            unknown = healthy.status is not ConditionStatus.TRUE
            require(unknown, f"receiver {place} has accepted no message, its status says {healthy}")
        for who in self.present:
            own = [each.ended_at for each in calls if each.who == who]
            known = status.replica(self.replicas[who])
            seen = None if known is None else known.observed.last_attempt
            if own and max(own) > asyncio.get_running_loop().time() - RECENT:
                at = START + timedelta(seconds=max(own))
                current = seen is not None and abs(seen - at) <= CLOCK
                require(current, f"receiver {place}: {who} has called it at {at}, the status says {seen}")

    def _calls_of(self, place: Place, uid: str) -> Iterable[Call]:
        """Yield the calls of a receiver that have ended, without those of an earlier one of its name."""
        for call in self.calls:
            if (
                call.end != "open"
                and call.at >= self.since(call.who, uid)
                and place_of(call.channel, call.namespace) == place
            ):
                yield call
