"""Notifications without channels: one set of rules decides, however the rules change meanwhile."""

import pytest

from atomic_status import ObjectRef, Unavailable
from notification_contract.routing.document import read_table
from notification_runtime.delivery.channel import Permanent
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub
from tests.unit.operator.controller.test_reconciler_receivers import Composition, webhook
from tests.unit.operator.domain.receivers.entries import HOME

ON_CALL = (
    f"route: {{receiver: r}}\nreceivers: [{{name: r, receiverRef: {{name: on-call, namespace: {HOME}}}}}]"
)


def route_to(fixture: ReconcilerFixture, channel: str) -> None:
    document = f"route: {{receiver: r}}\nreceivers: [{{name: r, channels: [{channel}]}}]"
    fixture.operator.routing.accept(read_table(document))


async def test_notification_without_channels_follows_the_current_rules() -> None:
    slack, console = Stub(), Stub()
    fixture = ReconcilerFixture({"slack": slack, "console": console}, routed=True)
    route_to(fixture, "slack")
    await fixture.reconcile()
    assert (fixture.status["phase"], fixture.status["resolvedChannels"]) == ("Sent", ["slack"])
    assert (len(slack.calls), len(console.calls)) == (1, 0)
    (condition,) = [each for each in fixture.status["conditions"] if each["type"] == "RoutingResolved"]
    assert (condition["status"], condition["reason"]) == ("True", "RoutingFallback")


async def test_notification_that_only_the_log_has_says_so_and_is_counted() -> None:
    fixture = ReconcilerFixture({"console": Stub()}, routed=True)
    await fixture.reconcile()
    assert (fixture.status["phase"], fixture.status["reason"]) == ("Sent", "OnlyLogged")
    assert fixture.status["message"].startswith("Only the operator's log has this message: ")
    name, labels = (
        "kubernaut_notification_only_logged_total",
        {"notification_namespace": fixture.key.namespace},
    )
    assert fixture.metrics.registry.get_sample_value(name, labels) == 1


async def test_reconciliation_uses_one_set_of_rules_although_they_change() -> None:
    slack, console = Stub(), Stub()
    fixture = ReconcilerFixture({"slack": slack, "console": console}, routed=True)
    route_to(fixture, "slack")

    def change() -> None:
        route_to(fixture, "console")
        fixture.store.write_as_other(fixture.ref, note="a conflict, so that the fold runs again")

    fixture.store.interfere_next(change)
    await fixture.reconcile()
    assert (fixture.status["resolvedChannels"], fixture.status["totalAttempts"]) == (["slack"], 1)
    assert (fixture.status["phase"], len(console.calls)) == ("Sent", 0)


async def test_unrecorded_attempts_keep_their_route_although_the_rules_change() -> None:
    slack, console = Stub(), Stub()
    fixture = ReconcilerFixture({"slack": slack, "console": console}, routed=True)
    route_to(fixture, "slack")
    fixture.store.fail_next("PUT", Unavailable(fixture.ref, reason="down"))
    assert isinstance((await fixture.reconcile()).error, Unavailable)
    route_to(fixture, "console")
    assert (await fixture.reconcile()).final
    assert (fixture.status["resolvedChannels"], fixture.status["phase"]) == (["slack"], "Sent")
    assert (len(slack.calls), len(console.calls)) == (1, 0)


@pytest.mark.parametrize("names_it", [False, True])
async def test_receiver_of_the_operator_is_open_to_its_routing_document_only(*, names_it: bool) -> None:
    refs = [{"name": "on-call", "namespace": HOME}] if names_it else []
    composition = Composition(routed=not names_it, retryPolicy={"maxAttempts": 1})
    composition.collections.put_receiver("on-call", webhook(fallback={"name": "spare"}), namespace=HOME)
    composition.collections.put_receiver("spare", webhook(), namespace=HOME)
    composition.creator.scripts["on-call"] = [Permanent("HTTP 400")]
    async with composition.following() as fixture:
        fixture.operator.routing.accept(read_table(ON_CALL))
        key = composition.another("order-2", channels=[], receiverRefs=refs)
        while not (await fixture.reconcile(key)).final:
            pass
    status = fixture.store.peek(ObjectRef(namespace="shop", name="order-2"))["status"]
    targets = {each["name"]: (each["state"], each.get("via", "")) for each in status["targets"]}
    if names_it:
        assert (status["phase"], status["reason"]) == ("Failed", "ReceiverNotAllowed")
        assert (targets, composition.calls) == ({f"receiver/{HOME}/on-call": ("Exhausted", "")}, [])
    else:
        assert targets == {
            f"webhook/{HOME}/on-call": ("Refused", "routing"),
            f"webhook/{HOME}/spare": ("Delivered", "routing"),
        }


async def test_forged_status_opens_no_receiver_of_the_operator() -> None:
    composition = Composition(routed=True, retryPolicy={"maxAttempts": 1})
    composition.collections.put_receiver("on-call", webhook(), namespace=HOME)
    composition.collections.put_receiver("secret", webhook(), namespace=HOME)
    forged = {"name": f"webhook/{HOME}/secret", "state": "Waiting", "via": "routing"}
    async with composition.following() as fixture:
        fixture.operator.routing.accept(read_table(ON_CALL))
        resolved = {"resolvedChannels": [f"receiver/{HOME}/secret"], "targets": [forged]}
        fixture.store.write_status(fixture.ref, {"phase": "Sending", **resolved})
        assert (await fixture.reconcile()).final
    assert (fixture.status["reason"], composition.calls) == ("ReceiverNotAllowed", [])
