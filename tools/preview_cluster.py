"""What is asked of a preview in its cluster: is it well, and does a notification get through."""

from __future__ import annotations

import time
import uuid
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from platform_infra.names import GROUP, OPERATOR, PLURAL, VERSION

ANSWER_SECONDS = 5
FINAL = frozenset({"Sent", "PartiallySent", "Failed"})


class Namespace:
    """A preview's namespace, by the kubeconfig and the context that its stack gives out."""

    def __init__(self, name: str, *, kubeconfig: str, context: str) -> None:
        document = yaml.safe_load(kubeconfig)
        self._api = config.new_client_from_config_dict(document, context=context)
        self._name = name

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

    def send(self, *, within: float) -> tuple[str, float]:
        """Send a notification by the log channel; return the phase that it reached, and after how many seconds.

        Raises:
            ApiException: the API server refuses it.
        """
        objects = client.CustomObjectsApi(self._api)
        place = (GROUP, VERSION, self._name, PLURAL)
        name, start = f"smoke-{uuid.uuid4().hex[:8]}", time.monotonic()
        spec = {
            "type": "simple",
            "priority": "low",
            "subject": "preview",
            "body": "It works.",
            "channels": ["log"],
        }
        document = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "NotificationRequest", "spec": spec}
        objects.create_namespaced_custom_object(*place, document | {"metadata": {"name": name}})
        phase = "Pending"
        while phase not in FINAL and time.monotonic() - start < within:
            time.sleep(0.2)
            found: Any = objects.get_namespaced_custom_object(*place, name)
            phase = str((found.get("status") or {}).get("phase"))
        objects.delete_namespaced_custom_object(*place, name)
        return phase, time.monotonic() - start
