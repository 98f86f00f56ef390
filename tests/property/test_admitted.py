"""The composition that ships, with whatever admission accepts: it plans, asks, renders, folds and plans again, and nothing raises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from notification_cli.actions.capturing import SERVICE, Recorder
from notification_contract import bounds
from notification_contract.kinds.channel_names import CHANNELS, ReceiverType
from notification_contract.kinds.choices import BodyFormat, LifecycleEvent, MessageType, Priority
from notification_contract.kinds.notification import NotificationSpecError, check_spec
from notification_contract.kinds.receiver import ReceiverSpecError, parse_spec
from notification_contract.routing.document import read_table
from notification_contract.routing.table import MAX_DEPTH, RoutingTableError
from notification_domain.json_values import later
from notification_domain.receivers.references import References
from notification_domain.redaction.redactor import Redactor
from notification_runtime.channel_factory import ChannelFactory
from tests.cases import cases
from tests.property.test_extremes import durations, moments, times
from tests.property.test_why import documents, labels
from tests.property.test_why_receivers import HOME, OWN, ClusterWithReceivers, Surroundings
from tests.unit.operator.contract.kinds.specs import BLOCKS
from tests.unit.operator.domain.builders import START, stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from enum import Enum

    from notification_domain.receivers.catalog import Receiver
    from notification_runtime.delivery.channel import Channel

MARKUP: Final = (
    "|a|" * 40 + "\n|-|" * 40,
    "**_~`[]()#" * 30,
    "- " * 60,
    "> " * 60,
    "<script>",
    "{{ notification }}",
)
HOSTILE: Final = ("\0", "\r\nBcc: a@b.example\r\n", "\u202e", "=?utf-8?q?a?=", "\U0001f600" * 60)
texts = st.text(max_size=40) | st.sampled_from([*MARKUP, *HOSTILE])
"""Whatever JSON holds, and what means something in a language that messages are written in."""
filled = texts.filter(bool)
addresses = st.sampled_from(
    ["ops@example.com", "no address", "", "é@ü.example", "a" * 300 + "@b.example", "+4915112345678", "#ops"]
)
RECEIVERS: Final = [{"name": "checkout"}, {"name": "mail"}, {"name": "on-call", "namespace": HOME}]
LONGEST_RETRIES: Final = {
    "maxAttempts": 10,
    "initialBackoffSeconds": 300,
    "backoffMultiplier": 10,
    "maxBackoffSeconds": 3600,
}
links = st.fixed_dictionaries(
    {"service": texts, "url": texts | st.just("https://a.example/"), "label": texts}
)


def among(enumeration: type[Enum]) -> st.SearchStrategy[str]:
    return st.sampled_from([str(each) for each in enumeration])


notifications = st.fixed_dictionaries(
    {
        "type": among(MessageType),
        "subject": filled | st.just("s" * bounds.SUBJECT),
        "body": filled | st.just("word " * 2000),
        "receiverRefs": st.lists(st.sampled_from(RECEIVERS), max_size=3),
        "channels": st.just([]) | st.lists(st.sampled_from(CHANNELS), max_size=2),
    },
    optional={
        "priority": among(Priority) | st.none(),
        "format": among(BodyFormat) | st.none(),
        "event": among(LifecycleEvent) | st.none(),
        "dedupKey": filled,
        "notBefore": times | st.none(),
        "deliverBefore": times | st.none(),
        "retryPolicy": st.sampled_from([{}, {"maxAttempts": 1}, LONGEST_RETRIES]),
        "template": st.just({"configMapKeyRef": {"name": "none", "key": "body"}}),
        "metadata": st.dictionaries(texts, texts, max_size=3),
        "actionLinks": st.lists(links, max_size=3),
        "recipients": st.lists(
            st.fixed_dictionaries({}, optional={"email": addresses, "phone": addresses, "slack": texts}),
            max_size=3,
        ),
        "remediationRequestRef": st.fixed_dictionaries({"name": texts}, optional={"namespace": texts}),
        "retentionDays": st.sampled_from([1, 90]),
    },
)
anything = st.fixed_dictionaries(
    {
        "fallback": st.fixed_dictionaries(
            {"name": st.sampled_from(["checkout", "mail", "on-call"])}, optional={"after": durations}
        )
    },
    optional={
        "rateLimit": st.fixed_dictionaries(
            {
                "count": st.sampled_from([1, 100_000]),
                "period": durations,
                "overflow": st.sampled_from(["Defer", "Suppress"]),
            }
        ),
        "timeout": durations,
        "retryPolicy": st.just({"maxAttempts": 10}),
        "onReceiverError": st.sampled_from(["Fail", "Hold"]),
        "priorities": st.just(["critical", "low"]),
        "recipients": st.just({"allow": ["*"]}),
        "template": st.fixed_dictionaries(
            {"inline": st.fixed_dictionaries({"subject": texts, "body": texts})}
        ),
        "suspend": st.booleans(),
    },
)
"""What all types of receivers have; not every type admits all of it."""


def with_block(kind: ReceiverType, fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the spec of a receiver of a type that finds its Secrets; None if it is refused."""
    block = dict(BLOCKS.get(kind, {}))
    for name in block:
        if name.endswith("SecretRef"):
            block[name] = (
                {"name": "present"} if name == "authSecretRef" else {"name": "present", "key": "url"}
            )
    spec = {"type": str(kind), "allowedNamespaces": {"from": "All"}, **fields}
    if block:
        spec[str(kind)] = block
    try:
        parse_spec(spec)
    except ReceiverSpecError:
        return None
    return spec


