"""The messages of a drill, and what is read from their status."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from notification_cli.views.drill import DrillOutcome, can_be_open, drill, drill_result, skipped
from notification_cli.views.lint.files import check
from notification_cli.views.receivers import receiver_view
from notification_cli.views.resending.replay import ReplayRefusedError, replay
from notification_contract import names
from tests.unit.cli.samples import NOW, attempt
from tests.unit.cli.test_surroundings import COMMAND, environment
from tests.unit.operator.domain.receivers.builders import stored_receiver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.api_server import ApiServer, CommandLine

PLURAL = "notificationrequests"

MAIL = {"host": "mail.example.com", "from": "a@example.com"}


def view(**spec: Any) -> Any:
    return receiver_view(stored_receiver(spec={"type": "pagerduty", "pagerduty": {}, **spec}))


def message(**spec: Any) -> dict[str, Any]:
    return drill(view(**spec), identity="d", event="Trigger", seconds=60, now=NOW)


def test_message_is_valid_marked_and_ends_with_the_drill() -> None:
    obj = message()
    assert [problem for each in check([obj]) for problem in each.problems] == []
    assert obj["metadata"]["labels"] == {names.DRILL_LABEL: "d"}
    assert obj["spec"]["subject"].startswith("[DRILL] ")
    assert obj["spec"]["receiverRefs"] == [{"name": "on-call"}]
    assert obj["spec"]["deliverBefore"] == (NOW + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    resolved = drill(view(), identity="d", event="Resolve", seconds=60, now=NOW)
    assert resolved["spec"]["dedupKey"] == obj["spec"]["dedupKey"]
    assert resolved["metadata"]["name"] != obj["metadata"]["name"]


@pytest.mark.parametrize(
    ("priorities", "expected"), [([], "low"), (["critical"], "critical"), (["high", "medium"], "medium")]
)
def test_priority_is_the_least_urgent_that_the_receiver_accepts(priorities: list[str], expected: str) -> None:
    assert message(priorities=priorities)["spec"]["priority"] == expected


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, ""),
        ({"suspend": True}, "it is suspended"),
        ({"type": "email", "email": MAIL}, "it lists no recipients; set spec.email.to"),
        ({"type": "email", "email": {**MAIL, "to": ["a@example.com"]}}, ""),
    ],
)
def test_receiver_without_anybody_to_send_to_is_skipped(spec: dict[str, Any], why: str) -> None:
    assert skipped(view(**spec)) == why


@pytest.mark.parametrize(
    ("targets", "final", "outcome", "detail"),
    [
        (
            [{"name": "pagerduty/on-call", "state": "Delivered", "attempts": 1}],
            True,
            DrillOutcome.DELIVERED,
            "",
        ),
        (
            [
                {"name": "pagerduty/on-call", "state": "Refused", "attempts": 1, "lastError": "401"},
                {"name": "email/mail", "state": "Delivered", "attempts": 1},
            ],
            True,
            DrillOutcome.FAILED,
            "401",
        ),
        (
            [{"name": "pagerduty/on-call", "state": "Suppressed", "suppressedBy": "Muted"}],
            True,
            DrillOutcome.FAILED,
            "Muted",
        ),
        (
            [{"name": "pagerduty/on-call", "state": "Waiting", "lastError": "503"}],
            False,
            DrillOutcome.LATE,
            "503",
        ),
        ([], False, DrillOutcome.LATE, "no attempt was made"),
    ],
)
def test_result_is_that_of_the_receiver_and_not_of_its_fallback(
    targets: list[dict[str, Any]],
    final: bool,  # noqa: FBT001 - a parameter
    outcome: DrillOutcome,
    detail: str,
) -> None:
    status = {
        "targets": targets,
        "deliveryAttempts": [attempt("pagerduty/on-call", 1, 1, durationSeconds=0.5)],
    }
    result = drill_result(view(), {**message(), "status": status}, seconds=1.23456, final=final)
    assert (result.result, result.detail, result.call_seconds) == (outcome, detail, 0.5)
    assert result.seconds == (1.235 if final else None)


def test_failed_drill_is_not_sent_again() -> None:
    obj = message()
    obj["metadata"]["uid"] = "u"
    with pytest.raises(ReplayRefusedError, match="it is a drill"):
        replay({**obj, "status": {"phase": "Failed"}}, nonce="n", now=NOW)


def on_call(server: ApiServer, **spec: Any) -> list[str]:
    """Add a receiver, by default one that opens incidents; return the events of its messages, which grows."""
    receiver = stored_receiver(spec={"type": "pagerduty", "pagerduty": {}, **spec})
    server.add("notificationreceivers", receiver)
    created: list[str] = []
    server.events["POST", PLURAL] = lambda: created.append(server.requests[-1].body["spec"]["event"])
    return created


def reading(server: ApiServer, *answers: web.Response | None, state: str = "") -> Callable[[], Any]:
    """Return the answers to reads of a message, in their order; then the target has a state."""
    left = iter(answers)

    def answer() -> web.Response | None:
        obj = server.objects.get(server.requests[-1].path)
        if (response := next(left, None)) is None and obj is not None and state:
            result = {"status": "success"} if state == "Delivered" else {"permanent": True}
            obj["status"] = ended({"pagerduty/on-call": state}, attempt("pagerduty/on-call", 1, 1, **result))
        return response

    return answer


def ended(states: dict[str, str], *attempts: dict[str, Any]) -> dict[str, Any]:
    """Return the status of a message by the states of its targets."""
    targets = [{"name": name, "state": state, "attempts": 1} for name, state in states.items()]
    phase = "Sent" if set(states.values()) == {"Delivered"} else "Failed"
    return {"phase": phase, "targets": targets, "deliveryAttempts": list(attempts)}


def ending(server: ApiServer, states: dict[str, str], *attempts: dict[str, Any]) -> Callable[[], None]:
    """Return what ends a message just before it is read."""

    def end() -> None:
        server.objects[server.requests[-1].path]["status"] = ended(states, *attempts)

    return end


def refused(status: int) -> web.Response:
    return web.json_response({"message": "no"}, status=status)


async def test_drill_reads_again_after_a_failed_read(server: ApiServer, notif: CommandLine) -> None:
    created = on_call(server)
    server.events["GET", "-on-call"] = reading(server, refused(429), refused(500), state="Delivered")
    server.events["GET", "-resolve"] = reading(server, state="Delivered")
    code, out, _ = await notif("drill", "--receiver", "on-call", "--yes", "--timeout", "20s")
    assert (code, created, "Delivered" in out) == (0, ["Trigger", "Resolve"], True), out


@pytest.mark.parametrize(
    ("status", "code", "detail"),
    [(429, 4, "is overloaded; repeat the command later"), (403, 1, "the API server refuses the request: no")],
)
async def test_drill_resolves_an_incident_that_can_be_open(
    server: ApiServer, notif: CommandLine, status: int, code: int, detail: str
) -> None:
    created = on_call(server)
    server.events["GET", "-on-call"] = reading(server, *(refused(status) for _ in range(100)))
    server.events["GET", "-resolve"] = reading(server, state="Delivered")
    result = await notif("drill", "--receiver", "on-call", "--yes", "--timeout", "1s")
    assert (result[0], created, detail in result[1]) == (code, ["Trigger", "Resolve"], True), result


async def test_incident_that_a_late_drill_leaves_is_named(server: ApiServer, notif: CommandLine) -> None:
    created = on_call(server)
    server.events["GET", "-on-call"] = reading(server)
    server.events["GET", "-resolve"] = reading(server, state="Refused")
    code, out, _ = await notif("drill", "--receiver", "on-call", "--yes", "--timeout", "1s")
    assert (code, created) == (4, ["Trigger", "Resolve"])
    assert "no attempt was made; the incident of the drill can be open: Refused" in out


async def test_trigger_that_failed_is_not_resolved(server: ApiServer, notif: CommandLine) -> None:
    created = on_call(server)
    server.events["GET", "-on-call"] = reading(server, state="Refused")
    code, _, _ = await notif("drill", "--receiver", "on-call", "--yes", "--timeout", "20s")
    assert (code, created) == (1, ["Trigger"])


@pytest.mark.parametrize(
    ("spec", "target", "opened"),
    [
        ({}, "receiver/on-call", True),
        ({"type": "email", "email": MAIL}, "receiver/on-call", False),
        ({"type": "email", "email": MAIL}, "pagerduty/platform/on-call", True),
    ],
)
def test_target_of_the_receiver_has_its_type_whatever_it_is_called(
    spec: dict[str, Any],
    target: str,
    opened: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert can_be_open(view(**spec), {**message(), "status": ended({target: "Delivered"})}) is opened


CHAT = {"type": "slack", "slack": {}, "fallback": {"name": "pager"}}


@pytest.mark.parametrize(
    ("resolve", "detail"),
    [
        ("Delivered", "401"),
        ("Suppressed", "401"),
        ("Expired", "401; the incident of the drill can be open: Expired"),
    ],
)
async def test_incident_that_a_fallback_has_opened_is_resolved(
    server: ApiServer, notif: CommandLine, resolve: str, detail: str
) -> None:
    created = on_call(server, **CHAT)
    states = {"slack/on-call": "Refused", "pagerduty/pager": "Delivered"}
    server.events["GET", "-on-call"] = ending(server, states, attempt("slack/on-call", 1, 1, permanent=True))
    server.events["GET", "-resolve"] = ending(server, {**states, "pagerduty/pager": resolve})
    code, out, _ = await notif("drill", "--receiver", "on-call", "--yes", "--timeout", "20s", "-o", "json")
    (receiver,) = json.loads(out)["receivers"]
    assert (code, created) == (1, ["Trigger", "Resolve"]), out
    assert receiver["detail"] == detail.replace("401", "Refused")


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([{"error": "timed out after 10 s"}, {"error": "503"}], ["Trigger", "Resolve"]),
        ([{"circuitOpen": True}, {"reason": "ReceiverNotReady"}, {"permanent": True}], ["Trigger"]),
        ([], ["Trigger", "Resolve"]),
    ],
)
async def test_trigger_that_can_have_arrived_is_resolved_although_it_failed(
    server: ApiServer, notif: CommandLine, attempts: list[dict[str, Any]], expected: list[str]
) -> None:
    created = on_call(server)
    made = [attempt("pagerduty/on-call", number, number, **each) for number, each in enumerate(attempts, 1)]
    server.events["GET", "-on-call"] = ending(server, {"pagerduty/on-call": "Exhausted"}, *made)
    server.events["GET", "-resolve"] = ending(server, {"pagerduty/on-call": "Delivered"})
    code, _, _ = await notif("drill", "--receiver", "on-call", "--yes", "--timeout", "20s")
    assert (code, created) == (1, expected)


@pytest.mark.parametrize(("spec", "number", "code"), [({}, signal.SIGTERM, 143), (CHAT, signal.SIGINT, 130)])
async def test_drill_that_is_interrupted_resolves_what_can_be_open(
    server: ApiServer, notif: CommandLine, spec: dict[str, Any], number: signal.Signals, code: int
) -> None:
    created = on_call(server, **spec)
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "drill", "--receiver", "on-call", "--yes"),
        env=environment(notif),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    server.events["GET", "-on-call"] = lambda: process.send_signal(number)
    _, err = await asyncio.wait_for(process.communicate(), 300)
    assert (process.returncode, created, b"Traceback" in err) == (code, ["Trigger", "Resolve"], False), err
