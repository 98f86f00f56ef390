"""Passes over a notification without channels: one set of rules decides, however they change meanwhile."""

from atomic_status import Unavailable
from notification_contract.routing.document import read_table
from notification_operator.domain.routing.state import RoutingState
from tests.unit.operator.controller.reconciler_fixture import Bench, Stub


def rules(receiver: str) -> RoutingState:
    document = f"route: {{receiver: r}}\nreceivers: [{{name: r, channels: [{receiver}]}}]"
    return RoutingState().accept(read_table(document))


async def test_a_notification_without_channels_goes_where_the_rules_of_the_moment_lead() -> None:
    slack, console = Stub(), Stub()
    bench = Bench({"slack": slack, "console": console}, routed=True)
    bench.rules = rules("slack")
    await bench.run()
    assert (bench.status["phase"], bench.status["resolvedChannels"]) == ("Sent", ["slack"])
    assert (len(slack.calls), len(console.calls)) == (1, 0)
    (said,) = [each for each in bench.status["conditions"] if each["type"] == "RoutingResolved"]
    assert (said["status"], said["reason"]) == ("True", "RoutingFallback")


async def test_one_pass_goes_by_one_set_of_rules_although_they_change_in_the_middle_of_it() -> None:
    slack, console = Stub(), Stub()
    bench = Bench({"slack": slack, "console": console}, routed=True)
    bench.rules = rules("slack")

    def change() -> None:
        bench.rules = rules("console")
        bench.store.write_as_other(bench.ref, note="a conflict, so that the fold runs again")

    bench.store.interfere_next(change)
    await bench.run()
    assert (bench.status["resolvedChannels"], bench.status["totalAttempts"]) == (["slack"], 1)
    assert (bench.status["phase"], len(console.calls)) == ("Sent", 0)


async def test_tries_that_could_not_be_written_keep_their_route_although_the_rules_change() -> None:
    slack, console = Stub(), Stub()
    bench = Bench({"slack": slack, "console": console}, routed=True)
    bench.rules = rules("slack")
    bench.store.fail_next("PUT", Unavailable(bench.ref, reason="down"))
    assert (await bench.run()).failed
    bench.rules = rules("console")
    assert (await bench.run()).final
    assert (bench.status["resolvedChannels"], bench.status["phase"]) == (["slack"], "Sent")
    assert (len(slack.calls), len(console.calls)) == (1, 0)