receiver_specs = st.builds(
    lambda kind, fields: with_block(kind, fields) or with_block(kind, {"suspend": False}),
    st.sampled_from([kind for kind in ReceiverType if kind is not ReceiverType.APPRISE]),
    anything,
)


def nested(levels: int) -> str:
    """Return a routing document whose rules are nested so deeply, and all match."""
    route: dict[str, Any] = {"receiver": "one"}
    for _ in range(levels):
        route = {"receiver": "one", "matchers": ['app=~".*"'], "routes": [route], "continue": True}
    refs = [{"name": name, "namespace": HOME} for name in ("on-call", "mail")]
    receivers = [{"name": "one", "receiverRef": refs}]
    return yaml.safe_dump({"route": {"receiver": "one", "routes": [route]}, "receivers": receivers})


routing = documents | st.sampled_from([nested(1), nested(MAX_DEPTH - 2)])


class NoNames:
    """A name server without an answer."""

    async def resolve(self, *_arguments: object) -> None:
        raise OSError("no such host")


class CapturingFactory(ChannelFactory):
    """Creates the channels that ship; what they send is accepted, and goes nowhere."""

    def __init__(self) -> None:
        self.sent: list[Recorder] = []

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Channel:
        recorder = Recorder(receiver.spec.type)
        recorder.names = NoNames()  # type: ignore[assignment]  # what the channel of mails asks
        self.sent.append(recorder)
        factory = ChannelFactory(sessions=recorder, clock=lambda: START, redactor=Redactor())  # type: ignore[arg-type]  # as above
        values = {name: SERVICE if "url" in name.lower() else "value" for name in references.values}
        return factory.create(receiver, References(reason=references.reason, values=values), sources)


def test_capturing_factory_serves_every_type_with_a_block() -> None:
    for kind in ReceiverType:
        if kind is not ReceiverType.APPRISE:
            assert with_block(kind, {}) is not None


def test_deepest_routing_document_is_valid() -> None:
    assert len(read_table(nested(MAX_DEPTH - 2)).match({"app": "a"})) == 1
    with pytest.raises(RoutingTableError):
        read_table(nested(MAX_DEPTH))


@settings(max_examples=cases(300), deadline=None)
@given(
    spec=notifications,
    receivers=st.tuples(receiver_specs, receiver_specs, receiver_specs),
    rules=st.tuples(routing, labels),
    now=moments,
    waits=st.lists(st.sampled_from([0.0, 30.0, 3600.0, 2_592_000.0]), min_size=1, max_size=3),
)
def test_whatever_admission_accepts_is_planned_asked_rendered_and_folded(
    spec: dict[str, Any],
    receivers: tuple[dict[str, Any], ...],
    rules: tuple[str, dict[str, str]],
    now: datetime,
    waits: list[float],
) -> None:
    try:
        check_spec(spec)
    except NotificationSpecError:
        assume(False)
    places = ((OWN, "checkout"), (OWN, "mail"), (HOME, "on-call"))
    around = Surroundings(
        receivers={place: (each, False) for place, each in zip(places, receivers, strict=True)},
        labels={},
        channels=frozenset({"console", "log"}),
        namespaced=True,
    )
    cluster = ClusterWithReceivers(
        stored(spec=spec, metadata={"labels": rules[1]}), [], around, factory=CapturingFactory()
    )
    cluster.now = now

    async def live() -> None:
        for seconds in waits:
            await cluster.step(rules[0])
            cluster.now = later(cluster.now, seconds)

    with capture_logs() as logs:
        asyncio.run(live())
    assert not [each for each in logs if "exc_info" in each or each["log_level"] == "error"]
