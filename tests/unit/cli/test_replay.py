"""Which object sends a notification again, and which ones a redrive chooses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from notification_cli.views.lint.files import check
from notification_cli.views.resending.candidates import Selection, Wanted, reasons_of
from notification_cli.views.resending.replay import (
    ReplayRefusedError,
    SentBeforeError,
    replay,
    replay_name,
)
from notification_cli.views.rows import ReceiverFilter
from notification_contract import bounds, crds, names
from notification_contract.kinds.target import address_digits
from notification_domain.incident import incident_selector
from notification_domain.json_values import format_time
from tests.unit.cli.samples import NOW, attempt
from tests.unit.operator.domain.builders import START, stored


def final(
    targets: dict[str, str], *, phase: str = "Failed", meta: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a finished notification with the states of its targets."""
    status: dict[str, Any] = {
        "phase": phase,
        "reason": "MaxRetriesExhausted",
        "targets": [{"name": name, "state": state, "attempts": 1} for name, state in targets.items()],
    }
    if not spec.keys() & {"channels", "receiverRefs"}:
        status["resolvedChannels"] = list(targets)
    return stored(spec=spec, status=status, metadata=meta or {})


def spec_of(obj: dict[str, Any], **options: Any) -> dict[str, Any]:
    result = replay(obj, nonce="n", now=NOW, **options)
    assert [problem for each in check([result.obj]) for problem in each.problems] == []
    spec: dict[str, Any] = result.obj["spec"]
    return spec


def test_replay_goes_to_the_targets_that_missed_the_message() -> None:
    obj = final(
        {
            "console": "Delivered",
            "log": "Exhausted",
            "slack/checkout": "Refused",
            "pagerduty/platform/on-call": "Expired",
            "receiver/absent": "Exhausted",
        },
        phase="PartiallySent",
        dedupKey="incident",
        event="Resolve",
        priority="high",
    )
    spec = spec_of(obj)
    assert spec["channels"] == ["log"]
    assert spec["receiverRefs"] == [
        {"name": "checkout"},
        {"name": "on-call", "namespace": "platform"},
        {"name": "absent"},
    ]
    assert (spec["dedupKey"], spec["event"], spec["priority"]) == ("incident", "Resolve", "high")
    assert spec["replayOf"] == {"name": "order-1", "uid": "uid-1", "depth": 1}


def test_replay_to_all_targets_copies_what_the_spec_names() -> None:
    refs = [{"name": "checkout"}]
    obj = final({"log": "Delivered", "slack/checkout": "Refused"}, channels=["log"], receiverRefs=refs)
    assert {"channels": ["log"], "receiverRefs": refs}.items() <= spec_of(obj, all_targets=True).items()
    routed = spec_of(final({"log": "Delivered"}, phase="Sent"), all_targets=True)
    assert not routed.keys() & {"channels", "receiverRefs"}


def test_fallback_is_left_to_join_again_unless_it_alone_failed() -> None:
    refs = [{"name": "checkout"}]
    obj = final({"slack/checkout": "Refused", "log/last-resort": "Exhausted"}, receiverRefs=refs)
    assert spec_of(obj)["receiverRefs"] == refs
    obj = final({"slack/checkout": "Delivered", "log/last-resort": "Exhausted"}, receiverRefs=refs)
    assert spec_of(obj)["receiverRefs"] == [{"name": "last-resort"}]
    by_default = final({"email/smtp": "Refused"}, channels=["email"])
    assert spec_of(by_default)["receiverRefs"] == [{"name": "smtp"}]


