"""`notif redrive` while others change what it sends, and with notifications that the API server refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from notification_cli.views.resending.replay import replay
from tests.unit.cli.samples import NOW
from tests.unit.operator.domain.builders import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.cli.api_server import ApiServer, CommandLine

PLURAL = "notificationrequests"


def replays(server: ApiServer) -> list[dict[str, Any]]:
    return [obj for obj in server.objects.values() if "replayOf" in obj["spec"]]


def failed(
    name: str = "order", *, namespace: str = "shop", receivers: Sequence[str] = ("a",)
) -> dict[str, Any]:
    targets = [{"name": f"slack/{each}", "state": "Exhausted", "attempts": 5} for each in receivers]
    return stored(
        spec={"receiverRefs": [{"name": each} for each in receivers]},
        status={"phase": "Failed", "reason": "MaxRetriesExhausted", "targets": targets},
        metadata={"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}"},
    )


async def test_notification_that_another_redrive_sends_meanwhile_is_skipped(
    server: ApiServer, notif: CommandLine
) -> None:
    order = failed()
    server.add(PLURAL, order)
    theirs = dict(replay(order, nonce="theirs", now=NOW, batch="theirs").obj)
    server.events["GET", "/order"] = lambda: server.add(PLURAL, theirs)
    code, out, err = await notif("redrive", "--batch", "mine", "--yes")
    assert (code, replays(server)) == (0, [theirs]), err
    assert "shop/order  skipped: another redrive or replay has sent it meanwhile" in out
    assert "batch mine: 1 skipped" in err


async def test_targets_that_another_redrive_sends_to_meanwhile_are_left_out(
    server: ApiServer, notif: CommandLine
) -> None:
    order = failed(receivers=("a", "b"))
    server.add(PLURAL, order)
    theirs = dict(replay(order, nonce="x", now=NOW, only=lambda key: key.name == "a").obj)
    server.events["GET", "/order"] = lambda: server.add(PLURAL, theirs)
    code, _, err = await notif("redrive", "--batch", "mine", "--yes")
    assert (code, "batch mine: 1 created" in err) == (0, True), err
    refs = [each["spec"]["receiverRefs"] for each in replays(server)]
    assert refs == [[{"name": "a"}], [{"name": "b"}]]


async def test_redrive_goes_on_after_a_namespace_that_refuses_it(
    server: ApiServer, notif: CommandLine
) -> None:
    for namespace in ("bank", "full", "shop"):
        server.add(PLURAL, failed(namespace=namespace))
    refusal = {"message": "exceeded quota: notifications"}
    server.events["POST", f"/full/{PLURAL}"] = lambda: web.json_response(refusal, status=403)
    code, out, err = await notif("redrive", "-A", "--batch", "b", "--yes")
    assert [each["metadata"]["namespace"] for each in replays(server)] == ["bank", "shop"]
    assert "full/order  refused: the API server refuses the request: exceeded quota: notifications" in out
    assert (code, "batch b: 2 created, 1 refused" in err) == (1, True), err
