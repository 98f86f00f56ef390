"""Fixtures of the Pulumi program's unit tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from platform_infra import names
from platform_infra.cluster import ClusterError
from platform_infra.cluster.api_server import IDENTITY_NAMESPACE, ApiServer
from platform_infra.docker_client import DockerUnavailableError
from platform_infra.image.build import image_name
from tests.kit.recording import Recording, engine_loop, record_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_infra.cluster.planned import Planned

Record = Callable[..., Recording]
OWNED = 4
"""Objects of a stack that are compared before any is registered, at most: its namespace and CRDs."""


@pytest.fixture(autouse=True)
def engine_event_loop() -> None:
    """Set the thread's event loop, which the recording engine uses; an asynchronous test leaves none behind."""
    asyncio.set_event_loop(engine_loop())


NAME_WITHOUT_DOCKER = cache(image_name)
"""Tests outside this folder, which may have run before in this process, record with the daemon of the machine."""


def isolate(patch: pytest.MonkeyPatch) -> None:
    """Replace what is asked of the machine: an API server has no kinds of the Prometheus operator, and there is no Docker daemon.

    The base images of a daemon would change the name of the operator's image.
    """

    def connected(**_options: object) -> NoReturn:
        raise DockerUnavailableError("the Docker daemon does not answer")

    patch.setattr("tests.kit.recording.IMAGE_NAME", NAME_WITHOUT_DOCKER)
    patch.setattr("platform_infra.monitoring.discovery.discover", lambda _kubeconfig, _context: [])
    for module in ("build", "settings_version"):
        patch.setattr(f"platform_infra.image.{module}.connected", connected)


@pytest.fixture(autouse=True, scope="module")
def isolated() -> Iterator[None]:
    """Let the program ask nothing of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch)
        yield


@dataclass
class SharedCluster:
    """What the API server of a lasting cluster answers: the cluster's uid, and owners by the name of the object."""

    uid: str = "cluster-uid"
    owners: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """CRDs by name."""
    namespaces: dict[str, str | None] = field(default_factory=dict)
    """Uids of other namespaces by name; None for one that the account may not read."""
    silent: bool = False
    """Whether it does not answer."""
    silent_later: bool = False
    """Whether it does not answer any more when the first object is created."""

    existing: tuple[str, ...] = ()
    """Further objects without an owner, such as `Role shop/operator`."""
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Specifications of further objects without an owner."""
    asked: tuple[Planned, ...] = ()
    """The objects that the program has searched for last."""

    def has(self, planned: Planned) -> bool:
        return str(planned) in {*self.existing, *self.specs} or self._key(planned) in self.owners

    def document(self, planned: Planned) -> Mapping[str, Any]:
        owner = {names.CRD_OWNER: self.owners.get(self._key(planned), "")}
        metadata = {"annotations": owner, "managedFields": [{"manager": "kubectl-create"}]}
        return {"metadata": metadata, "spec": self.specs.get(str(planned), {})}

    def _key(self, planned: Planned) -> str:
        return f"{planned.namespace}/{planned.name}" if planned.namespace else planned.name

    def reader(self, *, kubeconfig: str, context: str) -> ApiServer:
        """Return the reader that a program uses."""
        return Answers(cluster=self, kubeconfig=kubeconfig, context=context)


@dataclass(frozen=True, kw_only=True)
class Answers(ApiServer):
    """Reads what a shared cluster has."""

    cluster: SharedCluster

    def uid(self, namespace: str = IDENTITY_NAMESPACE) -> str:
        if self.cluster.silent:
            raise ClusterError("the cluster cannot be identified")
        if namespace == IDENTITY_NAMESPACE:
            return self.cluster.uid
        return self.cluster.namespaces.get(namespace) or ""

    def has_namespace(self, name: str) -> bool | None:
        return None if self.cluster.namespaces.get(name, "") is None else name in self.cluster.namespaces

    def owner_of_namespace(self, name: str) -> str:
        return self.cluster.owners.get(name, "")

    owner_of_definition = owner_of_namespace

    def definition(self, name: str) -> Mapping[str, Any] | None:
        return self.cluster.definitions.get(name)

    def existing(self, planned: Sequence[Planned]) -> dict[Planned, Mapping[str, Any]]:
        if self.cluster.silent_later and len(planned) > OWNED:
            raise ClusterError("the cluster does not answer")
        self.cluster.asked = tuple(planned)
        return {each: self.cluster.document(each) for each in planned if self.cluster.has(each)}

    def owner_of_account(self, namespace: str, name: str) -> str:
        return self.cluster.owners.get(f"{namespace}/{name}", "")


@pytest.fixture(autouse=True)
def shared_cluster(monkeypatch: pytest.MonkeyPatch) -> SharedCluster:
    """Replace the API server of lasting clusters; tests/api_server/test_wrong_place.py has a real one."""
    cluster = SharedCluster()
    for module in ("ownership", "cluster"):
        monkeypatch.setattr(f"platform_infra.cluster.{module}.ApiServer", cluster.reader)
    return cluster


@pytest.fixture(scope="session")
def recordings() -> dict[str, Recording]:
    """Recordings by the values of their stacks."""
    return {}


@pytest.fixture
def record(recordings: dict[str, Recording]) -> Record:
    """Return a function that records the bundle with values of a stack, once per combination. Do not change what it returns.

    A test that replaces something else that the program sees calls `record_bundle`.
    """

    def recorded(owner: dict[str, Any] | None = None, **values: str) -> Recording:
        key = repr((owner, sorted(values.items())))
        if key not in recordings:
            with pytest.MonkeyPatch.context() as patch:
                isolate(patch)
                recordings[key] = record_bundle(owner, **values)
        return recordings[key]

    return recorded
