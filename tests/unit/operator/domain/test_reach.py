"""What the contract says about the reach of messages, against the route that the operator resolves."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from notification_contract.routing.reach import Reach, message_only_logs, source_reach
from notification_contract.routing.table import parse_table
from notification_contract.sources.source import SourceSpec
from notification_domain.model import parse
from notification_domain.routing import RoutingState
from tests.unit.operator.domain.builders import stored
from tests.unit.operator.domain.receivers.entries import HOME, receiver, resolver

NAMES = ("logs", "both", "slack", "ref", "none")
RECEIVERS = [
    {"name": "logs", "channels": ["console", "log"]},
    {"name": "both", "channels": ["log", "slack"]},
    {"name": "slack", "channels": ["slack"]},
    {"name": "ref", "receiverRef": {"name": "hook", "namespace": HOME}},
    {"name": "none"},
]
labels = st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from(["a", "b"]))
matchers = st.lists(st.sampled_from(['team="a"', 'team!="a"', 'tier=~"a|b"', 'tier="b"']), max_size=2)


def rules(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "receiver": st.sampled_from(NAMES),
            "matchers": matchers,
            "continue": st.booleans(),
            "routes": st.lists(children, max_size=3),
        }
    )


leaf = st.fixed_dictionaries({"receiver": st.sampled_from(NAMES), "matchers": matchers})
routes = st.none() | st.recursive(leaf, rules, max_leaves=6)
refs = st.lists(st.just({"name": "hook"}), max_size=1)


@settings(max_examples=1000, deadline=None)
@given(
    route=routes,
    refs=refs,
    beats=st.none() | refs,
    messages=st.lists(labels, min_size=1, max_size=4),
    exists=st.booleans(),
)
def test_reach_agrees_with_the_route_that_the_operator_resolves(
    route: dict[str, Any] | None,
    refs: list[dict[str, str]],
    beats: list[dict[str, str]] | None,
    messages: list[dict[str, str]],
    exists: bool,  # noqa: FBT001 - drawn
) -> None:
    table = parse_table({"route": route, "receivers": RECEIVERS}) if route else None
    state = RoutingState().accept(table) if table else RoutingState()
    hook = receiver("hook", namespace=HOME, default=True, allowedNamespaces={"from": "All"})
    heartbeat = {"type": "heartbeat", "heartbeat": {"every": "1h", "receiverRefs": beats}}
    spec = SourceSpec.model_validate(
        {"receiverRefs": refs, **({"type": "generic"} if beats is None else heartbeat)}
    )
    named = beats or refs
    reach = source_reach(spec, table)
    for each in messages:
        sent = parse(stored(spec={"receiverRefs": named}, metadata={"labels": each}))
        logged = state.route(sent, resolver(*([hook] if exists else []))).only_logs
        assert logged == (not named and message_only_logs(table, each))
        assert reach is Reach.DEPENDS or logged == (reach is Reach.REACHES_NOBODY)
