"""The CRD of a stack, changed for a while; what its API server serves is known by a name that it then refuses."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.mutations.mutation import CONTRACT, copied, source

if TYPE_CHECKING:
    from tests.harness.cluster import Cluster, Object
    from tests.mutations.mutation import Mutation

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/notificationrequests.kubernaut.ai"
NAMESPACE = "default"
IN_FORCE_WITHIN = 30.0


class Contract:
    """The CRD as its owner applies it, so that nothing of a change is left when the whole is applied again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._refused = ""
        """The name that the schema in force refuses, one word, so that no other schema does."""

    def put(self, mutation: Mutation | None) -> None:
        """Have the API server serve the CRD broken in this way, or the whole."""
        crd, last, known = _document(mutation), self._refused, self._known()
        self._refused = "" if mutation is None else f"marker{uuid.uuid4().hex[:8]}"
        if self._refused:
            rule = {"rule": f"self.metadata.name != '{self._refused}'", "message": "another schema"}
            _schema(crd).setdefault("x-kubernetes-validations", []).append(rule)
        # Whose it is stands in its annotations.
        crd["metadata"]["annotations"] = known["metadata"].get("annotations", {})
        self._cluster.apply(crd, manager=_owner(known))
        if last:
            self._wait(last, taken=True)
        if self._refused:
            self._wait(self._refused, taken=False)

    def _wait(self, name: str, *, taken: bool) -> None:
        obj = notification(NAMESPACE, name=name)
        eventually(lambda: self._cluster.would_take(obj), lambda seen: seen is taken, within=IN_FORCE_WITHIN)

    def _known(self) -> Object:
        found: Object = self._cluster.request("GET", PATH)
        return found


def _owner(crd: Object) -> str:
    managers = crd["metadata"]["managedFields"]
    (owner,) = {entry["manager"] for entry in managers if entry["operation"] == "Apply"}
    return str(owner)


def _document(mutation: Mutation | None) -> Object:
    if mutation is None:
        whole: Object = yaml.safe_load(source(CONTRACT).read_text("utf-8"))
        return whole
    with tempfile.TemporaryDirectory() as folder:
        mutation.apply(copied(Path(folder)))
        broken: Object = yaml.safe_load((Path(folder) / CONTRACT).read_text("utf-8"))
    return broken


def _schema(crd: Object) -> Object:
    schema: Object = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema
