"""The scenarios of the bench, as data: the load, the receiver's answers, and the bars."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from notification_contract.bounds import RECEIVER_TEMPLATE
from tests.harness.notifications import fast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Channel(StrEnum):
    """Where notifications go."""

    CONSOLE = "console"
    SLACK = "slack"
    """The sink, over HTTP."""
    RECEIVER = "receiver"
    """A NotificationReceiver, which leads to the sink over HTTPS."""
    FALLBACK = "fallback"
    """The same with a fallback, to which the sink never answers 503."""


class Others(StrEnum):
    """What others do while the notifications of a load are delivered: the tenants of `tests.bench.tenants`."""

    WORST = "worst"
    """One sends the most expensive notifications, and changes receivers and routing documents."""
    RECEIVERS = "receivers"
    """Some have many large receivers, and send a message to each that is used."""
    PASSING = "passing"
    """One creates and deletes receivers."""
    SLOW = "slow"
    """One sends to receivers that do not answer in time."""
    WAITING = "waiting"
    """One has notifications for next year."""
    ANSWERS = "answers"
    """One sends to servers whose answers have no end."""
    UNSENT = "unsent"
    """One sends to receivers that can take nothing now, for each reason there is."""


@dataclass(frozen=True, slots=True)
class Load:
    """Notifications of one kind. Without a rate (per second) they are created as fast as possible."""

    count: int
    channel: Channel = Channel.CONSOLE
    rate: float | None = None
    retry: Mapping[str, int] | None = None
    incidents: bool = False
    """Whether each one reports an incident of its own."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit of a column, either fixed or relative to the same column of the burst of 1,000 in the same run."""

    limit: float
    at_least: bool = False
    times: bool = False
    """Whether the burst's value multiplies the limit."""

    @property
    def sign(self) -> str:
        return "≥" if self.at_least else "≤"

    def holds(self, value: float, limit: float) -> bool:
        """Compare a value with the limit, or with what the limit is in this run."""
        return value >= limit if self.at_least else value <= limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One measurement."""

    name: str
    title: str
    load: Load
    bars: Mapping[str, Bar] = field(default_factory=dict)
    """By column of `results`."""
    failing: int = 0
    """How often the sink answers 503 to each notification before 200."""
    delay: float = 0.0
    """Seconds until the sink answers."""
    finished: int = 30
    """Notifications that are finished before the load. The first ones after a start are slower."""
    restart: bool = False
    """Whether the load is created while the operator is stopped."""
    outage: bool = False
    """Whether the receiver takes nothing at first: the sink answers 503, a NotificationReceiver without a fallback is suspended."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of a stack in addition to the shipped values."""
    others: Others | None = None
    """What others do meanwhile."""
    crowd: int = 0
    """How many objects they create; 0 where the load's duration decides."""
    characters: int = 0
    """Of the template of each receiver."""
    quick: bool = False
    """Whether it belongs to the default set."""
    rounds: int = 1

    def scaled(self, scale: float) -> Scenario:
        """Return the scenario with so much less to do, if others do something: to try the bench."""
        if self.others is None:
            return self
        load = replace(self.load, count=max(int(self.load.count * scale), LEAST))
        return replace(self, load=load, crowd=int(self.crowd * scale))


LEAST = 5
"""Notifications of a load."""
QUICK = {"calls": Bar(2)}
"""A quick notification is read once and written once (DD-PERF-001)."""
RATE = {"rate": Bar(300, at_least=True)}
BREAKER = {"breakerFailureThreshold": 3}
"""The operators of tests have no circuit breaker; this is the shipped one."""
UNPACED = {"channelsSlackRatePerSecond": 0}
"""The sink has no rate limit, and more messages than the shipped burst measure the operator, not its limit."""
UNSWEPT = {"retentionIntervalSeconds": 86_400}
"""A sweep for expired notifications lists all of them: its cost is not that of what is measured."""
WIDEST = {"channelsSlackConnections": 1000, "deliveryConcurrencyPerChannel": 1000, **UNPACED}
POD = {"pod": Bar(256), "failed": Bar(0)}
"""The shipped limit of the memory of a pod, and no notification that is lost to others."""
PAGE = {"page": Bar(2), "scrape": Bar(0.2)}
EACH_SECOND = 1.0
ONE_PLACE = 7_000
"""Characters of a template whose receiver counts once."""
BURST = "burst-1000"
API_SERVER_MS = 4.33
"""A third of what the API server uses for the Go controller of docs/contributing/performance.md."""

