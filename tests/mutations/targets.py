"""What mutations are applied to: an additional operator in the cluster, or the CRD that all operators share."""

from __future__ import annotations

import json
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import yaml

from platform_infra import names
from platform_infra.cluster.local.images import load_image
from tests.harness.cluster import Cluster
from tests.harness.deploy import BuiltImages, bring_up, take_away
from tests.harness.eventually import eventually
from tests.harness.node import Node
from tests.harness.notifications import notification
from tests.harness.operator_deployment import OperatorDeployment
from tests.harness.operators import INSTEAD, LABEL, OPERATORS, OperatorSpec
from tests.mutations.checks import CheckResult, run_checks
from tests.mutations.mutation import CRD, copied, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.harness.cluster import Object
    from tests.harness.place import EphemeralStack
    from tests.mutations.mutation import Mutation

FOLDER = "/mutations"
IMAGE = f"{names.IMAGE_REPOSITORY}:broken"
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/notificationrequests.kubernaut.ai"
CRD_IN_EFFECT_WITHIN = 30.0


class Target(Protocol):
    """Takes one mutation after another."""

    def deploy(self, mutation: Mutation | None) -> None:
        """Put a mutation into effect, or with None the original; returns once it is in effect."""

    def check(self, ids: Iterable[str], *, alone: bool) -> dict[str, CheckResult]:
        """Run checks against it, and return each one's result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MutatedStack:
    """A running stack whose node has the image with all broken operators."""

    stack: EphemeralStack
    image: str

    @contextmanager
    def operator(self, name: str, lane: str) -> Iterator[Target]:
        """Give an additional operator with the settings of `name`; it is removed afterwards."""
        unique = f"broken-{lane}"
        spec = replace(OPERATORS[name], name=unique, namespace=f"notification-{unique}")
        images = BuiltImages(operator=self.image, stubs=self.image)
        try:
            bring_up(self.stack, spec, images)
            yield AdditionalOperator(mutated=self, replaces=name, spec=spec)
        finally:
            take_away(self.stack, spec)

    @contextmanager
    def crd(self) -> Iterator[Target]:
        """Give the stack's CRD; it is restored afterwards."""
        target = SharedCrd(self.stack, Cluster(Path(self.stack.kubeconfig)))
        try:
            yield target
        finally:
            target.deploy(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionalOperator:
    """An operator that the tests use instead of the one whose settings it has."""

    mutated: MutatedStack
    replaces: str
    spec: OperatorSpec

    def deploy(self, mutation: Mutation | None) -> None:
        cluster = Cluster(Path(self.mutated.stack.kubeconfig))
        # Some checks create notifications in the operator's own namespace.
        labels = {"metadata": {"labels": {LABEL: self.spec.name}}}
        cluster.core.patch_namespace(self.spec.namespace, labels)
        workload = OperatorDeployment(
            cluster=cluster, node=Node(self.mutated.stack.container), namespace=self.spec.namespace
        )
        # A check of the previous mutation may have failed while there was no pod.
        workload.scale(1, wait=False)
        workload.vary(variables(mutation))

    def check(self, ids: Iterable[str], *, alone: bool) -> dict[str, CheckResult]:
        instead = json.dumps({self.replaces: [self.spec.name, self.spec.namespace]})
        return run_checks(self.mutated.stack, ids, variables={INSTEAD: instead}, alone=alone)


class SharedCrd:
    """The CRD, applied by its owner, so that the original replaces every change."""

    def __init__(self, stack: EphemeralStack, cluster: Cluster) -> None:
        self._stack = stack
        self._cluster = cluster
        self._marker = ""
        """The one name that the schema in effect rejects, and no other schema does."""

    def deploy(self, mutation: Mutation | None) -> None:
        crd, previous = _crd(mutation), self._marker
        current: Object = self._cluster.request("GET", CRD_PATH)
        self._marker = "" if mutation is None else f"marker{uuid.uuid4().hex[:8]}"
        if self._marker:
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            rule = {"rule": f"self.metadata.name != '{self._marker}'", "message": "another schema"}
            schema.setdefault("x-kubernetes-validations", []).append(rule)
        # The annotations name the stack that owns the CRD.
        crd["metadata"]["annotations"] = current["metadata"].get("annotations", {})
        self._cluster.apply(crd, manager=_owner(current))
        if previous:
            self._wait(previous, accepted=True)
        if self._marker:
            self._wait(self._marker, accepted=False)

    def check(self, ids: Iterable[str], *, alone: bool) -> dict[str, CheckResult]:
        return run_checks(self._stack, ids, variables={}, alone=alone)

    def _wait(self, name: str, *, accepted: bool) -> None:
        obj = notification("default", name=name)
        eventually(
            lambda: self._cluster.would_take(obj), lambda seen: seen is accepted, within=CRD_IN_EFFECT_WITHIN
        )


def _owner(crd: Object) -> str:
    managers = crd["metadata"]["managedFields"]
    (owner,) = {entry["manager"] for entry in managers if entry["operation"] == "Apply"}
    return str(owner)


def _crd(mutation: Mutation | None) -> Object:
    if mutation is None:
        original: Object = yaml.safe_load(source(CRD).read_text("utf-8"))
        return original
    with tempfile.TemporaryDirectory() as folder:
        mutation.apply(copied(Path(folder)))
        broken: Object = yaml.safe_load((Path(folder) / CRD).read_text("utf-8"))
    return broken


@contextmanager
def broken_image(stack: EphemeralStack, base: str, mutations: Iterable[Mutation]) -> Iterator[str]:
    """Build one image with every broken operator, and load it into the node; only the node keeps it.

    Raises:
        StaleMutationError: a patch no longer applies.
    """
    with tempfile.TemporaryDirectory() as folder:
        for mutation in mutations:
            mutation.apply(copied(Path(folder) / "mutations" / mutation.slug))
        (Path(folder) / "Dockerfile").write_text(f"FROM {base}\nCOPY mutations {FOLDER}\n")
        _docker("build", "--quiet", "--tag", IMAGE, folder)
    try:
        load_image(stack.container, IMAGE)
        yield IMAGE
    finally:
        _docker("image", "rm", "--force", IMAGE)


def variables(mutation: Mutation | None) -> Mapping[str, str]:
    """Return the environment that makes a pod run a broken operator, or the original."""
    broken = "" if mutation is None else f"{FOLDER}/{mutation.slug}:"
    # Without a safe path, the folder of the program comes first: it is /app, with the original.
    return {"PYTHONPATH": f"{broken}/app:/app/lib", "PYTHONSAFEPATH": "1"}


def _docker(*words: str) -> None:
    result = subprocess.run(["docker", *words], check=False, capture_output=True, text=True)
    assert result.returncode == 0, f"docker {' '.join(words)}: {result.stdout}{result.stderr}"
