"""A real API server without Docker, with the objects of a stack that do not run: CRD, roles and admission policies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.crds import notification_receiver, notification_request
from platform_infra import names
from tests.api_server.gateway.catalogue import REPORT
from tests.api_server.receivers import receiver
from tests.harness.cluster import Cluster
from tests.harness.control_plane import control_plane
from tests.harness.eventually import eventually
from tests.harness.shared_clusters import in_cluster, newer_provider, shared_cluster
from tests.kit.recording import record_bundle
from tests.unit.operator.contract.kinds.specs import spec
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.harness.shared_clusters import SharedCluster, Team

NAMESPACE = "notification-system"
PLURALS = {
    "Namespace": "api/v1/namespaces",
    "ServiceAccount": "api/v1/namespaces/{namespace}/serviceaccounts",
    "ConfigMap": "api/v1/namespaces/{namespace}/configmaps",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ValidatingAdmissionPolicy": "apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
KIND = f"/apis/{names.GROUP}/{names.VERSION}/namespaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The status code of an answer, its object, its message if it has one, and its warnings."""

    code: int
    document: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        message: str = self.document.get("message", "")
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """A client that can act as any user."""

    cluster: Cluster

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str = "",
        groups: Sequence[str] = ("system:authenticated",),
        content: str = "application/json",
    ) -> Answer:
        """Send a request, as a user if one is named."""
        headers: list[tuple[str, str]] = [("Content-Type", content)]
        if user:
            headers += [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        pool = self.cluster.api.rest_client.pool_manager
        answer = pool.request(
            method,
            self.cluster.api.configuration.host + path,
            body=None if body is None else json.dumps(body),
            headers=_merged(headers),
        )
        return Answer(
            code=answer.status,
            document=json.loads(answer.data or b"{}"),
            warnings=tuple(answer.headers.getlist("Warning")),
        )

    def create(self, obj: dict[str, Any], *, user: str = "") -> Answer:
        """Create a notification or a receiver."""
        plural = f"{obj['kind'].lower()}s"
        return self.send("POST", f"{KIND}/{obj['metadata']['namespace']}/{plural}", obj, user=user)

    def write_status(self, obj: dict[str, Any], *, user: str = "", **status: object) -> Answer:
        """Replace the status of a notification, based on a fresh read."""
        meta = obj["metadata"]
        fresh = self.cluster.get(meta["namespace"], meta["name"])
        assert fresh is not None
        path = f"{KIND}/{meta['namespace']}/{names.PLURAL}/{meta['name']}/status"
        return self.send("PUT", path, {**fresh, "status": status}, user=user)

    def apply(self, obj: dict[str, Any]) -> None:
        """Create or replace an object of the stack."""
        meta = obj["metadata"]
        path = f"/{PLURALS[obj['kind']].format(namespace=meta.get('namespace'))}/{meta['name']}"
        answer = self.send(
            "PATCH",
            f"{path}?fieldManager=suite&force=true",
            obj,
            content="application/apply-patch+yaml",
        )
        assert answer.code < 300, (obj["kind"], meta["name"], answer)

    def namespace(self, **annotations: str) -> str:
        """Create a namespace with annotations of the domain kubernaut.ai."""
        name = self.cluster.create_namespace({})
        patch = {
            "metadata": {"annotations": {f"{names.GROUP}/{key}": each for key, each in annotations.items()}}
        }
        self.cluster.core.patch_namespace(name, patch)
        return name


def _merged(headers: Sequence[tuple[str, str]]) -> Any:
    from urllib3 import HTTPHeaderDict  # noqa: PLC0415 - repeats a header for several groups

    result = HTTPHeaderDict()
    for name, value in headers:
        result.add(name, value)
    return result


def objects(**values: str) -> list[dict[str, Any]]:
    """Return the objects of a stack with these settings that need no node, in the order of their creation."""
    recording = record_bundle(None, monitoringMode="none", **values)
    return [entry.inputs for kind in PLURALS for entry in recording.of(kind)]


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """The API server with the objects of the default stack."""
    with control_plane() as plane:
        cluster = Cluster(plane.kubeconfig)
        cluster.apply(notification_request())
        cluster.apply(notification_receiver())
        eventually(cluster.has_kind, bool, within=30)
        server = ApiServer(cluster=cluster)
        for obj in objects():
            server.apply(obj)
        yield server


@pytest.fixture
def limits(api_server: ApiServer) -> Iterator[Any]:
    """Applies other limits, and restores those of the default stack."""

    def apply(**values: str) -> None:
        (config,) = [obj for obj in objects(**values) if obj["metadata"]["name"] == "notification-admission"]
        api_server.apply(config)

    def refused() -> bool:
        return api_server.create(receiver(namespace, spec("webhook"))).code == 422

    yield apply
    # The API server reads the limits with a delay: the next test begins when it has read those of the default stack.
    namespace = api_server.namespace()
    apply(admissionChannelsByNamespace="true")
    eventually(refused, bool, within=15)
    apply()
    eventually(refused, lambda is_refused: not is_refused, within=15)


@pytest.fixture(params=["provider", pytest.param("newer-provider", marks=pytest.mark.long)])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SharedCluster]:
    """A cluster that several stacks use; the engine is there before the test, which waits for no download or build.

    The second one is reached as by a provider from 4.29 on: it refuses a creation of what exists.
    """
    ensure(ENGINE_GROUPS)
    with shared_cluster() as started:
        if request.param == "provider":
            yield started
            return
        with newer_provider(started, tmp_path) as played:
            yield played


@pytest.fixture
def team(cluster: SharedCluster, tmp_path: Path) -> Team:
    """A checkout whose stack is configured for that cluster."""
    return in_cluster(cluster, tmp_path / "team")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    REPORT.mark(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    REPORT.write(terminalreporter)
