"""The scenarios of the bench, as data: number and rate of notifications, and the receiver's answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.harness.notifications import fast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Channel(StrEnum):
    CONSOLE = "console"
    SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The receiver's answers to each notification: `failing` times 503, then 200, each after `delay` seconds."""

    failing: int = 0
    delay: float = 0.0


DOWN = 1_000_000
"""More failures than any notification has attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Notifications of one kind. Without a rate (per second) they are created as fast as possible."""

    count: int
    channel: Channel = Channel.CONSOLE
    rate: float | None = None
    retry: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One measurement, the same for every controller."""

    name: str
    title: str
    load: Load
    concurrent: Load | None = None
    """A concurrent load in its own namespace, which ends with the main load.

    Its count is the maximum.
    """
    answers: Answers = Answers()
    finished: int = 0
    """The number of notifications that are finished first; then the controller stops, and starts after the load exists."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of a stack in addition to the shipped values."""
    naive: bool = True
    """Whether the naive controller is measured; it is too slow for the largest scenarios."""
    prototype: bool = False
    """Whether the prototype is measured, which delivers nothing."""
    quick: bool = False
    """Whether it belongs to the default set."""
    rounds: int = 1
    """The number of rounds, with alternating controllers; short scenarios vary more."""
    within: float = 120.0
    """The timeout in seconds."""


def _burst(count: int, channel: Channel, **more: Any) -> Scenario:
    receiver = "console notifications" if channel is Channel.CONSOLE else "notifications to an HTTP sink"
    prefix = "burst" if channel is Channel.CONSOLE else "http"
    return Scenario(
        name=f"{prefix}-{count}",
        title=f"burst of {count:,} {receiver}",
        load=Load(count=count, channel=channel),
        **more,
    )


UNPACED = {"channelsSlackRatePerSecond": 0}
"""The sink has no rate limit, and more messages than the shipped burst measure the operator, not its limit."""
WIDE = {"channelsSlackConnections": 100, "deliveryConcurrencyPerChannel": 100}
WIDEST = {"channelsSlackConnections": 1000, "deliveryConcurrencyPerChannel": 1000, **UNPACED}

SCENARIOS = (
    _burst(200, Channel.CONSOLE, quick=True, rounds=3),
    _burst(1_000, Channel.CONSOLE, prototype=True, quick=True, rounds=5),
    _burst(10_000, Channel.CONSOLE, naive=False, within=300),
    _burst(200, Channel.SLACK, rounds=3),
    _burst(1_000, Channel.SLACK, quick=True, settings=UNPACED),
    _burst(10_000, Channel.SLACK, naive=False, within=300, settings=UNPACED),
    Scenario(
        name="paced-5",
        title="5 console notifications per second",
        load=Load(count=150, rate=5.0),
        prototype=True,
        quick=True,
    ),
    Scenario(
        name="paced-50",
        title="50 console notifications per second",
        load=Load(count=1_000, rate=50.0),
    ),
    Scenario(
        name="retry",
        title="50 notifications whose sink answers 503 twice, then 200",
        load=Load(count=50, channel=Channel.SLACK, retry=fast(5)),
        answers=Answers(failing=2),
        quick=True,
    ),
    Scenario(
        name="down",
        title="50 notifications to a sink that stays down, 5 attempts each",
        load=Load(count=50, channel=Channel.SLACK, retry=fast(5)),
        answers=Answers(failing=DOWN),
        quick=True,
    ),
    Scenario(
        name="slow",
        title="500 notifications to a sink that takes 1 s, 100 concurrent, "
        "and 5 others per second on the console, in their own namespace",
        load=Load(count=500, channel=Channel.SLACK),
        concurrent=Load(count=600, rate=5.0),
        answers=Answers(delay=1.0),
        settings=WIDE,
    ),
    Scenario(
        name="in-flight",
        title="1,000 notifications in flight, to a sink that takes 8 s",
        load=Load(count=1_000, channel=Channel.SLACK),
        answers=Answers(delay=8.0),
        settings=WIDEST,
        naive=False,
    ),
    Scenario(
        name="restart",
        title="start with 20,000 finished notifications and 1,000 open ones",
        load=Load(count=1_000),
        finished=20_000,
        naive=False,
        within=300,
    ),
)


class UnknownScenarioError(Exception):
    """A name that no scenario has."""


def chosen(names: Iterable[str], *, full: bool) -> tuple[Scenario, ...]:
    """Return the scenarios with these names, or all, or the quick ones, in the order of the table.

    Raises:
        UnknownScenarioError: some names are unknown; lists them and the known ones.
    """
    wanted = list(names)
    known = [scenario.name for scenario in SCENARIOS]
    if unknown := [name for name in wanted if name not in known]:
        raise UnknownScenarioError(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
    if wanted:
        return tuple(scenario for scenario in SCENARIOS if scenario.name in wanted)
    return tuple(scenario for scenario in SCENARIOS if full or scenario.quick)
