"""What is asked of a namespace in a stack's cluster: is its operator well, does a notification get through."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from platform_infra.names import GROUP, KIND, OPERATOR, PLURAL, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_SECONDS = 5
SMOKE = {"type": "simple", "priority": "low", "subject": "preview", "body": "It works.", "channels": ["log"]}
FINAL = frozenset({"Sent", "PartiallySent", "Failed"})


class Namespace:
    """A namespace, by the kubeconfig and the context that its stack gives out."""

    def __init__(self, name: str, *, kubeconfig: str, context: str) -> None:
        document = yaml.safe_load(kubeconfig)
        self._api = config.new_client_from_config_dict(document, context=context)
        self._name = name
        self._place = (GROUP, VERSION, name, PLURAL)

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

    def send(self, *, within: float) -> tuple[str, float]:
        """Send a notification by the log channel; return the phase that it reached, and after how many seconds.

        Raises:
            ApiException: the API server refuses it.
        """
        objects, start, phase = client.CustomObjectsApi(self._api), time.monotonic(), "Pending"
        name = self.create(SMOKE, prefix="smoke")
        while phase not in FINAL and time.monotonic() - start < within:
            time.sleep(0.2)
            found: Any = objects.get_namespaced_custom_object(*self._place, name)
            phase = str((found.get("status") or {}).get("phase"))
        took = time.monotonic() - start
        objects.delete_namespaced_custom_object(*self._place, name)
        return phase, took
