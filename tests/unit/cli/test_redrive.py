"""`notif redrive` while others change what it sends, and with notifications that the API server refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from notification_cli.views.resending.replay import replay
from tests.unit.cli.samples import NOW, reported
from tests.unit.operator.domain.builders import stored
from tests.unit.operator.domain.receivers.builders import stored_receiver

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


def about_incident(name: str, event: str, second: int) -> dict[str, Any]:
    """Return a failed notification about the incident `node-7`."""
    obj = failed(name)
    obj["metadata"]["creationTimestamp"] = f"2026-03-01T12:00:{second:02}Z"
    obj["spec"] |= {"dedupKey": "node-7", "event": event}
    return obj


@pytest.mark.parametrize(
    ("event", "younger", "problem"),
    [
        ("Trigger", "Resolve", "its incident was resolved since"),
        ("Acknowledge", "Resolve", "its incident was resolved since"),
        ("Resolve", "Trigger", "its incident was reported again since"),
        ("Trigger", "Trigger", ""),
    ],
)
async def test_replay_of_what_a_younger_event_has_overtaken_is_refused(
    *, server: ApiServer, notif: CommandLine, event: str, younger: str, problem: str
) -> None:
    server.add(PLURAL, about_incident("order", event, 0))
    server.add(PLURAL, about_incident("later", younger, 30))
    code, _, err = await notif("replay", "order", "--yes")
    expected = (
        f"notif: order is not sent again: {problem}; send it with --include-resolved\n" if problem else ""
    )
    assert (code, err, len(replays(server))) == (1 if problem else 0, expected, 0 if problem else 1)
    code, _, _ = await notif("replay", "order", "--yes", "--include-resolved")
    assert (code, len(replays(server))) == (0, 1 if problem else 2)


async def test_redrive_says_where_the_incident_of_a_lost_resolve_is_open(
    server: ApiServer, notif: CommandLine
) -> None:
    resolve = about_incident("order", "Resolve", 0)
    targets = [{"name": "webhook/on-call", "state": "Exhausted"}, {"name": "sms/spare", "state": "Delivered"}]
    resolve["status"] |= {"phase": "PartiallySent", "reason": "IncidentOpen", "targets": targets}
    server.add(PLURAL, resolve)
    _, _, err = await notif("redrive", "--batch", "mine")
    assert "1 open at webhook/on-call; the fallback has both" in err


async def test_replay_without_the_right_to_list_says_what_is_not_known(
    server: ApiServer, notif: CommandLine
) -> None:
    server.add(PLURAL, about_incident("order", "Trigger", 0))
    server.events["GET", f"/{PLURAL}"] = lambda: web.json_response({"message": "no"}, status=403)
    code, _, err = await notif("replay", "order", "--yes")
    assert (code, len(replays(server))) == (0, 1)
    assert "cannot tell whether the incident of order was resolved since: " in err


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


@pytest.mark.parametrize(
    ("requested", "outcome", "suspended", "sent"),
    [
        ("2026-03-01T12:00:01Z", "Succeeded", False, 1),
        ("2026-03-01T11:59:59Z", "Succeeded", False, 0),
        ("2026-03-01T12:00:01Z", "Failed", False, 0),
        ("2026-03-01T12:00:01Z", "Succeeded", True, 0),
        ("some time", "Succeeded", False, 0),
    ],
)
async def test_receiver_that_passes_a_test_since_its_latest_attempt_is_healthy(
    *, server: ApiServer, notif: CommandLine, requested: str, outcome: str, suspended: bool, sent: int
) -> None:
    test = {"requestedAt": requested, "outcome": outcome}
    status = reported(
        healthy="Unknown", reason="Untested", lastAttemptTime="2026-03-01T12:00:00Z", lastTest=test
    )
    server.add(
        "notificationreceivers",
        stored_receiver("a", namespace="shop", spec={"suspend": suspended}, status=status),
    )
    server.add(PLURAL, failed())
    code, _, err = await notif("redrive", "--yes", "--when-healthy", "--timeout", "1s")
    assert (code, len(replays(server))) == (0 if sent else 4, sent), err
