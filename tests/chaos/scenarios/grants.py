"""What a receiver was granted is taken away while attempts run: the label of its Secret, the Secret, a role, a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_infra import names
from tests.chaos.lane import pause
from tests.chaos.receivers import HOLD, Receivers
from tests.chaos.scenario import scenario
from tests.harness.eventually import eventually
from tests.harness.process_account import API

if TYPE_CHECKING:
    from tests.chaos.operator import ChaosOperator
    from tests.chaos.stage import Stage
    from tests.harness.cluster import Object

NAME, SECRET = "hook", "address"
UNHURRIED = {"maxAttempts": 10, "initialBackoffSeconds": 5, "backoffMultiplier": 1, "maxBackoffSeconds": 60}
"""A retry policy that lasts longer than the receiver is not for the namespace."""
IN_FORCE_WITHIN = 1.0
"""Seconds after the condition of a receiver in which the last attempt before it may still arrive."""


def _used(stage: Stage, *, proxied: bool = False) -> tuple[Receivers, ChaosOperator]:
    """Start an operator with a receiver that needs a Secret, and send a few notifications; further ones fail once first."""
    receivers = Receivers(stage)
    receivers.secret(SECRET)
    receivers.add(NAME, secret=SECRET, **HOLD)
    operator = stage.operator(proxied=proxied)
    receivers.wait(NAME, "ResolvedRefs", "SecretFound")
    receivers.answer(NAME, *[{"code": 503}] * 3, {})
    _send(stage, 4)
    stage.wait_for_hits(4)
    return receivers, operator


def _send(stage: Stage, count: int, **spec: Any) -> list[Object]:
    refs = [{"name": NAME, "namespace": stage.home}]
    return stage.create(count, channels=None, recipients=None, receiverRefs=refs, **spec)


def _nothing_is_sent(stage: Stage, seconds: float = 5.0) -> None:
    """Require that no request arrives, once the last one that was under way has."""
    pause(IN_FORCE_WITHIN)
    before = len(stage.hits())
    pause(seconds)
    stage.require(len(stage.hits()) == before, "a receiver was used without its grant")


@scenario("The label of a Secret is removed while attempts run, and set again", final_within=90)
def removed_label(stage: Stage) -> None:
    receivers, _ = _used(stage)
    _send(stage, 5)
    receivers.delete_secret(SECRET)
    receivers.secret(SECRET, granted=False)
    receivers.wait(NAME, "ResolvedRefs", "SecretNotFound")
    _send(stage, 5)
    _nothing_is_sent(stage)
    receivers.secret(SECRET)


@scenario(
    "The label of a Secret is removed and the operator is killed: the next process does not use it, either",
    repeats=True,
    final_within=90,
)
def removed_label_and_kill(stage: Stage) -> None:
    receivers, operator = _used(stage)
    stage.settle(within=30)
    operator.end()
    receivers.delete_secret(SECRET)
    receivers.secret(SECRET, granted=False)
    _send(stage, 5)
    stage.start(operator)
    receivers.wait(NAME, "ResolvedRefs", "SecretNotFound")
    _nothing_is_sent(stage)
    receivers.secret(SECRET)


@scenario(
    "A Secret is replaced ten times while attempts run: no attempt is lost or repeated", final_within=90
)
def replaced_secret(stage: Stage) -> None:
    receivers, _ = _used(stage)
    for number in range(10):
        _send(stage, 3)
        if number % 3:
            receivers.secret(SECRET, other=str(number))
        else:
            receivers.delete_secret(SECRET)
            receivers.secret(SECRET)
        pause(stage.random.uniform(0.1, 0.6))


@scenario(
    "The operator loses the right to read Secrets for 15 s, and is started again meanwhile",
    repeats=True,
    final_within=90,
)
def lost_role(stage: Stage) -> None:
    receivers, operator = _used(stage)
    path = f"/apis/{API}/namespaces/{stage.home}/roles/{names.OPERATOR}"
    role = stage.cluster.request("GET", path)
    without = [rule for rule in role["rules"] if "secrets" not in rule["resources"]]
    merge = "application/merge-patch+json"
    stage.cluster.text("PATCH", path, {"rules": without}, kind=merge)
    _send(stage, 4)
    operator.relaunch()
    receivers.wait(NAME, "ResolvedRefs", "NotAllowed")
    _send(stage, 4)
    _nothing_is_sent(stage, 8)
    stage.cluster.text("PATCH", path, {"rules": role["rules"]}, kind=merge)


@scenario(
    "Requests for Secrets fail with 500, 403 and cut watches while the Secret changes", final_within=120
)
def failing_secrets(stage: Stage) -> None:
    receivers, _ = _used(stage, proxied=True)
    _send(stage, 4)
    for code in (500, 403, 429):
        rule = stage.fail(resource="secrets", code=code, times=None)
        stage.proxy.cut_watches(resource="secrets")
        receivers.secret(SECRET, other=str(code))
        _send(stage, 3)
        eventually(lambda rule=rule: rule.used, bool, within=60)  # type: ignore[misc]
        pause(3)
        rule.remove()
    receivers.secret(SECRET)


@scenario(
    "A receiver stops to allow the namespace during retries, and allows it again",
    unreached=True,
    final_within=90,
)
def withdrawn_namespace(stage: Stage) -> None:
    receivers, _ = _used(stage)
    receivers.patch(NAME, allowedNamespaces={"from": "Same"})
    generation = stage.cluster.request(
        "GET", f"/apis/{names.GROUP}/{names.VERSION}/namespaces/{stage.home}/{names.RECEIVER_PLURAL}/{NAME}"
    )["metadata"]["generation"]
    eventually(
        lambda: receivers.condition(NAME, "Ready").get("observedGeneration"),
        lambda seen: seen == generation,
        within=30,
    )
    created = _send(stage, 5, retryPolicy=UNHURRIED)
    _nothing_is_sent(stage, 3)
    stage.require(
        "ReceiverNotAllowed" in str(stage.stored()), "no status says that the namespace is not allowed"
    )
    receivers.patch(NAME, allowedNamespaces={"from": "All"})
    stage.settle(within=60)
    sent = {obj["metadata"]["name"] for obj in created}
    phases = {obj["status"]["phase"] for obj in stage.stored() if obj["metadata"]["name"] in sent}
    stage.require(phases == {"Sent"}, f"the notifications are {phases} after the namespace is allowed again")


@scenario(
    "A receiver is deleted and created again five times while attempts run", unreached=True, final_within=90
)
def recreated_receiver(stage: Stage) -> None:
    receivers, _ = _used(stage)
    for _ in range(5):
        _send(stage, 3)
        pause(stage.random.uniform(0.1, 0.5))
        receivers.delete(NAME)
        pause(stage.random.uniform(0.1, 1.0))
        receivers.add(NAME, secret=SECRET, **HOLD)
