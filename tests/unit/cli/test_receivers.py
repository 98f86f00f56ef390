"""What show and why say about targets and the receivers behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_cli.errors import ApiError, CliError
from notification_cli.kube.catalog import known_receivers
from notification_cli.kube.resources import Page, Selection
from notification_cli.output import detail
from notification_cli.views.destinations import Destination, parse_destination
from notification_cli.views.explaining.explanation import explain, read_rules
from notification_cli.views.explaining.known import declared
from notification_cli.views.plain import plain
from notification_cli.views.receivers import in_words, receiver_view
from notification_cli.views.rows import ReceiverFilter, receivers_of
from notification_cli.views.timeline import timeline
from notification_contract import names
from notification_contract.routing.reach import ONLY_LOGGED
from notification_domain.model import parse
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.standing import Meeting
from tests.unit.cli.samples import NOW, attempt, screen
from tests.unit.operator.domain.builders import stored
from tests.unit.operator.domain.receivers.builders import HOME, SLACK, stored_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from notification_cli.views.explaining.known import Known
    from notification_domain.routing import RoutingState
    from tests.unit.cli.api_server import ApiServer, CommandLine

REFS = [{"name": "checkout"}, {"name": "on-call", "namespace": HOME}]
ROUTED = "route: {receiver: a}\nreceivers: [{name: a, receiverRef: {name: on-call, namespace: platform}}]"


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }


def status(
    *,
    ready: tuple[str, str] = ("True", "Accepted"),
    healthy: tuple[str, str] = ("True", "Delivering"),
    refs: tuple[str, str] = ("True", "SecretFound"),
) -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "conditions": [
            condition("Ready", *ready, message="" if ready[0] == "True" else "there are too many"),
            condition("ResolvedRefs", *refs, message="namespace shop has no Secret hook"),
            condition("Healthy", *healthy, message="The circuit breaker is open: 503"),
        ],
    }


def receiver(name: str = "checkout", *, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    state = more.pop("state", status())
    spec = {**SLACK, **more.pop("spec", {})}
    return stored_receiver(name, namespace=namespace, status=state, spec=spec, **more)


class Cluster:
    """Receivers in memory, behind the interface of `kube.resources`."""

    def __init__(self, *objects: dict[str, Any], denied: Iterable[str] = (), labels: Any = None) -> None:
        self.objects = {(obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in objects}
        self.denied, self.labels = set(denied), labels
        self.requests: list[str] = []

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        self.requests.append(f"get {namespace}/{name}")
        if namespace in self.denied:
            raise ApiError(
                f"missing right: user ann may not get receivers in namespace {namespace}", status=403
            )
        if (namespace, name) not in self.objects:
            raise CliError(f"there is no receiver {name}")
        return self.objects[namespace, name]

    async def pages(self, selection: Selection) -> AsyncIterator[Page]:
        namespace = selection.namespace
        self.requests.append(f"list {namespace}")
        if namespace in self.denied:
            raise ApiError(
                f"missing right: user ann may not list receivers in namespace {namespace}", status=403
            )
        yield Page(items=[obj for key, obj in self.objects.items() if key[0] == namespace])

    async def namespace_labels(self, name: str) -> dict[str, str]:
        self.requests.append(f"labels {name}")
        if self.labels is None:
            raise ApiError("missing right: user ann may not get namespaces", status=403)
        return self.labels


async def known(cluster: Cluster, obj: dict[str, Any], rules: RoutingState | None = None) -> Known:
    return await known_receivers(cluster, parse(obj), rules, home=HOME)  # type: ignore[arg-type]  # by its interface


def about(obj: dict[str, Any], result: Known) -> str:
    """Return what show and why write, one after the other."""
    notification, (target, file) = parse(obj), screen()
    explanation = explain(notification, read_rules(None), result, now=NOW)
    detail.show(target, notification, explanation, timeline(notification, now=NOW), now=NOW)
    detail.why(target, explanation, now=NOW)
    return file.getvalue()


async def test_target_names_its_receiver_with_ready_healthy_and_fallback() -> None:
    obj = stored(spec={"receiverRefs": REFS})
    cluster = Cluster(
        receiver(
            spec={"fallback": {"name": "mail", "after": "15m"}},
            state=status(healthy=("False", "CircuitOpen")),
        ),
        receiver("mail"),
        receiver("on-call", namespace=HOME, spec={"allowedNamespaces": {"from": "All"}}),
    )
    result = await known(cluster, obj)
    text = about(obj, result)
    assert sorted(cluster.requests) == ["get platform/on-call", "get shop/checkout", "get shop/mail"]
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "slack/checkout" in text
    assert "slack/platform/on-call" in text
    assert ("False (CircuitOpen)" in lines["shop/checkout"], "mail after 15m" in lines["shop/checkout"]) == (
        True,
        True,
    )
    assert ("True" in lines["platform/on-call"], "False" in lines["platform/on-call"]) == (True, False)
    assert (
        "starts these attempts at once: slack/checkout (attempt 1), slack/platform/on-call (attempt 1)"
        in text
    )


async def test_recorded_target_shows_error_suppression_and_message_reference() -> None:
    state = {
        "phase": "PartiallySent",
        "completionTime": "2026-03-01T12:01:00Z",
        "targets": [
            {
                "name": "slack/checkout",
                "state": "Delivered",
                "attempts": 1,
                "messageRef": "C1/17.5",
                "deliveredAt": "2026-03-01T12:00:01Z",
            },
            {"name": "slack/platform/on-call", "state": "Suppressed", "attempts": 0, "suppressedBy": "Muted"},
            {
                "name": "log",
                "state": "Refused",
                "attempts": 1,
                "lastError": "400",
                "note": "built-in template",
            },
        ],
        "deliveryAttempts": [
            attempt("slack/checkout", 1, 1, status="success"),
            attempt("log", 1, 1, permanent=True),
        ],
    }
    obj = stored(spec={"receiverRefs": REFS, "channels": ["log"]}, status=state)
    text = about(obj, await known(Cluster(), obj))
    for part in ("message C1/17.5", "suppressed: Muted", "400; built-in template"):
        assert part in text
    explanation = explain(parse(obj), None, now=NOW)
    value = {each["name"]: each for each in plain(explanation.targets)}
    assert value["slack/checkout"]["messageRef"] == "C1/17.5"
    assert value["slack/checkout"]["deliveredAt"] == "2026-03-01T12:00:01.000000Z"
    assert value["slack/platform/on-call"]["suppressedBy"] == "Muted"


@pytest.mark.parametrize(
    ("objects", "meeting", "why"),
    [
        ([receiver()], Meeting.SENT, ""),
        ([], Meeting.FAILS, "does not exist"),
        ([receiver(spec={"suspend": True})], Meeting.HELD, "is suspended"),
        ([receiver(state=status(refs=("False", "SecretNotFound")))], Meeting.FAILS, "has no Secret hook"),
        (
            [receiver(state=status(refs=("False", "SecretNotFound")), spec={"onReceiverError": "Hold"})],
            Meeting.HELD,
            "has no Secret hook",
        ),
        *(
            (
                [receiver(state=status(ready=("False", reason)), spec={"onReceiverError": "Hold"})],
                meeting,
                "there are too many",
            )
            for reason, meeting in (
                ("TooMany", Meeting.FAILS),
                ("NotAllowed", Meeting.FAILS),
                ("Invalid", Meeting.HELD),
            )
        ),
        ([receiver(state=status(ready=("False", "TemplateInvalid")))], Meeting.SENT, ""),
        ([receiver(state=status(healthy=("False", "Gone")))], Meeting.REFUSED, "does not exist any more"),
        ([receiver(state={})], Meeting.UNKNOWN, "has not reported"),
        ([receiver(generation=2)], Meeting.UNKNOWN, "has not reported"),
        ([receiver(spec={"type": "teams"})], Meeting.UNKNOWN, "an earlier one that is valid"),
    ],
)
async def test_next_attempt_on_a_receiver_is_foretold(
    objects: list[dict[str, Any]], meeting: Meeting, why: str
) -> None:
    obj = stored(spec={"receiverRefs": REFS[:1]})
    explanation = explain(parse(obj), None, await known(Cluster(*objects), obj), now=NOW)
    (outlook,) = [each.outlook for each in explanation.next]
    assert (outlook.meeting, why in outlook.why) == (meeting, True), outlook


async def test_receiver_that_has_another_type_now_is_foretold_to_refuse() -> None:
    waiting = {"name": "teams/checkout", "state": "Waiting", "attempts": 0}
    obj = stored(
        spec={"receiverRefs": REFS[:1]},
        status={"phase": "Sending", "resolvedChannels": ["teams/checkout"], "targets": [waiting]},
    )
    explanation = explain(parse(obj), None, await known(Cluster(receiver()), obj), now=NOW)
    (outlook,) = [each.outlook for each in explanation.next]
    assert outlook.meeting is Meeting.REFUSED
    assert outlook.why == "receiver shop/checkout has the type slack now"


@pytest.mark.parametrize(
    ("allowed", "labels", "meeting"),
    [
        ({"from": "Same"}, {}, Meeting.FAILS),
        ({"from": "All"}, {}, Meeting.SENT),
        ({"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}}, {"tier": "prod"}, Meeting.SENT),
        (
            {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}},
            {"tier": "dev"},
            Meeting.FAILS,
        ),
        ({"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}}, None, Meeting.UNKNOWN),
    ],
)
async def test_receiver_of_another_namespace_says_whom_it_serves(
    allowed: dict[str, Any], labels: dict[str, str] | None, meeting: Meeting
) -> None:
    obj = stored(spec={"receiverRefs": REFS[1:]})
    cluster = Cluster(receiver("on-call", namespace=HOME, spec={"allowedNamespaces": allowed}), labels=labels)
    result = await known(cluster, obj)
    explanation = explain(parse(obj), None, result, now=NOW)
    assert [each.outlook.meeting for each in explanation.next] == [meeting]
    assert [each.allowed for each in explanation.receivers] == [
        {Meeting.SENT: True, Meeting.FAILS: False, Meeting.UNKNOWN: None}[meeting]
    ]
    assert bool(result.notes) == (meeting is Meeting.UNKNOWN)


async def test_receiver_that_may_not_be_read_is_not_called_absent() -> None:
    obj = stored(spec={"receiverRefs": REFS[1:]})
    result = await known(Cluster(denied=[HOME]), obj)
    assert result.notes == ("missing right: user ann may not get receivers in namespace platform",)
    text = about(obj, result)
    assert ("it cannot be read" in text, "does not exist" in text) == (True, False)


async def test_channel_without_settings_goes_to_the_default_receiver() -> None:
    obj = stored(spec={"channels": ["slack"]})
    cluster = Cluster(
        receiver("main", namespace=HOME, default=True, spec={"allowedNamespaces": {"from": "All"}})
    )
    result = await known(cluster, obj)
    assert sorted(cluster.requests) == ["list platform", "list shop"]
    text = about(obj, result)
    assert "slack/platform/main" in text
    assert (
        "goes to the default receiver platform/main, unless the operator's own settings have this channel"
        in text
    )
    plain_channel = stored(spec={"channels": ["console"]})
    cluster = Cluster()
    assert (await known(cluster, plain_channel)).notes == ()
    assert cluster.requests == []


async def test_routed_receiver_is_looked_up() -> None:
    obj, rules = stored(), read_rules(ROUTED)
    cluster = Cluster(receiver("on-call", namespace=HOME, spec={"allowedNamespaces": {"from": "All"}}))
    explanation = explain(parse(obj), rules, await known(cluster, obj, rules), now=NOW)
    assert [each.name for each in explanation.targets] == ["slack/platform/on-call"]
    recorded = stored(status={"phase": "Sending", "resolvedChannels": ["slack/platform/on-call"]})
    explanation = explain(parse(recorded), rules, await known(cluster, recorded, rules), now=NOW)
    assert explanation.notes == ()


@pytest.mark.parametrize(
    ("spec", "fallback", "sentence"),
    [
        ({}, {}, "Next  The next attempt is due in"),
        ({"deliverBefore": "2026-03-01T12:05:08Z"}, {}, "Next  It expires in 8s, before its next attempt."),
        ({}, {"fallback": {"name": "mail", "after": "305s"}}, "Next  A fallback joins in 5s."),
        (
            {"deliverBefore": "2026-03-01T12:05:03Z"},
            {"fallback": {"name": "mail", "after": "305s"}},
            "Next  It expires in 3s, before its next attempt.",
        ),
        (
            {"notBefore": "2026-03-01T12:10:00Z", "deliverBefore": "2026-03-01T12:11:00Z"},
            {},
            "Next  The next attempt is due in 5m.",
        ),
    ],
)
async def test_next_step_is_the_one_that_comes_first(
    spec: dict[str, Any], fallback: dict[str, Any], sentence: str
) -> None:
    tried = {"phase": "Sending", "deliveryAttempts": [attempt("slack/checkout", 1, 299, error="503")]}
    more = {} if "notBefore" in spec else {"status": tried}
    obj = stored(spec={"receiverRefs": REFS[:1], **spec}, **more)
    text = about(obj, await known(Cluster(receiver(spec=fallback), receiver("mail")), obj))
    assert sentence in text


def test_refused_spec_is_named_with_its_problem() -> None:
    obj = receiver(spec={"type": "teams"})
    result = declared({ReceiverKey("shop", "checkout"): obj}, home=HOME)
    (note,) = explain(parse(stored(spec={"receiverRefs": REFS[:1]})), None, result, now=NOW).notes
    assert "teams is missing although type is teams" in note


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("slack", Destination(channel="slack")),
        ("slack/checkout", Destination(channel="slack", receiver="checkout")),
        ("team-a/on-call", Destination(namespace="team-a", receiver="on-call")),
        ("receiver/on-call", Destination(receiver="on-call")),
        (
            "pagerduty/platform/on-call",
            Destination(channel="pagerduty", namespace="platform", receiver="on-call"),
        ),
        ("email/email/x", Destination(channel="email", namespace="email", receiver="x")),
    ],
)
def test_destination_is_a_channel_or_a_receiver(text: str, destination: Destination) -> None:
    assert parse_destination(text) == destination


@pytest.mark.parametrize(
    "text", ["pager", "", "/", "a/", "/b", "slack/", "x/y/z", "A/b", "slack/a#12345678", "apprise"]
)
def test_destination_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no channel and no receiver|leave out #"):
        parse_destination(text)


def test_receiver_of_an_object_is_found_in_spec_and_status() -> None:
    obj = stored(
        spec={"receiverRefs": [{"name": "a"}]},
        status={"targets": [{"name": "email/team/b#0a0a0a0a"}], "resolvedChannels": ["console", 5]},
    )
    assert receivers_of(obj) == {ReceiverKey("shop", "a"), ReceiverKey("team", "b")}
    for text, matches in (("a", True), ("shop/a", True), ("team/a", False), ("b", True), ("c", False)):
        assert ReceiverFilter.parse(text).matches(receivers_of(obj)) == matches
    for text in ("", "/", "a/", "/a", "a/b/c"):
        with pytest.raises(ValueError, match="write NAME or NAMESPACE/NAME"):
            ReceiverFilter.parse(text)


def test_receiver_of_any_form_can_be_shown() -> None:
    view = receiver_view({"metadata": {"name": "x", "namespace": "y"}, "spec": 5, "status": []})
    assert (view.type, in_words(view.ready), view.users, view.fallback, list(view.limits)) == (
        "",
        "-",
        "namespace y only",
        "",
        [],
    )


RULES = "route: {receiver: a}\nreceivers: [{name: a, channels: [log]}]"
OPERATORS = "notification-system"


def install(server: ApiServer, *, settings: str, config_map: str, key: str) -> None:
    """Add a notification that routing decides about, the operator's Deployment, and a ConfigMap with rules."""
    server.add(names.PLURAL, stored(metadata={"labels": {"team": "shop"}}))
    annotations = {names.CONFIG_ANNOTATION: settings}
    deployment = {
        "metadata": {"namespace": OPERATORS, "name": names.OPERATOR},
        "spec": {"template": {"metadata": {"annotations": annotations}}},
    }
    server.add("deployments", deployment, api="apps/v1")
    rules = {"metadata": {"namespace": OPERATORS, "name": config_map}, "data": {key: RULES}}
    server.add("configmaps", rules, api="v1")


