"""What is measured, as data: how many notifications, how fast they come, and what their receiver does."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.harness.notifications import fast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Channel(StrEnum):
    """The channels that are measured."""

    CONSOLE = "console"
    SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How the receiver answers each notification: `failing` times 503, then 200, each after `delay` seconds."""

    failing: int = 0
    delay: float = 0.0


DOWN = 1_000_000
"""More failures than any notification has tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Notifications of one kind. Without a rate (a second) all come as fast as the API server takes them."""

    count: int
    channel: Channel = Channel.CONSOLE
    rate: float | None = None
    retry: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One measurement; every controller of a run gets the same one."""

    name: str
    title: str
    load: Load
    beside: Load | None = None
    """Those of others that come meanwhile in a namespace of their own, until the first ones are through.

    Their count is the most of them.
    """
    answers: Answers = Answers()
    finished: int = 0
    """So many are finished first; then the controller stops, and starts when the load is there already."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of a stack beside the shipped values."""
    naive: bool = True
    """Whether the naive controller is measured too; it takes too long for the largest."""
    prototype: bool = False
    """Whether the bare line is measured too, which delivers nothing."""
    quick: bool = False
    """Whether it belongs to the set that is measured when nothing is asked for."""
    rounds: int = 1
    """How often it is measured, the controllers in turn. A short one says less: the machine has its moods."""
    within: float = 120.0
    """Seconds after which a run is given up."""


def _burst(count: int, channel: Channel, **more: Any) -> Scenario:
    receiver = "console notifications" if channel is Channel.CONSOLE else "notifications to an HTTP sink"
    prefix = "burst" if channel is Channel.CONSOLE else "http"
    return Scenario(
        name=f"{prefix}-{count}",
        title=f"burst of {count:,} {receiver}",
        load=Load(count=count, channel=channel),
        **more,
    )


WIDE = {"channelsSlackConnections": 100, "deliveryConcurrencyPerChannel": 100}
WIDEST = {"channelsSlackConnections": 1000, "deliveryConcurrencyPerChannel": 1000}

SCENARIOS = (
    _burst(200, Channel.CONSOLE, quick=True, rounds=3),
    _burst(1_000, Channel.CONSOLE, prototype=True, quick=True, rounds=5),
    _burst(10_000, Channel.CONSOLE, naive=False, within=300),
    _burst(200, Channel.SLACK, rounds=3),
    _burst(1_000, Channel.SLACK, quick=True),
    _burst(10_000, Channel.SLACK, naive=False, within=300),
    Scenario(
        name="paced-5",
        title="5 console notifications a second",
        load=Load(count=150, rate=5.0),
        prototype=True,
        quick=True,
    ),
    Scenario(
        name="paced-50",
        title="50 console notifications a second",
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
        title="50 notifications to a sink that stays down, 5 tries each",
        load=Load(count=50, channel=Channel.SLACK, retry=fast(5)),
        answers=Answers(failing=DOWN),
        quick=True,
    ),
    Scenario(
        name="slow",
        title="500 notifications to a sink that takes 1 s, 100 at once, "
        "and 5 of others a second on the console, in a namespace of their own",
        load=Load(count=500, channel=Channel.SLACK),
        beside=Load(count=600, rate=5.0),
        answers=Answers(delay=1.0),
        settings=WIDE,
    ),
    Scenario(
        name="in-flight",
        title="1,000 notifications under way at once, to a sink that takes 8 s",
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
        UnknownScenarioError: some of the names are unknown; tells all of them, and those that there are.
    """
    wanted = list(names)
    known = [scenario.name for scenario in SCENARIOS]
    if unknown := [name for name in wanted if name not in known]:
        raise UnknownScenarioError(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
    if wanted:
        return tuple(scenario for scenario in SCENARIOS if scenario.name in wanted)
    return tuple(scenario for scenario in SCENARIOS if full or scenario.quick)
