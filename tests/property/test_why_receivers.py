"""`notif why` against the operator where receivers, fallbacks, time windows and suppressions decide."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from atomic_status.testing import MemoryStore
from notification_cli.views.explaining.explanation import explain, read_rules
from notification_cli.views.explaining.known import NOTHING_KNOWN, declared
from notification_contract.kinds.channel_names import CHANNELS, ReceiverType
from notification_contract.kinds.choices import TargetReason, TargetState
from notification_contract.settings import Receivers
from notification_domain.folding.fold import TOGETHER
from notification_domain.json_values import format_time
from notification_domain.model import parse
from notification_domain.planning.plan import PlanReason
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.fold import OwnerFacts
from notification_domain.receivers.fold import fold as fold_receiver
from notification_domain.receivers.health import UNTESTED
from notification_domain.receivers.standing import Meeting
from notification_operator.controller.request import Request
from notification_operator.ports import ReceiverPorts
from notification_operator.wiring import build
from notification_runtime.channel_factory import ChannelFactory
from notification_runtime.kube.collection_watch import KubeWatches, Listed
from tests.property.test_why import CASES, PARTS, Cluster, Document, Scripted, answers
from tests.simulation.process import SimulatedMetrics
from tests.unit.operator.domain.builders import START, stored
from tests.unit.operator.domain.receivers.builders import stored_receiver
from tests.unit.operator.ports import null_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from notification_cli.views.explaining.explanation import Explanation
    from notification_cli.views.explaining.known import Known
    from notification_operator.wiring import Operator
    from notification_runtime.delivery.channel import Channel


class Moment(StrEnum):
    """A time of a reconciliation that follows from what `why` says of the next attempt."""

    DUE = "due"
    """At the time that it names."""
    EARLY = "early"
    """Just before that time, and before that of each target that is attempted together with another one then."""


steps_of_time = st.lists(st.sampled_from([0.0, 0.5, 90.0, 600.0, *Moment, *Moment]), min_size=1, max_size=4)
"""Seconds until the next reconciliation, or its time by the answer of `why`."""
windows = st.fixed_dictionaries(
    {},
    optional={
        "notBefore": st.sampled_from([-60.0, 0.0, 0.3, 60.0, 700.0]),
        "deliverBefore": st.sampled_from([-1.0, 0.4, 90.0, 650.0, 5000.0]),
    },
)
"""Seconds from the creation to the begin and to the end of the time in which a notification may be delivered."""


HOME, OWN = "platform", "shop"
TO_ONE = {"to": ["ops@example.com"]}
MAIL = {"host": "mail.example.com", "from": "a@example.com"}
READY = {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "present"}}}
blocks = st.sampled_from(
    [
        *[READY] * 8,
        {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "absent"}}},
        {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "present", "key": "other"}}},
        {"type": "email", "email": {**MAIL, **TO_ONE}},
        {"type": "email", "email": MAIL, "recipients": {"allow": ["*@example.com"]}},
        {"type": "log"},
        {"type": "file"},
        {"type": "slack"},
    ]
)
"""Receivers that work, or lack a Secret, a key, a recipient, a channel of the settings, or a valid spec."""
allowed = st.sampled_from(
    [
        {"from": "Same"},
        *[{"from": "All"}] * 4,
        {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}},
    ]
)
receiver_specs = st.builds(
    lambda block, rest: {**block, **rest},
    blocks,
    st.fixed_dictionaries(
        {"allowedNamespaces": allowed},
        optional={
            "suspend": st.booleans(),
            "onReceiverError": st.sampled_from(["Fail", "Hold"]),
            "fallback": st.sampled_from(
                [
                    {"name": "mail"},
                    *[{"name": "mail", "after": "10s"}] * 3,
                    {"name": "mail", "after": "1m"},
                    {"name": "none"},
                ]
            ),
            "priorities": st.sampled_from([["critical"], ["medium", "low"]]),
            "retryPolicy": st.sampled_from([{"maxAttempts": 1}, {"maxAttempts": 3}]),
        },
    ),
)
places = [(OWN, "checkout"), (OWN, "mail"), (HOME, "on-call"), (HOME, "mail")]
receiver_sets = st.tuples(
    *[st.one_of(st.none(), *[st.tuples(receiver_specs, st.booleans())] * 3) for _ in places]
).map(lambda drawn: {place: each for place, each in zip(places, drawn, strict=True) if each is not None})
"""By namespace and name: the spec, and whether it is a default."""
references = st.lists(
    st.sampled_from(
        [{"name": "checkout"}, {"name": "mail"}, {"name": "none"}, {"name": "on-call", "namespace": HOME}]
    ),
    max_size=3,
)
recipients = st.lists(
    st.sampled_from([{"email": "a@example.com"}, {"email": "b@elsewhere.org"}, {"phone": "+4915112345678"}]),
    max_size=2,
)
ROUTED = yaml.safe_dump(
    {
        "route": {"receiver": "one"},
        "receivers": [
            {"name": "one", "channels": ["log"], "receiverRef": {"name": "on-call", "namespace": HOME}}
        ],
    }
)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The receivers of a cluster, the labels of the notification's namespace, and the channels of the settings."""

    receivers: Mapping[tuple[str, str], tuple[dict[str, Any], bool]]
    labels: dict[str, str]
    channels: frozenset[str]
    namespaced: bool

    @property
    def objects(self) -> dict[ReceiverKey, dict[str, Any]]:
        return {
            ReceiverKey(namespace, name): stored_receiver(
                name, namespace=namespace, uid=f"{namespace}/{name}", spec=spec, default=default
            )
            for (namespace, name), (spec, default) in self.receivers.items()
        }