def rescued(*, phase: str = "Sent", targets: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a notification whose receiver checkout has refused it, and whose fallback has delivered it."""
    states = {"slack/checkout": "Refused", "log/last-resort": "Delivered", **(targets or {})}
    refs = [{"name": name.partition("/")[2]} for name in states if name != "log/last-resort"]
    obj = final(states, phase=phase, receiverRefs=refs)
    obj["status"]["reason"] = "DeliveredByFallback" if phase == "Sent" else "PartialDeliverySuccess"
    obj["status"]["targets"][0]["reason"] = "DeliveredByFallback"
    return obj


def test_what_a_fallback_delivered_is_sent_again_only_on_request() -> None:
    with pytest.raises(
        ReplayRefusedError, match=r"fallbacks delivered it .*; send it again with --all-targets"
    ):
        replay(rescued(), nonce="n", now=NOW)
    assert spec_of(rescued(), include_rescued=True)["receiverRefs"] == [{"name": "checkout"}]
    muted = rescued(targets={"sms/phones": "Suppressed"})
    assert spec_of(muted, include_rescued=True)["receiverRefs"] == [{"name": "checkout"}]
    partly = rescued(phase="PartiallySent", targets={"email/smtp": "Exhausted"})
    assert spec_of(partly)["receiverRefs"] == [{"name": "smtp"}]
    both = spec_of(partly, include_rescued=True)["receiverRefs"]
    assert both == [{"name": "checkout"}, {"name": "smtp"}]


def test_recipients_that_got_the_message_are_left_out() -> None:
    ann, bob, own = (
        address_digits(each) for each in ("ann@example.com", "bob@example.com", "own@example.com")
    )
    obj = final(
        {f"email/smtp#{ann}": "Delivered", f"email/smtp#{bob}": "Refused", f"email/smtp#{own}": "Delivered"},
        receiverRefs=[{"name": "smtp"}],
        recipients=[
            {"email": "ann@example.com"},
            {"email": "bob@example.com", "phone": "+491", "slack": "#b"},
        ],
    )
    assert spec_of(obj)["recipients"] == [{"email": "bob@example.com", "slack": "#b"}]
    (note,) = replay(obj, nonce="n", now=NOW).notes
    assert "receiver shop/smtp sends it again to all recipients that it lists" in note


def test_old_status_without_targets_is_read_by_its_attempts() -> None:
    status = {
        "phase": "PartiallySent",
        "deliveryAttempts": [attempt("log", 1, 1, status="success"), attempt("slack", 1, 1)],
    }
    assert spec_of(stored(spec={"channels": ["log", "slack"]}, status=status))["channels"] == ["slack"]
    nothing = spec_of(stored(status={"phase": "Failed"}))
    assert not nothing.keys() & {"channels", "receiverRefs"}


def test_deadline_that_has_passed_is_left_out_and_said() -> None:
    for deadline, kept in ((NOW - timedelta(seconds=1), False), (NOW + timedelta(seconds=1), True)):
        obj = final({"log": "Expired"}, notBefore="2026-01-01T00:00:00Z", deliverBefore=deadline.isoformat())
        spec = spec_of(obj)
        assert ("deliverBefore" in spec, "notBefore" in spec) == (kept, False)
        assert bool(replay(obj, nonce="n", now=NOW).notes) is not kept


def test_labels_of_the_message_are_copied_and_those_of_tools_are_not() -> None:
    labels = {
        "kubernaut.ai/severity": "critical",
        "team": "a",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/instance": "shop",
        "argocd.argoproj.io/instance": "shop",
        "kustomize.toolkit.fluxcd.io/name": "shop",
        names.REDRIVE_LABEL: "old",
    }
    annotations = {"kubernaut.ai/x": "y", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    obj = final({"log": "Refused"}, meta={"labels": labels, "annotations": annotations, "name": "o" * 70})
    meta = replay(obj, nonce="n", now=NOW, batch="b").obj["metadata"]
    assert meta["labels"] == {
        "kubernaut.ai/severity": "critical",
        "team": "a",
        names.REPLAY_LABEL: "o" * 63,
        names.REDRIVE_LABEL: "b",
    }
    assert meta["annotations"] == {"kubernaut.ai/x": "y"}


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (stored(), "it is Pending and not final yet"),
        (stored(status={"phase": "Retrying"}), "it is Retrying and not final yet"),
        (final({"log": "Delivered"}, phase="Sent"), "every target got it; send it again with --all-targets"),
        (
            final({"log": "Refused"}, replayOf={"name": "a", "uid": "u", "depth": 5}),
            "it is the 5th replay in a row",
        ),
        (stored(status={"phase": "Failed", "reason": "TooLarge"}), "it is too large"),
    ],
)
def test_what_cannot_be_sent_again_is_refused_with_the_reason(obj: dict[str, Any], why: str) -> None:
    with pytest.raises(ReplayRefusedError, match=why):
        replay(obj, nonce="n", now=NOW)


def test_replay_of_a_replay_counts_its_depth() -> None:
    obj = final({"log": "Refused"}, replayOf={"name": "a", "uid": "u", "depth": 4})
    assert spec_of(obj)["replayOf"] == {"name": "order-1", "uid": "uid-1", "depth": 5}
    (version,) = crds.notification_request()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert spec["replayOf"]["properties"]["depth"]["maximum"] == bounds.REPLAY_DEPTH == 5


def test_name_is_the_same_for_the_same_original_and_batch() -> None:
    assert replay_name("order", "u", "b") == replay_name("order", "u", "b")
    different = {replay_name("order", uid, batch) for uid in "uv" for batch in "bc"}
    assert len(different) == 4
    long = replay_name("a" * 39 + ".b" * 100, "u", "b")
    assert (long[:42], len(long)) == ("a" * 39 + "-r-", 50)


def select(
    *objects: dict[str, Any], replays: tuple[dict[str, Any], ...] = (), limit: int = 10, **wanted: Any
) -> Selection:
    selection = Selection(wanted=Wanted(**{"batch": "b", **wanted}), limit=limit)
    for obj in replays:
        selection.replayed.add(obj)
    for obj in objects:
        selection.add(obj)
    return selection


def named(name: str, targets: dict[str, str], **spec: Any) -> dict[str, Any]:
    return final(targets, meta={"name": name, "uid": f"uid-{name}"}, **spec)


def test_selection_keeps_as_many_as_the_limit_and_counts_the_others() -> None:
    selection = select(*(named(f"n{n}", {"log": "Refused"}) for n in range(15)))
    assert ([each.name for each in selection.candidates], selection.matching) == (
        [f"n{n}" for n in range(10)],
        15,
    )


def test_namespaces_take_turns_in_a_selection_which_counts_the_others() -> None:
    objects = [named(f"n{number}", {"log": "Refused"}) for number in range(24)]
    for number, obj in enumerate(objects):
        obj["metadata"]["namespace"] = "loud" if number < 20 else f"quiet-{number % 2}"
    selection = select(*objects, limit=7)
    assert [each.name for each in selection.candidates] == ["n0", "n20", "n21", "n1", "n22", "n23", "n2"]
    assert selection.left_out == {"loud": 17}


def test_selection_leaves_out_what_was_sent_again_before() -> None:
    first, second = named("first", {"log": "Refused"}), named("second", {"log": "Refused"})
    mine = dict(replay(first, nonce="b", now=NOW, batch="b").obj)
    other = dict(replay(second, nonce="x", now=NOW).obj)
    selection = select(first, second, mine, replays=(mine, other))
    assert [(each.name, each.done) for each in selection.candidates] == [("first", True)]
    assert (selection.waiting, selection.matching, selection.before) == ([], 1, 1)


def test_replay_to_one_receiver_leaves_the_others_to_a_later_redrive() -> None:
    refs = [{"name": "a"}, {"name": "b"}]
    obj = named("order", {"slack/a": "Refused", "slack/b": "Refused"}, receiverRefs=refs)
    only_a = Wanted(batch="x", receiver=ReceiverFilter(name="a"))
    done = dict(replay(obj, nonce="x", now=NOW, only=only_a.concerns, batch="x").obj)
    assert done["spec"]["receiverRefs"] == [{"name": "a"}]
    assert select(obj, replays=(done,), receiver=ReceiverFilter(name="a")).before == 1
    (candidate,) = select(obj, replays=(done,), receiver=ReceiverFilter(name="b")).waiting
    assert candidate.targets == ("slack/b",)


def test_redrive_after_a_partial_one_goes_to_the_other_targets_only() -> None:
    refs = [{"name": "a"}, {"name": "b"}]
    states = {"slack/a": "Refused", "slack/b": "Refused", "log/spare": "Exhausted"}
    obj = named("order", states, receiverRefs=refs)
    only_a = Wanted(batch="x", receiver=ReceiverFilter(name="a"))
    first = dict(replay(obj, nonce="x", now=NOW, only=only_a.concerns, batch="x").obj)
    selection = select(obj, replays=(first,))
    assert [each.targets for each in selection.waiting] == [("slack/b",)]
    sent = selection.replayed.of(("shop", "uid-order"))
    second = dict(replay(obj, nonce="y", now=NOW, sent=sent).obj)
    assert second["spec"]["receiverRefs"] == [{"name": "b"}]
    both = select(obj, replays=(first, second))
    assert (both.waiting, both.before) == ([], 1)
    with pytest.raises(SentBeforeError, match="it was sent again before"):
        replay(obj, nonce="z", now=NOW, sent=both.replayed.of(("shop", "uid-order")))


def test_replay_whose_targets_routing_chooses_leaves_no_target_to_send_to() -> None:
    routed = dict(replay(named("order", {"log": "Refused"}), nonce="x", now=NOW, all_targets=True).obj)
    for obj in (named("order", {"log": "Refused"}), named("order", {})):
        selection = select(obj, replays=(routed,))
        assert (selection.waiting, selection.before) == ([], 1)


@pytest.mark.parametrize("recorded", [True, False])
def test_replay_to_a_default_receiver_leaves_no_target_to_send_to(*, recorded: bool) -> None:
    states = {"email/platform/mail#1f3a9c20": "Exhausted"}
    obj = named("order", states, channels=["email"])
    everywhere = dict(replay(obj, nonce="x", now=NOW, all_targets=True).obj)
    assert everywhere["spec"]["channels"] == ["email"]
    if recorded:
        everywhere["status"] = {"phase": "Sent", "targets": [{"name": name} for name in states]}
    selection = select(obj, replays=(everywhere,))
    assert (selection.waiting, selection.before) == ([], 1)


def test_replay_to_a_channel_leaves_a_named_receiver_of_its_type() -> None:
    refs = [{"name": "own"}]
    states = {"email/platform/mail": "Exhausted", "email/own": "Exhausted"}
    obj = named("order", states, channels=["email"], receiverRefs=refs)
    partial = dict(replay(obj, nonce="x", now=NOW, all_targets=True).obj)
    del partial["spec"]["receiverRefs"]
    (candidate,) = select(obj, replays=(partial,)).waiting
    assert candidate.targets == ("email/own",)


def test_replay_counts_where_it_went_if_its_spec_names_only_a_channel() -> None:
    obj = named("order", {"slack/old": "Exhausted", "slack/new": "Exhausted"}, channels=["slack", "log"])
    sent = dict(replay(obj, nonce="x", now=NOW, all_targets=True).obj)
    sent["spec"]["channels"] = ["log"]
    sent["status"] = {"phase": "Sent", "targets": [{"name": "slack/new"}]}
    (candidate,) = select(obj, replays=(sent,)).waiting
    assert candidate.targets == ("slack/old",)


@pytest.mark.parametrize("refs", [[{"name": "a", "namespace": "shop"}], []])
@pytest.mark.parametrize("batch", ["", "b"])
def test_replay_in_another_namespace_hides_no_notification(refs: list[dict[str, str]], batch: str) -> None:
    """Anyone who may create notifications somewhere can write that they replay one elsewhere."""
    original = named("order", {"slack/a": "Refused"})
    replay_of = {"name": "order", "uid": original["metadata"]["uid"], "depth": 1}
    labels = {names.REPLAY_LABEL: "order", names.REDRIVE_LABEL: batch}
    forged = stored(
        metadata={"namespace": "evil", "labels": labels}, spec={"receiverRefs": refs, "replayOf": replay_of}
    )
    selection = select(original, replays=(forged,))
    assert ([each.done for each in selection.candidates], selection.before) == ([False], 0)


def test_selection_is_by_reason_receiver_and_time() -> None:
    by_attempt = named("attempt", {"slack/a": "Exhausted"})
    by_attempt["status"]["deliveryAttempts"] = [attempt("slack/a", 1, 1, reason="ReceiverNotReady")]
    muted = named("muted", {"log": "Suppressed"})
    muted["status"]["targets"][0]["suppressedBy"] = "RateLimited"
    assert reasons_of(by_attempt) == {"MaxRetriesExhausted", "ReceiverNotReady"}
    for wanted, expected in (
        ({"reasons": {"ReceiverNotReady"}}, ["attempt"]),
        ({"reasons": {"RateLimited", "Other"}}, ["muted"]),
        ({"reasons": {"MaxRetriesExhausted"}}, ["attempt", "muted"]),
        ({"receiver": ReceiverFilter(name="a", namespace="shop")}, ["attempt"]),
        ({"receiver": ReceiverFilter(name="a", namespace="other")}, []),
        ({"since": START + timedelta(seconds=1)}, []),
        ({"since": START}, ["attempt", "muted"]),
    ):
        assert [each.name for each in select(by_attempt, muted, **wanted).candidates] == expected, wanted


def test_selection_counts_what_cannot_be_sent_again_by_its_reason() -> None:
    deep = named("deep", {"log": "Refused"}, replayOf={"name": "a", "uid": "u", "depth": 5})
    selection = select(deep, named("fine", {"log": "Refused"}))
    assert (len(selection.candidates), selection.refused.total()) == (1, 1)


def test_selection_leaves_out_what_a_fallback_delivered() -> None:
    partly = rescued(phase="PartiallySent", targets={"email/smtp": "Exhausted"})
    delivered = final({"slack/checkout": "Delivered", "sms/phones": "Suppressed"}, phase="Sent")
    objects = rescued(), partly, delivered
    checkout = ReceiverFilter(name="checkout")
    assert [each.targets for each in select(*objects).candidates] == [("email/smtp",)]
    assert select(*objects, receiver=checkout).candidates == []
    also = select(*objects, include_rescued=True)
    assert [each.targets for each in also.candidates] == [
        ("slack/checkout",),
        ("slack/checkout", "email/smtp"),
    ]
    assert not also.refused
    only = select(*objects, receiver=checkout, include_rescued=True)
    assert [each.targets for each in only.candidates] == [("slack/checkout",)] * 2


def event(name: str, kind: str, second: int, **meta: Any) -> dict[str, Any]:
    """Return a failed notification about the incident `node-7`."""
    created = {"creationTimestamp": format_time(START + timedelta(seconds=second))}
    return final(
        {"log": "Refused"},
        meta={"name": name, "uid": f"uid-{name}", **created, **meta},
        event=kind,
        dedupKey="node-7",
    )


def names_of(*events: dict[str, Any], among: tuple[dict[str, Any], ...] = ()) -> list[str]:
    """Return what a redrive of events sends, and leaves out as resolved."""
    selection = Selection(wanted=Wanted(batch="b"), limit=10)
    for obj in (*events, *among):
        selection.events.add(obj)
    for obj in events:
        selection.add(obj)
    return [each.name for each in selection.candidates] + ["resolved"] * selection.resolved


def test_trigger_that_was_resolved_since_is_left_out() -> None:
    resolve = event("over", "Resolve", 60)
    assert names_of(event("a", "Trigger", 0), among=(resolve,)) == ["resolved"]
    assert names_of(event("a", "Acknowledge", 0), among=(resolve,)) == ["resolved"]
    assert names_of(event("a", "Trigger", 60), among=(resolve,)) == ["resolved"], "in the same second"
    assert names_of(event("a", "Trigger", 61), among=(resolve,)) == ["a"], "reported again"


def test_resolve_of_another_incident_leaves_nothing_out() -> None:
    elsewhere = event("over", "Resolve", 60, namespace="bank")
    assert names_of(event("a", "Trigger", 0), among=(elsewhere,)) == ["a"]
    plain, resolve = named("plain", {"log": "Refused"}), named("over", {"log": "Refused"}, event="Resolve")
    assert names_of(plain, among=(resolve,)) == ["plain"], "without a key there is no incident"


def test_resolve_of_what_was_reported_again_is_left_out() -> None:
    resolve, again = event("over", "Resolve", 60), event("again", "Trigger", 61)
    assert names_of(resolve, again) == ["again"]
    assert names_of(resolve, event("first", "Trigger", 60)) == ["over", "resolved"]
    selection = Selection(wanted=Wanted(batch="b"), limit=10)
    selection.events.add(again)
    selection.add(resolve)
    assert selection.refused == {"a younger Trigger has reported the incident again": 1}


def test_replay_of_a_trigger_reports_no_incident_again() -> None:
    acknowledge, trigger = event("seen", "Acknowledge", 60), event("a", "Trigger", 0)
    sent = dict(replay(trigger, nonce="b", now=NOW, batch="b").obj)
    sent["metadata"] |= {"uid": "uid-r", "creationTimestamp": format_time(START + timedelta(seconds=90))}
    assert names_of(acknowledge, among=(sent,)) == ["seen"]


def test_key_is_escaped_in_a_field_selector() -> None:
    assert incident_selector("a=b,c\\d") == "spec.dedupKey=a\\=b\\,c\\\\d"
