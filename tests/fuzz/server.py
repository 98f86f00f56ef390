"""Compares the validator with a real API server, which also evaluates the CEL rules and stores the statuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from notification_contract.crds import notification_request
from tests.fuzz.schema import definition, problems, stored
from tests.harness.cluster import Cluster
from tests.harness.control_plane import control_plane
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KIND = {"apiVersion": "kubernaut.ai/v1alpha1", "kind": "NotificationRequest"}
WHERE = "/apis/kubernaut.ai/v1alpha1/namespaces/default/notificationrequests"
UNPROCESSABLE, CREATED, OK = 422, 201, 200


def disagreements(ended: Iterable[dict[str, Any]], specs: Iterable[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return how many answers of an API server were compared, and each that the validator did not expect.

    Args:
        ended: objects with the status that the operator has left; the API server has to accept both.
        specs: specs that may be invalid.
    """
    with control_plane() as started:
        cluster = Cluster(started.kubeconfig)
        cluster.apply(dict(notification_request()))
        eventually(cluster.has_kind, bool, within=30)
        answers = [*_statuses(cluster, ended), *_specs(cluster, specs)]
    return len(answers), [problem for problem in answers if problem]


def _statuses(cluster: Cluster, ended: Iterable[dict[str, Any]]) -> Iterator[str]:
    for number, obj in enumerate(ended):
        meta = {
            "name": f"ended-{number}",
            "namespace": "default",
            "labels": obj["metadata"]["labels"],
            "annotations": obj["metadata"].get("annotations", {}),
        }
        answer = cluster.send("POST", WHERE, {**KIND, "metadata": meta, "spec": obj["spec"]})
        if answer.status != CREATED:
            yield f"an object of the simulation is refused: {answer.data[:500]!r}"
            continue
        created = json.loads(answer.data)
        if created["spec"] != obj["spec"]:
            yield f"the API server stores another spec: {created['spec']} instead of {obj['spec']}"
        written = {**created, "status": obj["status"]}
        answer = cluster.send("PUT", f"{WHERE}/ended-{number}/status", written)
        same = answer.status == OK and json.loads(answer.data)["status"] == obj["status"]
        yield "" if same else f"the API server stores another status: {answer.data[:800]!r}"
        changed = {**created, "spec": {**created["spec"], "subject": created["spec"]["subject"] + "!"}}
        del changed["metadata"]["resourceVersion"]
        answer = cluster.send("PUT", f"{WHERE}/ended-{number}?dryRun=All", changed)
        refused = answer.status == UNPROCESSABLE or b"resourceVersion" in answer.data
        yield "" if refused else f"the API server changes a spec: {answer.data[:300]!r}"


def _specs(cluster: Cluster, specs: Iterable[dict[str, Any]]) -> Iterator[str]:
    messages = frozenset(_rule_messages(definition()))
    for number, spec in enumerate(specs):
        obj = {**KIND, "metadata": {"name": f"spec-{number}", "namespace": "default"}, "spec": spec}
        answer = cluster.send("POST", f"{WHERE}?dryRun=All", obj)
        accepted, expected = answer.status == CREATED, not list(problems(stored(obj)))
        by_rule = not accepted and any(message in json.loads(answer.data)["message"] for message in messages)
        if accepted != expected and not by_rule:
            yield f"{spec} is {'accepted' if accepted else 'refused'} by the API server only: {answer.data[:400]!r}"
        else:
            yield ""


def _rule_messages(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the message of each CEL rule, which only the API server evaluates."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield rule["message"]
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for each in inner:
        if isinstance(each, dict):
            yield from _rule_messages(each)
