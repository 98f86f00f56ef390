"""What is broken at work: an operator beside the others, or the CRD for all of them, and the checks against it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.harness.cluster import Cluster
from tests.harness.deploy import BuiltImages, bring_up, take_away
from tests.harness.node import Node
from tests.harness.operator_deployment import OperatorDeployment
from tests.harness.operators import INSTEAD, LABEL, OPERATORS, OperatorSpec
from tests.mutations.checks import Seen, run_checks
from tests.mutations.contract import Contract
from tests.mutations.image import chosen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.harness.place import EphemeralStack
    from tests.mutations.mutation import Mutation
    from tools.localcluster.toolchain import Toolchain


class Ground(Protocol):
    """Where mutations take their turns."""

    def deploy(self, mutation: Mutation | None) -> None:
        """Put what is broken in this way there, or the whole; returns once it is in force."""

    def check(self, ids: Iterable[str], *, alone: bool) -> dict[str, Seen]:
        """Run checks against it, and return what became of each one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stack that is up, and the image with all broken operators, which its node has."""

    stack: EphemeralStack
    image: str
    toolchain: Toolchain

    @contextmanager
    def beside(self, name: str, lane: str) -> Iterator[Ground]:
        """Give a place for operators with the settings of `name`, which is taken away at the end."""
        known_as = f"broken-{lane}"
        spec = replace(OPERATORS[name], name=known_as, namespace=f"notification-{known_as}")
        images = BuiltImages(operator=self.image, stubs=self.image)
        try:
            bring_up(self.stack, spec, images, self.toolchain)
            yield Beside(place=self, instead_of=name, spec=spec)
        finally:
            take_away(self.stack, spec, self.toolchain)

    @contextmanager
    def under(self) -> Iterator[Ground]:
        """Give the stack's CRD, which is whole again at the end."""
        under = Under(stack=self.stack, contract=Contract(Cluster(Path(self.stack.kubeconfig))))
        try:
            yield under
        finally:
            under.deploy(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One more operator in the cluster, which the tests take in place of the one that it is like."""

    place: Place
    instead_of: str
    spec: OperatorSpec

    def deploy(self, mutation: Mutation | None) -> None:
        """See `Ground.deploy`."""
        cluster = Cluster(Path(self.place.stack.kubeconfig))
        # Some checks work in the namespace of the operator that serves them.
        labels = {"metadata": {"labels": {LABEL: self.spec.name}}}
        cluster.core.patch_namespace(self.spec.namespace, labels)
        operator = OperatorDeployment(
            cluster=cluster, node=Node(self.place.stack.container), namespace=self.spec.namespace
        )
        # Whatever a check of the one before it has left, which may have broken off while there was no pod.
        operator.scale(1, wait=False)
        operator.vary(chosen(mutation))

    def check(self, ids: Iterable[str], *, alone: bool) -> dict[str, Seen]:
        """See `Ground.check`."""
        instead = json.dumps({self.instead_of: [self.spec.name, self.spec.namespace]})
        return run_checks(self.place.stack, ids, variables={INSTEAD: instead}, alone=alone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """The CRD of the stack; the tests take the operators as they are."""

    stack: EphemeralStack
    contract: Contract

    def deploy(self, mutation: Mutation | None) -> None:
        """See `Ground.deploy`."""
        self.contract.put(mutation)

    def check(self, ids: Iterable[str], *, alone: bool) -> dict[str, Seen]:
        """See `Ground.check`."""
        return run_checks(self.stack, ids, variables={}, alone=alone)
