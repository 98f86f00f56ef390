"""The cluster of a demonstration: applies and reads objects of any kind, and reads pages of Services."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from platform_infra.cluster.api_client import connect
from tools.platform import kinds
from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_infra.cluster.api_client import Answer

Object: TypeAlias = dict[str, Any]

API = "kubernaut.ai/v1alpha1"
NAMESPACE, OPERATOR = "demo", "app.kubernetes.io/name=notification-operator"
MANAGER = "demo"
INTERVAL_SECONDS = 0.2
SERVED_SECONDS = 20.0


class DemoError(PlatformError):
    """The demonstration cannot run, or did not finish."""


class RejectedError(Exception):
    """The API server rejected an object; the text names the field."""


class DemoCluster:
    """One cluster, with the rights of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api = connect(yaml.safe_load(kubeconfig.read_text("utf-8")))

    def operator(self) -> Object:
        """Return the Deployment of the operator; of several, the oldest one."""
        answer = self.request("GET", f"/apis/apps/v1/deployments?labelSelector={OPERATOR}")
        operators: list[Object] = answer["items"]
        if not operators:
            raise DemoError("the cluster has no operator", hint="run `make up` first")
        return min(operators, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def apply(self, obj: Object) -> Object:
        """Create an object, or change it to what it is here."""
        options = f"fieldManager={MANAGER}&force=true"
        answer: Object = self.request("PATCH", f"{path_of(obj)}?{options}", obj)
        return answer

    def replace(self, obj: Object) -> Object:
        """Create an object after deleting the one of the same name, because some are immutable."""
        if self.get(obj) is not None:
            self.delete(obj)
            wait(lambda: self.get(obj) is None, seconds=10, what=f"{obj['metadata']['name']} is deleted")
        answer: Object = self.request("POST", path_of(obj).rpartition("/")[0], obj)
        return answer

    def delete(self, obj: Object) -> None:
        """Delete an object, if it exists."""
        answer = self.api.send("DELETE", path_of(obj))
        if answer.status != HTTPStatus.NOT_FOUND:
            answer.checked()

    def get(self, obj: Object) -> Object | None:
        answer = self.api.get(path_of(obj))
        return None if answer.status == HTTPStatus.NOT_FOUND else answer.checked().json

    def page(self, service: str, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON of a page of a Service, by way of the API server.

        A Service has no endpoint while its pod misses a probe, as on a machine without a free processor.
        """
        page = f"/api/v1/namespaces/{NAMESPACE}/services/{service}/proxy/{path}"
        answers: list[Answer] = []

        def is_served() -> bool:
            answers.append(self.api.get(page))
            return answers[-1].status != HTTPStatus.SERVICE_UNAVAILABLE

        wait(is_served, seconds=SERVED_SECONDS, what=f"the Service {service} has an endpoint")
        return answers[-1].checked().json

    def request(self, method: str, path: str, body: Object | None = None) -> Any:  # noqa: ANN401 - JSON
        """Send a request, and return the JSON of the answer.

        Raises:
            RejectedError: the API server does not accept the object.
            ApiException: any other error.
        """
        answer = self.api.send(method, path, body)
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            causes = answer.document.get("details", {}).get("causes", [])
            fields = (f"{cause['field']}: {cause['message']}" for cause in causes)
            raise RejectedError(next(fields, answer.message))
        return answer.checked().json


def manifests(folder: Path, namespace: str) -> list[Object]:
    """Return the objects of a folder with one in each file, in a namespace."""
    objects = [yaml.safe_load(file.read_text("utf-8")) for file in sorted(folder.glob("*.yaml"))]
    return [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in objects]


def path_of(obj: Object) -> str:
    plural, metadata = f"{obj['kind'].lower()}s", obj["metadata"]
    return kinds.path_of(obj["apiVersion"], plural, metadata.get("namespace", ""), metadata["name"])


def wait(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait until a condition holds.

    Raises:
        DemoError: it did not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"not within {seconds:g} s: {what}")
        time.sleep(INTERVAL_SECONDS)
