"""A client for one cluster: create, read, delete, wait, read logs, always through the real API server."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from tests.harness.eventually import eventually
from tests.harness.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Object: TypeAlias = dict[str, Any]

KIND = ("kubernaut.ai", "v1alpha1")
PLURAL = "notificationrequests"
FINAL = {"Sent", "PartiallySent", "Failed", "Suppressed"}


class Refused(Exception):  # noqa: N818 - names what the API server did
    """The API server rejected a request; `code` is the HTTP status, `text` its message."""

    def __init__(self, error: ApiException) -> None:
        body = json.loads(error.body or "{}")
        self.code: int = error.status
        self.text: str = body.get("message", "")
        self.fields: list[str] = [
            cause.get("field", "") for cause in body.get("details", {}).get("causes", [])
        ]
        super().__init__(f"{self.code}: {self.text}")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with a container; `restarts` counts earlier containers."""

    namespace: str
    name: str
    uid: str = ""
    restarts: int = 0
    leaving: bool = False


class Cluster:
    """One API server, with the rights of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api = config.new_client_from_config(str(kubeconfig))
        self.core = client.CoreV1Api(self.api)
        self._objects = client.CustomObjectsApi(self.api)

    def create(self, obj: Object) -> Object:
        """Create a notification; raises `Refused`."""
        namespace = obj["metadata"]["namespace"]
        try:
            created: Object = self._objects.create_namespaced_custom_object(*KIND, namespace, PLURAL, obj)
        except ApiException as error:
            raise Refused(error) from error
        return created

    def get(self, namespace: str, name: str) -> Object | None:
        """Return a notification from the API server, or None if there is none."""
        try:
            result: Object = self._objects.get_namespaced_custom_object(*KIND, namespace, PLURAL, name)
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return result

    def patch(self, namespace: str, name: str, patch: Object) -> Object:
        """Merge-patch a notification; raises `Refused`."""
        try:
            patched: Object = self._objects.patch_namespaced_custom_object(
                *KIND, namespace, PLURAL, name, patch
            )
        except ApiException as error:
            raise Refused(error) from error
        return patched

    def delete(self, namespace: str, name: str) -> None:
        """Delete a notification, if it exists."""
        try:
            self._objects.delete_namespaced_custom_object(*KIND, namespace, PLURAL, name)
        except ApiException as error:
            if error.status != 404:
                raise

    def write_status(self, namespace: str, name: str, **fields: object) -> None:
        """Set status fields as another writer would: read, change, write, until it succeeds."""

        def write() -> bool:
            obj = self.get(namespace, name)
            assert obj is not None
            obj["status"] |= fields
            try:
                self._objects.replace_namespaced_custom_object_status(*KIND, namespace, PLURAL, name, obj)
            except ApiException as error:
                if error.status != 409:
                    raise
                return False
            return True

        eventually(write, bool, within=5, every=0.05)

    @contextmanager
    def watch(self, namespace: str) -> Iterator[Watched]:
        """Watch the notifications of a namespace during the block."""
        where, listing = (*KIND, namespace, PLURAL), self._objects.list_namespaced_custom_object
        watched = Watched(listing, *where, version=listing(*where)["metadata"]["resourceVersion"])
        try:
            yield watched
        finally:
            watched.stop()

    def all(self, namespace: str) -> list[Object]:
        listed = self._objects.list_namespaced_custom_object(*KIND, namespace, PLURAL)
        result: list[Object] = listed["items"]
        return result

    def delete_all(self, namespace: str) -> None:
        self._objects.delete_collection_namespaced_custom_object(*KIND, namespace, PLURAL)

    def purge(self, namespace: str, name: str, *, within: float = 5.0) -> None:
        """Delete a notification, and wait until it is gone."""
        self.delete(namespace, name)
        eventually(lambda: self.get(namespace, name), lambda result: result is None, within=within)

    def phase(
        self, namespace: str, name: str, *phases: str, within: float = 30.0, every: float = 0.1
    ) -> Object:
        """Wait until the notification is in one of the phases, and return it."""
        result = eventually(
            lambda: self.get(namespace, name),
            lambda obj: obj is not None and obj["status"]["phase"] in phases,
            within=within,
            every=every,
        )
        assert result is not None
        return result

    def final(self, namespace: str, name: str, *, within: float = 30.0) -> Object:
        """Wait until the notification is final, and return it."""
        return self.phase(namespace, name, *FINAL, within=within)

    def create_namespace(self, labels: dict[str, str]) -> str:
        """Create a namespace with a unique name, and return the name."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.core.create_namespace({"metadata": {"name": name, "labels": labels}})
        return name

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        """Return the running pods that are not being deleted."""
        return [pod for pod in self.containers(namespace, selector) if not pod.leaving]

    def containers(self, namespace: str, selector: str) -> list[Pod]:
        """Return the pods that have a container, including those being deleted."""
        result = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        return [
            Pod(
                namespace,
                pod.metadata.name,
                uid=pod.metadata.uid,
                restarts=pod.status.container_statuses[0].restart_count,
                leaving=pod.metadata.deletion_timestamp is not None,
            )
            for pod in result
            if pod.status.phase == "Running" and pod.status.container_statuses
        ]

    def log_since(self, namespace: str, name: str, since: str) -> str:
        """Return a pod's log since a second, with timestamps; nothing if the pod is gone."""
        query = f"timestamps=true&sinceTime={since}"
        answer = self.send("GET", f"/api/v1/namespaces/{namespace}/pods/{name}/log?{query}")
        return answer.data.decode() if answer.status < 400 else ""

    def uid(self, pod: Pod) -> str:
        uid: str = self.core.read_namespaced_pod(pod.name, pod.namespace).metadata.uid
        return uid

    def apply(self, obj: Object, *, manager: str = "suite") -> None:
        """Apply an object on the server side, over all other writers.

        Fields that the same manager applied before and that are missing now are removed.
        """
        version, metadata = obj["apiVersion"], obj["metadata"]
        base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        folder = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        where = f"{base}{folder}/{obj['kind'].lower()}s/{metadata['name']}"
        where = f"{where}?fieldManager={manager}&force=true"
        self.text("PATCH", where, obj, kind="application/apply-patch+yaml")

    def would_take(self, obj: Object) -> bool:
        """Return whether the API server would accept a notification, without creating it."""
        namespace, (group, version) = obj["metadata"]["namespace"], KIND
        where = f"/apis/{group}/{version}/namespaces/{namespace}/{PLURAL}?dryRun=All"
        answer = self.send("POST", where, obj)
        assert answer.status in {201, 422}, f"POST {where} answered {answer.status}"
        return bool(answer.status == 201)

    def has_kind(self) -> bool:
        """Return whether the API server serves notifications."""
        return self._found("/apis/kubernaut.ai/v1alpha1/notificationrequests?limit=1") is not None

    def has_secret(self, namespace: str, name: str) -> bool:
        return self._found(f"/api/v1/namespaces/{namespace}/secrets/{name}") is not None

    def deployment(self, namespace: str, name: str) -> Object:
        result: Object = self.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        return result

    def _found(self, path: str) -> Object | None:
        answer = self.send("GET", path)
        return json.loads(answer.data) if answer.status < 400 else None

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return its JSON."""
        return json.loads(self.text(method, path, body) or "null")

    def text(self, method: str, path: str, body: object = None, *, kind: str = "application/json") -> str:
        """Send a request and return its text."""
        answer = self.send(method, path, body, kind)
        text: str = answer.data.decode()
        if answer.status >= 400:
            raise AssertionError(f"{method} {path} answered {answer.status}: {text[:500]}")
        return text

    def send(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        return self.api.rest_client.pool_manager.request(
            method,
            self.api.configuration.host + path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": kind},
        )
