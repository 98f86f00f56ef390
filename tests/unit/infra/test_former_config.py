"""The ConfigMap of an earlier release: which one a program keeps, according to the API server."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.workload.former_config import FormerConfig, mounted

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = "notification-system"
SETTINGS = {"config.yaml": "log:\n  level: info\n"}


class ApiServer(HTTPServer):
    """Answers with the objects of its paths; 404 for others."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.denied = False
        server = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = server.objects.get(self.path.split("?")[0])
                self.send_response(403 if server.denied else 200 if answer else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer or {}).encode())

            def log_message(self, *_args: Any) -> None:
                """Suppress the access log."""

        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def kubeconfig(self) -> str:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
        }
        return yaml.safe_dump(content)

    def add_revision(self, revision: int, config_map: str | None) -> None:
        """Add a ReplicaSet whose pods mount their settings from a ConfigMap, or from their annotations."""
        source = {"configMap": {"name": config_map}} if config_map else {"downwardAPI": {"items": []}}
        volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "config", **source}]
        self.objects.setdefault(
            f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets", {"kind": "ReplicaSetList", "items": []}
        )["items"].append(
            {
                "metadata": {"annotations": {"deployment.kubernetes.io/revision": str(revision)}},
                "spec": {"template": {"spec": {"volumes": volumes}}},
            }
        )

    def add_config_map(self, name: str) -> None:
        self.objects[f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}"] = {
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"a": "b"}, "uid": "1"},
            "data": SETTINGS,
        }

    def former(self) -> FormerConfig | None:
        return mounted(self.kubeconfig, "there", NAMESPACE)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """An API server with three revisions of a Deployment, the last of which needs no ConfigMap, and the ConfigMaps of the others."""
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        for revision, name in ((9, "nine"), (10, "ten"), (11, None)):
            server.add_revision(revision, name)
            if name:
                server.add_config_map(name)
        yield server
        server.shutdown()
        thread.join()


def test_config_map_of_the_newest_revision_that_mounts_one_is_kept(server: ApiServer) -> None:
    assert server.former() == FormerConfig(name="ten", namespace=NAMESPACE, labels={"a": "b"}, data=SETTINGS)


def test_config_map_that_was_deleted_is_not_created_again(server: ApiServer) -> None:
    del server.objects[f"/api/v1/namespaces/{NAMESPACE}/configmaps/ten"]
    assert server.former() is None


def test_deployment_without_a_revision_that_mounts_one_needs_none(server: ApiServer) -> None:
    server.objects = {}
    server.add_revision(1, None)
    assert server.former() is None


def test_account_that_may_not_read_it_keeps_none(server: ApiServer) -> None:
    server.denied = True
    assert server.former() is None


def test_cluster_that_does_not_answer_keeps_none() -> None:
    with ApiServer() as server:
        kubeconfig = server.kubeconfig
    assert mounted(kubeconfig, "there", NAMESPACE) is None
