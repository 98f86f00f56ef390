"""The NotificationReceivers of a scenario: webhooks in the operator's namespace that lead to the receiver of the lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_contract.crds import notification_receiver
from platform_infra import names
from tests.harness.eventually import eventually
from tests.harness.receivers import BASE, MERGE, secret_object

if TYPE_CHECKING:
    from tests.chaos.stage import Stage
    from tests.harness.cluster import Object

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
URL = "url"
"""The key of the Secret."""
HOLD = {"onReceiverError": "Hold"}


class Receivers:
    """They exist as long as their kind, which the API server serves until the end of the scenario."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._cluster = stage.cluster
        self.namespace = stage.home
        definition = notification_receiver()
        self._cluster.apply(dict(definition))
        stage.cleanup.callback(self._remove_kind, definition["metadata"]["name"])
        eventually(self._is_served, bool, within=30)

    def add(self, name: str, *, secret: str = "", namespace: str = "", **spec: Any) -> Object:
        """Create a receiver for all namespaces, or change it; return what a notification names it by.

        The URL is in the spec, or in a Secret if one is named.
        """
        block: Object = {"insecure": True, "allowedNetworks": ["127.0.0.0/8"]}
        block |= (
            {"urlSecretRef": {"name": secret, "key": URL}} if secret else {"url": self._stage.webhook_url}
        )
        where = namespace or self.namespace
        self.write(
            name, where, {"type": "webhook", "webhook": block, "allowedNamespaces": {"from": "All"}, **spec}
        )
        return {"name": name, "namespace": where}

    def write(self, name: str, namespace: str, spec: Object) -> None:
        """Write a receiver of any type."""
        self._cluster.apply(
            {
                "apiVersion": f"{names.GROUP}/{names.VERSION}",
                "kind": names.RECEIVER_KIND,
                "metadata": {"name": name, "namespace": namespace},
                "spec": spec,
            }
        )

    def answer(self, name: str, *answers: Object) -> None:
        """Set the answers to the receivers whose names begin like this, request by request; the last one repeats."""
        self._stage.webhook.answer(f'"receiver":"{self.namespace}/{name}', *answers)

    def patch(self, name: str, **spec: Any) -> None:
        """Change fields of the spec."""
        self._cluster.text("PATCH", self._path(name), {"spec": spec}, kind=MERGE)

    def delete(self, name: str) -> None:
        self._cluster.text("DELETE", self._path(name))

    def condition(self, name: str, kind: str, *, namespace: str = "") -> Object:
        """Return a condition of a receiver; empty if there is none."""
        status = self._cluster.request("GET", self._path(name, namespace)).get("status", {})
        return next((each for each in status.get("conditions", ()) if each["type"] == kind), {})

    def wait(self, name: str, kind: str, reason: str, *, namespace: str = "") -> None:
        """Wait for the reason of a condition."""
        eventually(
            lambda: self.condition(name, kind, namespace=namespace).get("reason"),
            lambda seen: seen == reason,
            within=60,
        )

    def secret(self, name: str, *, granted: bool = True, **more: str) -> None:
        """Write a Secret with the URL; `granted`: whether receivers may use it."""
        secret = secret_object(self.namespace, name, {URL: self._stage.webhook_url, **more})
        if not granted:
            del secret["metadata"]["labels"]
        self._cluster.apply(secret)

    def delete_secret(self, name: str) -> None:
        self._cluster.text("DELETE", f"/api/v1/namespaces/{self.namespace}/secrets/{name}")

    def _path(self, name: str, namespace: str = "") -> str:
        return f"{BASE}/{namespace or self.namespace}/{names.RECEIVER_PLURAL}/{name}"

    def _is_served(self) -> bool:
        answer = self._cluster.send("GET", f"{BASE}/{self.namespace}/{names.RECEIVER_PLURAL}?limit=1")
        return bool(answer.status == 200)

    def _remove_kind(self, name: str) -> None:
        self._cluster.send("DELETE", f"{DEFINITIONS}/{name}")
        eventually(self._is_served, lambda served: not served, within=60)
