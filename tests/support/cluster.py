"""A cluster in verbs: create, read, delete, wait, read logs; through the real API server only."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from kubernetes import client, config, utils, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ProtocolError

from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Object: TypeAlias = dict[str, Any]

KIND = ("kubernaut.ai", "v1alpha1")
PLURAL = "notificationrequests"
FINAL = {"Sent", "PartiallySent", "Failed"}


class Refused(Exception):  # noqa: N818 - what the API server did
    """The API server refused a request; `code` is the HTTP status, `text` its message."""

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
    """A pod that runs."""

    namespace: str
    name: str


class Cluster:
    """One API server, as the owner of a kubeconfig sees it."""

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
        """Return a notification straight from the API server, or None when there is none."""
        try:
            found: Object = self._objects.get_namespaced_custom_object(*KIND, namespace, PLURAL, name)
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return found

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
        """Delete a notification; one that is gone already is fine."""
        try:
            self._objects.delete_namespaced_custom_object(*KIND, namespace, PLURAL, name)
        except ApiException as error:
            if error.status != 404:
                raise

    def write_status(self, namespace: str, name: str, **fields: object) -> None:
        """Set status fields as a competing writer would: read, change, write, until it works."""

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
    def watch(self, namespace: str) -> Iterator[Callable[[str], list[Object]]]:
        """Watch from now on; gives a function that returns an object's states as they were seen."""
        states: list[Object] = []
        stream, stopped = watch.Watch(), threading.Event()
        listed = self._objects.list_namespaced_custom_object(*KIND, namespace, PLURAL)
        version = listed["metadata"]["resourceVersion"]

        def collect() -> None:
            args = (*KIND, namespace, PLURAL)
            source = self._objects.list_namespaced_custom_object
            try:
                events = stream.stream(source, *args, resource_version=version, timeout_seconds=120)
                states.extend(event["object"] for event in events)
            except ProtocolError:
                if not stopped.is_set():
                    raise

        def of(name: str) -> list[Object]:
            return eventually(
                lambda: [state for state in states if state["metadata"]["name"] == name],
                lambda found: bool(found) and found[-1]["status"]["phase"] in FINAL,
                within=5,
            )

        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        try:
            yield of
        finally:
            stopped.set()
            stream.stop()
            thread.join()

    def phase(self, namespace: str, name: str, *phases: str, within: float = 30.0) -> Object:
        """Wait until the notification is in one of the phases, and return it."""
        found = eventually(
            lambda: self.get(namespace, name),
            lambda obj: obj is not None and obj["status"]["phase"] in phases,
            within=within,
        )
        assert found is not None
        return found

    def final(self, namespace: str, name: str, *, within: float = 30.0) -> Object:
        """Wait until the notification is final, and return it."""
        return self.phase(namespace, name, *FINAL, within=within)

    @contextmanager
    def temporary_namespace(self, labels: dict[str, str] | None = None) -> Iterator[str]:
        """Give a namespace with a name that nobody else has."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.core.create_namespace({"metadata": {"name": name, "labels": labels or {}}})
        try:
            yield name
        finally:
            self.core.delete_namespace(name)

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        """Return the pods that are running and not being deleted."""
        found = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        return [
            Pod(namespace, pod.metadata.name)
            for pod in found
            if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None
        ]

    def log(self, pod: Pod) -> str:
        """Return what the pod has printed."""
        text: str = self.core.read_namespaced_pod_log(pod.name, pod.namespace)
        return text

    def uid(self, pod: Pod) -> str:
        """Return the pod's uid."""
        uid: str = self.core.read_namespaced_pod(pod.name, pod.namespace).metadata.uid
        return uid

    def apply_manifest(self, text: str) -> None:
        """Create the objects of a manifest, whatever their kinds."""
        utils.create_from_yaml(self.api, yaml_objects=list(yaml.safe_load_all(text)))

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a plain request to the API server and return its JSON."""
        return json.loads(self.text(method, path, body) or "null")

    def text(self, method: str, path: str, body: object = None) -> str:
        """Send a plain request to the API server and return its text."""
        answer = self.api.rest_client.pool_manager.request(
            method,
            self.api.configuration.host + path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        text: str = answer.data.decode()
        if answer.status >= 400:
            raise AssertionError(f"{method} {path} answered {answer.status}: {text[:500]}")
        return text


class Sink:
    """The sink in the cluster, reached through the API server's proxy to its service."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._path = "/api/v1/namespaces/sinks/services/sink:8080/proxy"

    def script(self, namespace: str, name: str, channel: str, *actions: Object) -> None:
        """Set what a stub channel does for one object, call by call; the last action repeats."""
        self._cluster.request("PUT", f"{self._path}/scripts/{namespace}/{name}/{channel}", list(actions))

    def calls(self, namespace: str, name: str, channel: str | None = None) -> list[Object]:
        """Return the calls for one object, oldest first; `at` is the time in seconds."""
        found: list[Object] = self._cluster.request("GET", f"{self._path}/calls/{namespace}/{name}")
        return [call for call in found if channel in (None, call["channel"])]

    def called(self, namespace: str, name: str, *, within: float = 10.0) -> list[Object]:
        """Wait for the first call for one object, and return the calls."""
        return eventually(lambda: self.calls(namespace, name), bool, within=within)
