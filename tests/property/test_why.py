"""`notif why` against the operator: what it says of an object is what the composition that ships does with it next."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from atomic_status import ObjectRef
from atomic_status.testing import MemoryStore
from notification_cli.views.explaining.explanation import explain, read_rules
from notification_cli.views.rules import evaluate
from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.routing.document import read_table
from notification_contract.routing.table import RoutingTable, RoutingTableError
from notification_domain.key import Key
from notification_domain.model import parse
from notification_operator.controller.request import Request
from notification_operator.wiring import build
from notification_runtime.delivery.channel import Channel, Permanent, Transient
from notification_runtime.kube.collection_watch import CollectionWatch, Listed
from notification_runtime.settings import Settings
from tests.cases import cases
from tests.property.strategies import channel_lists, policies
from tests.simulation.process import SimulatedMetrics
from tests.unit.operator.domain.builders import START, stored
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from notification_cli.views.explaining.explanation import Explanation
    from notification_runtime.delivery.channel import Message
    from notification_runtime.kube.collection_watch import Event

CASES = cases(1000)
KEYS = ("kubernaut.ai/severity", "kubernaut.ai/team", "app")
VALUES = ("critical", "low", "a", "b", "")
PARTS = Settings.model_validate(
    {"retention": {"enabled": False}, "breaker": {"failure_threshold": 1000}, "leader_election": {}}
)

conditions = st.builds(
    lambda key, operator, value: f'{key}{operator}"{value}"',
    st.sampled_from(KEYS),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from([*VALUES, "a|b", ".*", "crit.*"]),
)
receivers = ("one", "two", "three")


def rules(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    below = st.lists(rules(depth - 1), max_size=2) if depth else st.just([])
    return st.fixed_dictionaries(
        {"receiver": st.sampled_from(receivers)},
        optional={
            "matchers": st.lists(conditions, max_size=2),
            "continue": st.booleans(),
            "routes": below,
            "name": st.sampled_from(["", "page"]),
        },
    )


documents = st.builds(
    lambda route, lists: yaml.safe_dump(
        {
            "route": route,
            "receivers": [
                {"name": name, "channels": channels} for name, channels in zip(receivers, lists, strict=True)
            ],
        }
    ),
    rules(2),
    st.tuples(*[st.lists(st.sampled_from(CHANNELS), max_size=3)] * 3),
)
texts = st.one_of(documents, documents, documents, st.none(), st.sampled_from(["", "route: {}", "{"]))
"""Routing documents; also none, and invalid ones."""
labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
answers = st.lists(st.sampled_from(["accept", "busy", "later", "refuse", "bug"]), max_size=12)
steps = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 30.0, 600.0]), texts), min_size=1, max_size=2)
"""Seconds until the next reconciliation, and the routing document that is in force by then."""


class Document(CollectionWatch[Any]):
    """A cluster with this routing document, or without one."""

    error = ""

    def __init__(self, text: str | None) -> None:
        self._text = text

    async def changes(self) -> AsyncIterator[Event[Any]]:
        config_map = {"metadata": {"name": "rules"}, "data": {"routing.yaml": self._text}}
        yield Listed(() if self._text is None else (config_map,))
        await asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class Scripted(Channel):
    """Channels that answer by a script, and record which attempts they receive."""

    script: list[str]
    calls: list[str] = field(default_factory=list)
    destination = None

    async def deliver(self, message: Message) -> None:
        self.calls.append(message.id)
        match self.script.pop(0) if self.script else "busy":
            case "busy":
                raise Transient("busy")
            case "later":
                raise Transient("busy", retry_after=45.0)
            case "refuse":
                raise Permanent("refused")
            case "bug":
                raise ZeroDivisionError


class Cluster:
    """One object, and a new operator for each reconciliation."""

    def __init__(self, obj: dict[str, Any], script: list[str]) -> None:
        self.now = START
        self.channel = Scripted(script)
        self._store = MemoryStore()
        meta = self._store.create(obj)["metadata"]
        self._key = Key(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])

    @property
    def obj(self) -> dict[str, Any]:
        return self._store.peek(ObjectRef(namespace=self._key.namespace, name=self._key.name))

    async def reconcile(self, text: str | None) -> list[str]:
        """Reconcile once under a document, and return the attempts that were made."""
        self.channel.calls.clear()
        ports = null_ports(
            store=self._store,
            routing=Document(text),
            channels=dict.fromkeys(CHANNELS, self.channel),
            metrics=SimulatedMetrics(),
        )
        operator = build(PARTS, ports, clock=lambda: self.now)
        known = asyncio.Event()
        watch = asyncio.ensure_future(operator.routing.run(on_known=known.set))
        await known.wait()
        result = await operator.reconciler.reconcile(Request(key=self._key, queued_at=self.now))
        assert result.error is None
        watch.cancel()
        return sorted(self.channel.calls)


def predicted(explanation: Explanation) -> list[str]:
    assert explanation.plan is not None
    return sorted(send.id for send in explanation.plan.sends)


def assert_recorded(explanation: Explanation, obj: Mapping[str, Any]) -> None:
    """The status names the route that was predicted, if the reconciliation wrote one."""
    route, status = explanation.route, obj["status"]
    assert route is not None
    if not status.get("deliveryAttempts"):
        return
    resolved = [each for each in status["conditions"] if each["type"] == "RoutingResolved"]
    if route.reason is None:
        assert not resolved
        return
    assert tuple(status["resolvedChannels"]) == route.targets
    assert (resolved[0]["reason"], resolved[0]["message"]) == (route.reason, route.message)


@settings(max_examples=CASES, deadline=None)
@given(channel_lists, labels, policies, answers, steps)
def test_why_says_what_the_operator_does_next(
    channels: list[str],
    about: dict[str, str],
    policy: Any,
    script: list[str],
    life: list[tuple[float, str | None]],
) -> None:
    retry = {
        "maxAttempts": policy.max_attempts,
        "initialBackoffSeconds": policy.initial_backoff,
        "backoffMultiplier": policy.multiplier,
        "maxBackoffSeconds": policy.max_backoff,
    }
    spec = {"channels": channels, "retryPolicy": retry}
    cluster = Cluster(stored(spec=spec, metadata={"labels": about}), script)

    async def live() -> None:
        for seconds, text in life:
            cluster.now += timedelta(seconds=seconds)
            explanation = explain(parse(cluster.obj), read_rules(text), now=cluster.now)
            assert await cluster.reconcile(text) == predicted(explanation)
            assert_recorded(explanation, cluster.obj)

    # Without it, every failure is drawn as a traceback, which takes longer than all the rest.
    with capture_logs():
        asyncio.run(live())


@settings(max_examples=cases(200), deadline=None)
@given(documents, labels)
def test_chosen_rules_are_those_of_the_routing_table(text: str, about: dict[str, str]) -> None:
    table: RoutingTable = read_table(text)
    chosen = [step.receiver for step in evaluate(table, about) if step.chosen]
    assert chosen == [match.receiver.name for match in table.match(about)]


def test_rules_that_cannot_be_read_leave_the_route_open() -> None:
    now: datetime = START
    explanation = explain(parse(stored()), None, now=now)
    assert (explanation.route, explanation.plan) == (None, None)
    assert explain(parse(stored(spec={"channels": ["log"]})), None, now=now).route is not None


def test_invalid_document_is_explained_by_its_first_problem() -> None:
    state = read_rules("route: {}")
    assert state.problems
    with pytest.raises(RoutingTableError) as refusal:
        read_table("route: {}")
    assert state.problems == tuple(refusal.value.problems)
    explanation = explain(parse(stored()), state, now=START)
    assert explanation.route is not None
    assert "invalid" in explanation.route.message
