"""What is asked of a namespace in a stack's cluster: is its operator well, does a notification get through."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from platform_infra.names import GROUP, KIND, OPERATOR, PLURAL, VERSION
from platform_infra.settings.preview import LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_SECONDS = 5
GONE_SECONDS = 60
SMOKE = {"type": "simple", "priority": "low", "subject": "preview", "body": "It works.", "channels": ["log"]}
FINAL = frozenset({"Sent", "PartiallySent", "Failed"})
UNREACHED = (ApiException, HTTPError)
NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """What became of a notification: the phase that it reached, after how many seconds, and what is said of it."""

    phase: str
    seconds: float
    message: str

    @property
    def passed(self) -> bool:
        """Whether it was delivered."""
        return self.phase == "Sent"


class Namespace:
    """A namespace, by the kubeconfig and the context that its stack gives out."""

    def __init__(self, name: str, *, kubeconfig: str, context: str) -> None:
        document = yaml.safe_load(kubeconfig)
        self._api = config.new_client_from_config_dict(document, context=context)
        # Whoever asks wants an answer or the fact that there is none.
        self._api.configuration.retries = False
        self._name = name
        self._place = (GROUP, VERSION, name, PLURAL)

    def answers(self) -> bool:
        """Tell whether there is an API server."""
        try:
            client.VersionApi(self._api).get_code(_request_timeout=ANSWER_SECONDS)
        except ApiException as error:
            return bool(error.status)
        except HTTPError:
            return False
        return True

    def health(self) -> str:
        """Return `ready`, or in a few words why it is not."""
        try:
            deployment: Any = client.AppsV1Api(self._api).read_namespaced_deployment(
                OPERATOR, self._name, _request_timeout=ANSWER_SECONDS
            )
        except ApiException as error:
            return f"no operator ({error.status})"
        except HTTPError:
            return "cluster does not answer"
        ready, wanted = deployment.status.ready_replicas or 0, deployment.spec.replicas
        return "ready" if ready >= wanted else f"{ready} of {wanted} pods ready"

    def create(self, spec: Mapping[str, Any], *, prefix: str) -> str:
        """Create a notification, and return its name.

        Raises:
            ApiException: the API server refuses it.
        """
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        document = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": name},
            "spec": dict(spec),
        }
        client.CustomObjectsApi(self._api).create_namespaced_custom_object(*self._place, document)
        return name

    def send(self, *, within: float) -> Smoke:
        """Send a notification by the log channel, and take it away when it is final or the time is over.

        Raises:
            ApiException: the API server refuses it.
        """
        objects, start, status = client.CustomObjectsApi(self._api), time.monotonic(), {"phase": "Pending"}
        name = self.create(SMOKE, prefix="smoke")
        while status["phase"] not in FINAL and time.monotonic() - start < within:
            time.sleep(0.1)
            found: Any = objects.get_namespaced_custom_object(*self._place, name)
            status = found["status"]
        took = time.monotonic() - start
        objects.delete_namespaced_custom_object(*self._place, name)
        return Smoke(phase=status["phase"], seconds=took, message=status.get("message", ""))

    def sweep(self, number: int) -> None:
        """Delete the namespace if it is there and labelled as this preview's, and wait until it is gone."""
        core, deadline = client.CoreV1Api(self._api), time.monotonic() + GONE_SECONDS
        while self._is_there(core, number) and time.monotonic() < deadline:
            core.delete_namespace(self._name, _request_timeout=ANSWER_SECONDS)
            time.sleep(1)

    def _is_there(self, core: client.CoreV1Api, number: int) -> bool:
        try:
            found: Any = core.read_namespace(self._name, _request_timeout=ANSWER_SECONDS)
        except UNREACHED:
            return False
        return (found.metadata.labels or {}).get(LABEL) == str(number)
