"""The order of an incident, and fallbacks, while the API server fails or the operator is killed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.chaos.lane import pause
from tests.chaos.receivers import Receivers
from tests.chaos.scenario import scenario
from tests.chaos.stage import webhook_hit

if TYPE_CHECKING:
    from tests.chaos.stage import Stage
    from tests.harness.cluster import Object

STATUS: dict[str, Any] = {"verb": "update", "subresource": "status"}
INCIDENTS = 5
PRIMARY, FALLBACK = "primary", "spare"


def _event(stage: Stage, event: str) -> list[Object]:
    """Create an event of each incident."""
    return [
        obj
        for number in range(INCIDENTS)
        for obj in stage.create(1, event=event, dedupKey=f"incident-{number}")
    ]


def _in_order(stage: Stage, triggers: list[Object], resolves: list[Object]) -> None:
    """Require that no Trigger was accepted after the Resolve of its incident."""
    stage.settle(within=90)
    accepted: dict[str, float] = {}
    for hit in stage.slack.hits():
        if hit["code"] == 200:
            uid = {name.lower(): value for name, value in hit["headers"].items()}[
                "idempotency-key"
            ].partition(":")[0]
            accepted[uid] = max(hit["at"], accepted.get(uid, 0.0))
    for trigger, resolve in zip(triggers, resolves, strict=True):
        first, last = (accepted.get(obj["metadata"]["uid"]) for obj in (trigger, resolve))
        if first is not None and last is not None:
            stage.require(first <= last, f"{trigger['spec']['dedupKey']} was reported again after its end")
        stage.require(
            first is None or last is not None, f"{trigger['spec']['dedupKey']} stays open at the receiver"
        )


@scenario(
    "Listings of incidents fail, and status writes meet conflicts, between a Trigger and its Resolve",
    final_within=120,
)
def incidents_with_failing_listings(stage: Stage) -> None:
    stage.operator(proxied=True)
    stage.answer({"code": 503}, times=INCIDENTS + 2)
    stage.fail(verb="list", resource="notificationrequests", namespace=stage.namespace, code=500, times=6)
    stage.fail(namespace=stage.namespace, code=409, times=10, **STATUS)
    triggers = _event(stage, "Trigger")
    stage.wait_for_hits(INCIDENTS)
    _in_order(stage, triggers, _event(stage, "Resolve"))


@scenario(
    "The API server is killed for 10 s between the Triggers of incidents and their Resolves", final_within=120
)
def incidents_over_an_outage(stage: Stage) -> None:
    stage.operator()
    stage.answer({"code": 503, "delay": 0.5}, {"delay": 0.5}, times=INCIDENTS + 2)
    triggers = _event(stage, "Trigger")
    stage.wait_for_hits(INCIDENTS)
    resolves = _event(stage, "Resolve")
    stage.lane.servers.api.kill()
    pause(10)
    stage.lane.servers.start()
    _in_order(stage, triggers, resolves)


@scenario(
    "SIGKILL between the Triggers of incidents and their Resolves, with writes that are lost",
    repeats=True,
    unrecorded=True,
    final_within=120,
)
def incidents_over_a_kill(stage: Stage) -> None:
    operator = stage.operator(proxied=True)
    stage.answer({"code": 503}, {"delay": 0.3}, times=INCIDENTS + 2)
    stage.fail(namespace=stage.namespace, cut=True, after=True, times=4, **STATUS)
    triggers = _event(stage, "Trigger")
    stage.wait_for_hits(INCIDENTS)
    resolves = _event(stage, "Resolve")
    operator.relaunch()
    _in_order(stage, triggers, resolves)


def _fallback(stage: Stage, *, after: str = "", **operator: Any) -> tuple[Receivers, Object]:
    """Start an operator and a receiver with a fallback; return the receivers, and the reference to the first one."""
    receivers = Receivers(stage)
    receivers.add(FALLBACK)
    fallback = {"name": FALLBACK, **({"after": after} if after else {})}
    ref = receivers.add(PRIMARY, fallback=fallback)
    stage.operator(**operator)
    receivers.wait(PRIMARY, "Ready", "Accepted")
    return receivers, ref


def _joined_once(stage: Stage) -> None:
    """Require that the fallback got each message, in one attempt that was accepted."""
    stage.settle(within=60)
    hits = [webhook_hit(hit) for hit in stage.webhook.hits()]
    seen = Counter(hit.id.partition(":")[0] for hit in hits if f"/{FALLBACK}:" in hit.id and hit.accepted)
    for obj in stage.stored():
        count = seen[obj["metadata"]["uid"]]
        stage.require(count == 1, f"the fallback got {obj['metadata']['name']} {count} times")
        joined = [each for each in obj["status"]["targets"] if each["name"].endswith(f"/{FALLBACK}")]
        stage.require(len(joined) == 1, f"the fallback joined {len(joined)} times")


def _to(stage: Stage, ref: Object, count: int = 6) -> None:
    stage.create(count, channels=None, recipients=None, receiverRefs=[ref])


@scenario(
    "A receiver refuses each message, and the writes by which its fallback joins are applied and answered with 500",
    final_within=90,
)
def fallback_with_lost_answers(stage: Stage) -> None:
    receivers, ref = _fallback(stage, proxied=True)
    receivers.answer(PRIMARY, {"code": 400})
    stage.fail(namespace=stage.namespace, code=500, after=True, times=15, **STATUS)
    _to(stage, ref)
    _joined_once(stage)


@scenario(
    "A receiver hangs, and its fallback joins after 4 s while status writes meet conflicts",
    unreached=True,
    unanswered=True,
    final_within=120,
)
def fallback_with_conflicts(stage: Stage) -> None:
    receivers, ref = _fallback(stage, after="4s", proxied=True)
    receivers.answer(PRIMARY, {"code": 503})
    stage.fail(namespace=stage.namespace, code=409, times=30, **STATUS)
    _to(stage, ref)
    _joined_once(stage)


@scenario("The API server is killed for 10 s when fallbacks have to join", final_within=120)
def fallback_over_an_outage(stage: Stage) -> None:
    receivers, ref = _fallback(stage)
    receivers.answer(PRIMARY, {"code": 400, "delay": 1.0})
    _to(stage, ref)
    stage.wait_for_hits(3)
    stage.lane.servers.api.kill()
    pause(10)
    stage.lane.servers.start()
    _joined_once(stage)
