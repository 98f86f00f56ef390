"""The receiver hangs, resets, trickles and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.lane import pause
from tests.chaos.scenario import scenario
from tests.chaos.tcp_faults import Mode

if TYPE_CHECKING:
    from tests.chaos.stage import Stage


def _misbehaving(stage: Stage, mode: Mode, seconds: float = 12.0) -> None:
    stage.operator()
    stage.lane.connection(mode)
    stage.create(10)
    pause(seconds)
    stage.lane.connection(Mode.PASS)


@scenario("The receiver accepts connections and requests, and never answers", unreached=True)
def hanging_receiver(stage: Stage) -> None:
    _misbehaving(stage, Mode.SILENT)


@scenario("The receiver resets each connection when the request arrives", unreached=True)
def resetting_receiver(stage: Stage) -> None:
    _misbehaving(stage, Mode.RESET_BEFORE, 5.0)


@scenario(
    "The receiver accepts the message, and the connection is reset before the answer",
    unanswered=True,
    repeats=True,
)
def lost_answers(stage: Stage) -> None:
    _misbehaving(stage, Mode.RESET_AFTER, 5.0)


@scenario("The receiver accepts the message, and answers one byte every 0.4 s", unanswered=True)
def trickling_receiver(stage: Stage) -> None:
    _misbehaving(stage, Mode.SLOW)


@scenario(
    "The receiver accepts the message, and closes its half of the connection without an answer",
    unanswered=True,
    repeats=True,
)
def half_open_receiver(stage: Stage) -> None:
    _misbehaving(stage, Mode.HALF_OPEN, 5.0)


@scenario("The receiver refuses connections for 8 s, and the circuit breaker opens", unreached=True)
def refusing_receiver(stage: Stage) -> None:
    stage.operator(settings={"breakerFailureThreshold": 3, "breakerOpenSeconds": 3})
    stage.lane.reachable(yes=False)
    stage.create(10)
    pause(8)
    stage.lane.reachable(yes=True)


@scenario("The receiver answers with redirects, 429, garbage and dropped connections")
def erratic_receiver(stage: Stage) -> None:
    stage.operator()
    stage.slack.answer(
        "subject",
        *[{"code": 429, "headers": {"Retry-After": "2"}}] * 5,
        *[{"code": 503, "body_base64": "//79AAE="}] * 5,
        *[{"code": 500, "headers": {"Retry-After": "yesterday"}}] * 5,
        {},
    )
    stage.create(10)