surroundings = st.builds(
    Surroundings,
    receivers=receiver_sets,
    labels=st.sampled_from([{}, {"tier": "prod"}]),
    channels=st.sampled_from([frozenset({"console", "log"}), frozenset({"console", "log", "slack", "file"})]),
    namespaced=st.booleans(),
)


@dataclass(frozen=True)
class Fixed:
    """A watch of a collection that never changes."""

    objects: list[dict[str, Any]]
    keep: Callable[[dict[str, Any]], Any]
    error: str = ""

    async def changes(self) -> AsyncIterator[Any]:
        yield Listed([self.keep(obj) for obj in self.objects])
        await asyncio.get_running_loop().create_future()


class Watches(KubeWatches):
    """Watches of some receivers, of one Secret in each namespace, and of one namespace."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def open(self, collection: Any, keep: Any) -> Any:
        return Fixed(self._objects(collection), keep)

    def _objects(self, collection: Any) -> list[dict[str, Any]]:
        match collection.path.strip("/").split("/"):
            case ["apis", *_]:
                return list(self._around.objects.values())
            case ["api", "v1", "namespaces"]:
                return [
                    {"metadata": {"name": OWN, "labels": self._around.labels}},
                    {"metadata": {"name": HOME}},
                ]
            case ["api", "v1", "namespaces", namespace, "secrets"]:
                name = collection.field_selector.removeprefix("metadata.name=")
                meta = {"name": name, "namespace": namespace, "resourceVersion": "1"}
                data = {"url": "dQ==", "username": "dQ==", "password": "cA=="}
                secret = {"metadata": meta, "type": "Opaque", "data": data}
                return [secret] if name == "present" else []
        raise AssertionError(collection.path)


class OneChannel(ChannelFactory):
    """Creates the same channel for every receiver."""

    def __init__(self, channel: Scripted) -> None:
        self.channel = channel

    def create(self, *_arguments: object) -> Channel:
        return self.channel


class ClusterWithReceivers(Cluster):
    """One object and some receivers, and a new operator for each reconciliation."""

    def __init__(
        self,
        obj: dict[str, Any],
        script: list[str],
        around: Surroundings,
        *,
        factory: ChannelFactory | None = None,
    ) -> None:
        super().__init__(obj, script)
        self._around = around
        self._factory = factory or OneChannel(self.channel)
        self.known = NOTHING_KNOWN

    async def step(self, text: str | None) -> tuple[Explanation, list[str]]:
        """Explain the object, then reconcile it; return the explanation and the attempts that reached a channel."""
        self.channel.calls.clear()
        ports = null_ports(
            store=self._store,
            routing=Document(text),
            channels=dict.fromkeys(self._around.channels, self.channel),
            metrics=SimulatedMetrics(),
            receivers=ReceiverPorts(
                watches=Watches(self._around),
                store=MemoryStore(),
                home=HOME,
                factory=self._factory,
            ),
        )
        parts = PARTS.model_copy(
            update={
                "receivers": Receivers(
                    namespaced=self._around.namespaced, types_elsewhere=tuple(ReceiverType)
                )
            }
        )
        operator = build(parts, ports, clock=lambda: self.now)
        assert operator.receivers is not None
        known, looked = asyncio.Event(), asyncio.Event()
        watches = [
            asyncio.ensure_future(operator.routing.run(on_known=known.set)),
            asyncio.ensure_future(operator.receivers.run(on_known=looked.set)),
        ]
        await asyncio.gather(known.wait(), looked.wait())
        # The Secrets are followed by tasks that have just been started.
        for _ in range(5):
            await asyncio.sleep(0)
        self.known = self._known(operator)
        explanation = self.explained(text)
        result = await operator.reconciler.reconcile(Request(key=self._key, queued_at=self.now))
        assert result.error is None
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        return explanation, sorted(self.channel.calls)

    def explained(self, text: str | None) -> Explanation:
        """Return what `why` says now."""
        return explain(parse(self.obj), read_rules(text), self.known, now=self.now)

    def _known(self, operator: Operator) -> Known:
        """Return what a person can read of the receivers, with the status that the operator writes."""
        assert operator.receivers is not None
        objects = {}
        for key, obj in self._around.objects.items():
            receiver = operator.receivers.catalog.catalog.get(key)
            ready = None if receiver is None else operator.endpoints.readiness(receiver)
            owner = OwnerFacts(home=HOME, readiness=ready)
            status = fold_receiver(obj, replica="a", health=UNTESTED, owner=owner, now=self.now)
            objects[key] = {**obj, "status": status.dump()}
        result = declared(objects, home=HOME)
        catalog = replace(result.catalog, labels={OWN: self._around.labels})
        return replace(result, catalog=catalog, channels=self._around.channels)


def assert_foretold(explanation: Explanation, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """The attempts that the status records are those that the explanation foretold, and failed as it says."""
    old = {(each["channel"], each["attempt"]) for each in before["status"].get("deliveryAttempts", ())}
    new = {
        (each["channel"], each["attempt"]): each
        for each in after["status"].get("deliveryAttempts", ())
        if (each["channel"], each["attempt"]) not in old
    }
    for each in explanation.next:
        key, meeting = (each.send.channel, each.send.number), each.outlook.meeting
        attempt = new.pop(key, None)
        if meeting is Meeting.UNKNOWN:
            assert "an earlier one that is valid" in each.outlook.why
            continue
        assert (attempt is None) == (meeting is Meeting.HELD), each
        if meeting in {Meeting.FAILS, Meeting.REFUSED}:
            assert attempt is not None
            assert bool(attempt.get("permanent")) == (meeting is Meeting.REFUSED)
            assert attempt.get("reason", "") == each.outlook.reason
    assert not new


def assert_states(explanation: Explanation, after: Mapping[str, Any]) -> None:
    """A target that has no attempt now is recorded in the state that the explanation shows, for the same reason."""
    recorded = {each.name: each for each in parse(after).status.targets}
    attempted = {each.send.channel for each in explanation.next}
    assert explanation.route is not None
    if not recorded:
        return
    for target in explanation.targets:
        if target.name not in attempted:
            status = recorded.get(target.name)
            if status is None:
                # A fallback without an attempt leaves again as soon as an attempt of now has succeeded.
                assert target.name not in explanation.route.targets, target
                continue
            if target.state is not status.state and status.reason is TargetReason.DELIVERED_BY_FALLBACK:
                # An attempt of now has delivered the message in its place.
                assert any(each.outlook.meeting is Meeting.SENT for each in explanation.next), target
                continue
            assert (target.state, target.attempts) == (status.state, status.attempts), target
            assert target.suppressed_by == status.suppressed_by, target


general = st.tuples(
    st.fixed_dictionaries(
        {
            "channels": st.lists(st.sampled_from(CHANNELS), max_size=2),
            "receiverRefs": references,
            "recipients": recipients,
            "priority": st.sampled_from(["critical", "medium"]),
        }
    ),
    surroundings,
)
"""Notifications of every kind, in any surroundings."""
to_one_receiver = st.tuples(
    st.just({"channels": [], "receiverRefs": [{"name": "checkout"}], "priority": "medium"}),
    st.builds(
        lambda more, mail: Surroundings(
            receivers={
                (OWN, "checkout"): ({**READY, **more}, False),
                (OWN, "mail"): ({**READY, **mail}, False),
            },
            labels={},
            channels=frozenset({"console", "log"}),
            namespaced=True,
        ),
        st.fixed_dictionaries(
            {
                "fallback": st.builds(
                    lambda after: {"name": "mail", "after": after}, st.sampled_from(["10s", "1m"])
                )
            },
            optional={"suspend": st.just(True), "retryPolicy": st.just({"maxAttempts": 1})},
        ),
        st.fixed_dictionaries({}, optional={"suspend": st.just(True), "priorities": st.just(["critical"])}),
    ),
)
"""A notification for a receiver that works and has a fallback: what is most often in use."""


def assert_kept(before: Explanation, after: Explanation, *, late: bool) -> None:
    """What an answer has promised for a time happens then, and not earlier."""
    assert after.plan is not None
    if not late:
        assert after.plan.reason is PlanReason.BACKOFF
    elif before.expires:
        assert not after.plan.sends
        assert not any(target.waits for target in after.targets)
    else:
        expired = any(target.state is TargetState.EXPIRED for target in after.targets)
        # A fallback that accepts no message of this priority joins, and gets nothing.
        joined = {each.name for each in after.targets} - {each.name for each in before.targets}
        assert (after.plan.reason is PlanReason.DUE) != expired or joined


@settings(max_examples=CASES, deadline=None)
@given(st.one_of(general, to_one_receiver), windows, answers, steps_of_time)
def test_why_foretells_what_becomes_of_receivers(
    case: tuple[dict[str, Any], Surroundings],
    window: dict[str, float],
    script: list[str],
    life: list[float | Moment],
) -> None:
    times = {key: format_time(START + timedelta(seconds=seconds)) for key, seconds in window.items()}
    spec, around = {**case[0], **times}, case[1]
    cluster = ClusterWithReceivers(stored(spec=spec), script, around)

    async def live() -> None:
        answer: Explanation | None = None
        for step in life:
            due = answer.due if answer else None
            match step:
                case float():
                    cluster.now += timedelta(seconds=step)
                case Moment.DUE if due is not None:
                    cluster.now = due
                case Moment.EARLY if due is not None:
                    cluster.now = max(cluster.now, due - timedelta(seconds=TOGETHER, milliseconds=1))
            before = cluster.obj
            explanation, calls = await cluster.step(ROUTED)
            sent = [each.send.id for each in explanation.next if each.outlook.meeting is Meeting.SENT]
            assert calls == sorted(sent)
            assert_foretold(explanation, before, cluster.obj)
            assert_states(explanation, cluster.obj)
            assert explanation.plan is not None
            if answer is not None and due is not None:
                assert_kept(answer, explanation, late=cluster.now >= due)
            answer = cluster.explained(ROUTED)

    with capture_logs():
        asyncio.run(live())