@pytest.mark.parametrize(
    ("settings", "config_map", "key"),
    [
        ("routing: {config_map: rules, key: table.yaml}", "rules", "table.yaml"),
        ("routing: {config_map: rules}", "rules", names.ROUTING_KEY),
        ("routing: {key: table.yaml}", names.ROUTING_CONFIG_MAP, "table.yaml"),
        *((text, names.ROUTING_CONFIG_MAP, names.ROUTING_KEY) for text in ("", "[]", "routing: 1", "a: [")),
    ],
)
async def test_rules_are_read_where_the_operator_reads_them(
    *, server: ApiServer, notif: CommandLine, settings: str, config_map: str, key: str
) -> None:
    install(server, settings=settings, config_map=config_map, key=key)
    code, out, err = await notif("why", "order-1")
    assert (code, "log (attempt 1)" in out) == (0, True), out + err
    code, out, err = await notif("route", "test", "--labels", "team=shop")
    assert (code, out.splitlines()[-2:]) == (0, ["Targets    log", ONLY_LOGGED]), out + err


async def test_rules_of_an_operator_that_the_user_may_not_read_are_unknown(
    server: ApiServer, notif: CommandLine
) -> None:
    install(server, settings="routing: {config_map: rules}", config_map="rules", key=names.ROUTING_KEY)
    server.denied.add("deployments")
    code, out, err = await notif("why", "order-1")
    assert (code, "they cannot be read" in out) == (1, True), out
    assert f"there is no ConfigMap {names.ROUTING_CONFIG_MAP} in namespace {OPERATORS}" in err
    code, _, err = await notif("route", "test", "--labels", "team=shop")
    assert (code, "the operator's settings may name another one" in err) == (3, True), err
    rules = {"metadata": {"namespace": OPERATORS, "name": names.ROUTING_CONFIG_MAP}}
    server.add("configmaps", {**rules, "data": {names.ROUTING_KEY: RULES}}, api="v1")
    assert "log (attempt 1)" in (await notif("why", "order-1"))[1]
