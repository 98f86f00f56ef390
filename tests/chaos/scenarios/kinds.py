"""The CRD comes late or is replaced; namespaces are deleted, refused or deselected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.lane import pause
from tests.chaos.scenario import scenario
from tests.chaos.stage import Stage, only
from tests.harness.eventually import eventually
from tests.harness.operators import LABEL

if TYPE_CHECKING:
    from tests.harness.cluster import Object


@scenario("The CRD is applied 15 s after the operator's start", final_within=90)
def late_kind(stage: Stage) -> None:
    stage.lane.remove_kind()
    operator = stage.operator(start=False)
    operator.launch()
    pause(15)
    stage.require(operator.runs, "the operator has ended without the CRD")
    stage.lane.install_kind()
    stage.create(10)


@scenario("The CRD is deleted with all notifications, and created again", final_within=90)
def recreated_kind(stage: Stage) -> None:
    operator = stage.operator()
    stage.answer({"code": 503, "delay": 0.5}, {"delay": 0.5}, times=8)
    stage.create(10)
    stage.wait_for_hits(5)
    stage.lane.remove_kind()
    pause(5)
    stage.require(operator.runs, "the operator has ended without the CRD")
    stage.lane.install_kind()
    stage.create(10)


@scenario("A namespace is deleted while its notifications are being delivered; others go on")
def deleted_namespace(stage: Stage) -> None:
    stage.operator()
    stage.answer({"code": 503, "delay": 1}, times=8)
    doomed = stage.add_namespace()
    stage.create(8, namespace=doomed)
    stage.create(8)
    stage.wait_for_hits(8)
    stage.cluster.core.delete_namespace(doomed)
    # No controller manager runs that would empty the namespace.
    stage.cluster.delete_all(doomed)
    finalize = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": doomed},
        "spec": {"finalizers": []},
    }
    stage.cluster.text("PUT", f"/api/v1/namespaces/{doomed}/finalize", finalize)
    stage.namespaces.remove(doomed)
    stage.create(4)


@scenario("One of two watched namespaces refuses access for 30 s; the other goes on", final_within=90)
def forbidden_namespace(stage: Stage) -> None:
    other = stage.add_namespace()
    stage.account.only_in((stage.namespace, other))
    stage.operator(variables=only(stage.namespace, other))
    stage.create(4, namespace=other)
    stage.settle(within=30)
    stage.account.forbid(other)
    pause(2)
    blocked = stage.create(4, namespace=other)
    free = stage.create(4)
    _all_final(stage, free, within=25)
    pause(20)
    stage.require(
        all(_phase(stage, obj) == "Pending" for obj in blocked), "a forbidden namespace was written to"
    )
    stage.account.allow(other)


@scenario("A namespace loses its label, and gets it again: it is served only while it has it")
def deselected_namespace(stage: Stage) -> None:
    stage.operator()
    stage.create(3)
    stage.settle(within=30)
    path = f"/api/v1/namespaces/{stage.namespace}"
    merge = "application/merge-patch+json"
    stage.cluster.text("PATCH", path, {"metadata": {"labels": {LABEL: None}}}, kind=merge)
    pause(2)
    ignored = stage.create(3)
    pause(5)
    stage.require(
        all(_phase(stage, obj) == "Pending" for obj in ignored), "a deselected namespace was served"
    )
    stage.cluster.text("PATCH", path, {"metadata": {"labels": {LABEL: stage.name}}}, kind=merge)


def _phase(stage: Stage, obj: Object) -> str:
    stored = stage.cluster.get(obj["metadata"]["namespace"], obj["metadata"]["name"])
    return str(stored["status"]["phase"]) if stored else "deleted"


def _all_final(stage: Stage, objects: list[Object], *, within: float) -> None:
    eventually(
        lambda: {_phase(stage, obj) for obj in objects}, lambda phases: phases == {"Sent"}, within=within
    )