SCENARIOS = (
    Scenario(
        name=BURST,
        title="burst of 1,000 console notifications",
        load=Load(1_000),
        bars={**QUICK, **RATE, "api": Bar(API_SERVER_MS), "idle": Bar(80)},
        quick=True,
        rounds=5,
    ),
    Scenario(
        name="burst-10000",
        title="burst of 10,000 console notifications",
        load=Load(10_000),
        bars={"calls": Bar(1.15, times=True), "cpu": Bar(1.15, times=True)},
    ),
    Scenario(
        name="http-1000",
        title="burst of 1,000 notifications to an HTTP sink",
        load=Load(1_000, Channel.SLACK),
        bars=QUICK,
        settings=UNPACED,
        quick=True,
    ),
    Scenario(
        name="paced-5",
        title="5 console notifications per second",
        load=Load(150, rate=5.0),
        bars={**QUICK, "p50": Bar(12), "p99": Bar(25)},
        quick=True,
    ),
    Scenario(
        name="waiting",
        title="50 notifications whose sink answers 503 twice, then 200",
        load=Load(50, Channel.SLACK, retry=fast(5)),
        bars={"most": Bar(10), "seconds": Bar(10)},
        failing=2,
        settings=BREAKER,
        quick=True,
    ),
    Scenario(
        name="away",
        title="1,000 notifications to a sink that is away",
        load=Load(1_000, Channel.SLACK),
        outage=True,
        settings={**BREAKER, **UNPACED},
    ),
    Scenario(
        name="suspended",
        title="1,000 notifications to a suspended receiver",
        load=Load(1_000, Channel.RECEIVER),
        outage=True,
        settings=BREAKER,
    ),
    Scenario(
        name="incidents",
        title="500 incidents, whose sink is away, among 50,000 notifications",
        load=Load(500, Channel.SLACK, incidents=True),
        # One listing for each incident.
        bars={"lists": Bar(500), "server": Bar(40), "failed": Bar(0)},
        finished=50_000,
        outage=True,
        settings={**BREAKER, **UNPACED, **UNSWEPT},
    ),
    Scenario(
        name="fallback",
        title="500 notifications to a receiver that is away, and has a fallback",
        load=Load(500, Channel.FALLBACK),
        # The delay of a fallback as shipped, and a minute.
        bars={"seconds": Bar(360), "failed": Bar(0)},
        outage=True,
        settings=BREAKER,
    ),
    Scenario(
        name="in-flight",
        title="1,000 notifications in flight, to a sink that takes 8 s",
        load=Load(1_000, Channel.SLACK),
        bars={"peak": Bar(120)},
        delay=8.0,
        settings=WIDEST,
    ),
    Scenario(
        name="restart",
        title="start with 20,000 finished notifications and 1,000 open ones",
        load=Load(1_000),
        # Two calls each, and the pages of the listing.
        bars={**RATE, "calls": Bar(2.02), "idle": Bar(150), "peak": Bar(150), "first": Bar(3)},
        finished=20_000,
        restart=True,
    ),
    Scenario(
        name="tenant",
        title="one notification per second for ten minutes, while a tenant sends the most expensive ones",
        load=Load(600, Channel.RECEIVER, rate=EACH_SECOND),
        bars={**POD, "gap": Bar(0.25), "p99": Bar(2000)},
        settings=BREAKER,
        others=Others.WORST,
    ),
    Scenario(
        name="receivers",
        title="one notification per second, while there are 2,000 receivers, all of which are used",
        load=Load(120, Channel.RECEIVER, rate=EACH_SECOND),
        bars={**POD, **PAGE},
        settings=BREAKER,
        others=Others.RECEIVERS,
        crowd=2_000,
        characters=ONE_PLACE,
    ),
    Scenario(
        name="receivers-large",
        title="one notification per second, while there are 2,000 receivers of the largest size",
        load=Load(120, Channel.RECEIVER, rate=EACH_SECOND),
        bars={**POD, **PAGE},
        settings=BREAKER,
        others=Others.RECEIVERS,
        crowd=2_000,
        characters=RECEIVER_TEMPLATE,
    ),
    Scenario(
        name="passing",
        title="one notification per second, while 10,000 receivers come and go",
        load=Load(120, Channel.RECEIVER, rate=EACH_SECOND),
        bars={**POD, **PAGE},
        settings=BREAKER,
        others=Others.PASSING,
        crowd=10_000,
    ),
    Scenario(
        name="slow",
        title="one notification per second, while a tenant has 4,000 slow attempts",
        load=Load(60, Channel.RECEIVER, rate=EACH_SECOND),
        bars={**POD, "p99": Bar(1000)},
        settings=BREAKER,
        others=Others.SLOW,
        crowd=4_000,
    ),
    Scenario(
        name="answers",
        title="one notification per second, while a tenant sends 100 to 20 servers whose answers have no end",
        load=Load(60, Channel.RECEIVER, rate=EACH_SECOND),
        bars={**POD, "gap": Bar(0.25), "p99": Bar(2000)},
        settings=BREAKER,
        others=Others.ANSWERS,
        crowd=100,
    ),
    Scenario(
        name="unsent",
        title="one notification per second, while a tenant sends five to twenty receivers that can take none",
        load=Load(60, Channel.RECEIVER, rate=EACH_SECOND),
        bars={**POD, "p99": Bar(1000)},
        settings=BREAKER,
        others=Others.UNSENT,
    ),
    Scenario(
        name="backlog",
        title="burst of 15,000 console notifications, while 10,000 wait for next year",
        load=Load(15_000),
        bars=POD,
        others=Others.WAITING,
        crowd=10_000,
    ),
)
TITLES = {scenario.name: scenario.title for scenario in SCENARIOS}


def chosen(names: Iterable[str], *, full: bool) -> list[Scenario]:
    """Return the scenarios with these names, or all, or the quick ones, in the order of the table."""
    wanted = set(names) or {scenario.name for scenario in SCENARIOS if full or scenario.quick}
    return [scenario for scenario in SCENARIOS if scenario.name in wanted]
