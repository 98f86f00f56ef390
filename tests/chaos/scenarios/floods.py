"""One namespace sends, stores or computes as much as it can, while another one sends little."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.chaos.lane import pause
from tests.chaos.receivers import Receivers
from tests.chaos.scenario import scenario
from tests.harness.routing_document import KEY, NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.chaos.operator import ChaosOperator
    from tests.chaos.stage import Stage
    from tests.harness.cluster import Object

LARGEST = 262_144
OTHERS = 5
PATIENT = {"deliveryTimeoutSeconds": 15}
"""Large messages take their time on a busy machine, and are not what fails here."""
OTHERS_WITHIN = 20.0
"""Seconds within which the notifications of the other namespace are delivered; the machine may be busy."""
MEMORY = 200 * 1024 * 1024
"""Resident bytes of the operator: with its render worker they are within the limit of its pod, 256 MiB."""
ENDLESS = "{% for a in range(1000) %}{% for b in range(1000) %}{{ b }}{% endfor %}{% endfor %}"


def _sends_little(stage: Stage, operator: ChaosOperator, *, rounds: int = 2, **spec: Any) -> None:
    """Send a few notifications in another namespace, and require that they are delivered soon and the operator stays small."""
    namespace = stage.add_namespace()
    for _ in range(rounds):
        began = time.monotonic()
        created = stage.create(OTHERS, namespace=namespace, **spec)
        while _open(stage, created) and time.monotonic() - began < 3 * OTHERS_WITHIN:
            pause(0.2)
        seconds = time.monotonic() - began
        stage.require(seconds < OTHERS_WITHIN, f"another namespace waited {seconds:.1f} s")
        used = operator.resident_bytes()
        stage.require(used < MEMORY, f"the operator uses {used / 1024**2:.0f} MiB")
        stage.require(operator.alive(), "the liveness probe fails")


def _open(stage: Stage, created: Iterable[Object]) -> bool:
    stored = (stage.cluster.get(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in created)
    return any(obj is None or obj["status"]["phase"] != "Sent" for obj in stored)


@scenario("A namespace sends forty bodies of the largest size to a slow receiver", final_within=180)
def flood_of_bodies(stage: Stage) -> None:
    operator = stage.operator(settings=PATIENT)
    stage.create(40, body="x" * LARGEST)
    _sends_little(stage, operator)


@scenario("A namespace sends to a receiver whose template takes all the time that it may", final_within=180)
def flood_of_templates(stage: Stage) -> None:
    receivers = Receivers(stage)
    operator = stage.operator(settings=PATIENT)
    slow = receivers.add("slow", template={"inline": {"body": ENDLESS}})
    quick = receivers.add("quick", template={"inline": {"body": "{{ notification.body }}"}})
    stage.create(60, channels=None, recipients=None, receiverRefs=[slow])
    _sends_little(stage, operator, channels=None, recipients=None, receiverRefs=[quick])


@scenario("A namespace has more notifications than the operator holds; none is forgotten", final_within=240)
def flood_of_notifications(stage: Stage) -> None:
    receivers = Receivers(stage)
    operator = stage.operator(settings={"operatorMaxNotifications": 1000}, start=False)
    # A channel of the settings has a rate limit: 1,500 messages would take it half an hour.
    slow, quick = receivers.add("slow"), receivers.add("quick")
    receivers.answer("slow", {"delay": 0.5})
    stage.create(1500, channels=None, recipients=None, receiverRefs=[slow])
    stage.start(operator)
    _sends_little(stage, operator, channels=None, recipients=None, receiverRefs=[quick])
    receivers.answer("slow", {})


@scenario("A namespace sends to twenty receivers that take their time for each message", final_within=180)
def flood_of_slow_receivers(stage: Stage) -> None:
    receivers = Receivers(stage)
    operator = stage.operator()
    refs = [receivers.add(f"slow-{number}", timeout="20s") for number in range(20)]
    other = receivers.add("quick")
    receivers.answer("slow-", {"delay": 5})
    for ref in refs:
        stage.create(5, channels=None, recipients=None, receiverRefs=[ref], body="x" * 20_000)
    _sends_little(stage, operator, channels=None, recipients=None, receiverRefs=[other])
    receivers.answer("slow-", {})


@scenario("A namespace has four hundred receivers with templates of the largest size", final_within=120)
def flood_of_receivers(stage: Stage) -> None:
    receivers = Receivers(stage)
    operator = stage.operator(settings={"receiversMaxPerNamespace": 50, "receiversMaxTotal": 100})
    flooded = stage.add_namespace()
    template = {"inline": {"body": "{{ notification.body|upper }}" * 40 + "x" * 60_000}}
    for number in range(400):
        receivers.write(
            f"r-{number:03}",
            flooded,
            {"type": "webhook", "webhook": {"url": "https://example.com/"}, "template": template},
        )
    other = receivers.add("quick")
    _sends_little(stage, operator, channels=None, recipients=None, receiverRefs=[other])
    receivers.wait("r-399", "Ready", "TooMany", namespace=flooded)


@scenario("The routing document changes a hundred times, to large, broken and absent ones", final_within=120)
def flood_of_routing_documents(stage: Stage) -> None:
    operator = stage.operator()
    whole = "route: {receiver: all}\nreceivers: [{name: all, channels: [slack]}]\n"
    routes = "".join(f"    - {{receiver: all, matchers: ['a{each}=\"b\"']}}\n" for each in range(8000))
    documents = (
        whole,
        f"route:\n  receiver: all\n  routes:\n{routes}receivers: [{{name: all, channels: [slack]}}]\n",
        "route: [",
        "[" * 5000,
    )
    for number in range(100):
        metadata = {"name": NAME, "namespace": stage.home}
        text = documents[number % len(documents)]
        stage.cluster.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}
        )
        if number % 10 == 0:
            stage.create(2, channels=["slack"])
    _sends_little(stage, operator)
    stage.cluster.core.delete_namespaced_config_map(NAME, stage.home)
    _sends_little(stage, operator)
