"""A namespace in a stack's cluster: the health of its operator, and whether a notification is delivered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import yaml
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from notification_client import Notifier, Options
from platform_infra.cluster.api_client import connect
from platform_infra.cluster.api_server import NAMESPACES
from platform_infra.names import GROUP, OPERATOR, PLURAL, VERSION
from platform_infra.settings.sections.preview import LABEL
from tools.platform.preview.model import PreviewError
from tools.platform.pulumi.removal.deletion import Deletions, explained

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    Object = Mapping[str, Any]

DELETION_SECONDS = 60
SMOKE: Final[Options] = {"priority": "low", "channels": ["log"]}
CLUSTER_ERRORS = (ApiException, HTTPError)
"""The API server refused a request, or did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """The outcome of a smoke notification: its phase, the seconds until then, and the status message."""

    phase: str
    seconds: float
    message: str

    @property
    def passed(self) -> bool:
        return self.phase == "Sent"


class Namespace:
    """A namespace, with the kubeconfig and the context of its stack's outputs."""

    def __init__(self, name: str, *, kubeconfig: str, context: str) -> None:
        self._api = connect(yaml.safe_load(kubeconfig), context)
        self._name = name
        self._context = context

    def answers(self) -> bool:
        try:
            self._api.get("/version")
        except CLUSTER_ERRORS:
            return False
        return True

    def health(self) -> str:
        """Return `ready`, or why the operator is not."""
        try:
            answer = self._api.get(f"/apis/apps/v1/namespaces/{self._name}/deployments/{OPERATOR}")
        except CLUSTER_ERRORS:
            return "cluster does not answer"
        if not answer.accepted:
            return f"no operator ({answer.status})"
        ready = answer.document["status"].get("readyReplicas", 0)
        replicas = answer.document["spec"]["replicas"]
        return "ready" if ready >= replicas else f"{ready} of {replicas} pods ready"

    def notify(self, subject: str, body: str, **options: Unpack[Options]) -> str:
        """Create a notification and return its name."""
        return Notifier(self._name, api=self._api.raw).send(subject, body, **options).name

    def send(self, *, within: float) -> Smoke:
        """Send a notification through the log channel, wait until it is final or the time is over, and delete it."""
        start = time.monotonic()
        handle = Notifier(self._name, api=self._api.raw).send("preview", "It works.", **SMOKE)
        try:
            status = handle.wait(within)
        except TimeoutError:
            status = handle.status()
        seconds = time.monotonic() - start
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self._name}/{PLURAL}/{handle.name}"
        self._api.send("DELETE", path).checked()
        return Smoke(phase=status.phase, seconds=seconds, message=status.message)

    def delete(self, number: int, *, within: float = DELETION_SECONDS) -> None:
        """Delete the namespace if it has the label of this preview, and wait until it is deleted.

        Raises:
            PreviewError: it still exists after that many seconds; the message has what the API server reports about it.
            ApiException: the API server refuses it.
            HTTPError: the API server does not answer.
        """
        deadline = time.monotonic() + within
        namespace = self._of_preview(number)
        while namespace:
            if "deletionTimestamp" not in namespace["metadata"]:
                self._api.send("DELETE", f"{NAMESPACES}/{self._name}").checked()
            time.sleep(1)
            namespace = self._of_preview(number)
            if namespace and time.monotonic() >= deadline:
                raise self._held(namespace, number, within)

    def _held(self, namespace: Object, number: int, within: float) -> PreviewError:
        """Return what holds the namespace: objects with finalizers, or what its conditions report."""
        again = f"tools/notif-platform preview down {number}"
        late = f"the namespace {self._name} still exists {within:g} s after its deletion:"
        if held := Deletions(self._api).in_namespace(self._name):
            lines, hint = explained(held, self._context, again=again)
            return PreviewError(f"{late}{lines}", hint=hint)
        return PreviewError(
            f"{late} {_remaining(namespace)}", hint=f"remove what holds it, then run `{again}` again"
        )

    def _of_preview(self, number: int) -> Object | None:
        answer = self._api.get(f"{NAMESPACES}/{self._name}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        namespace = answer.checked().document
        return namespace if (namespace["metadata"].get("labels") or {}).get(LABEL) == str(number) else None


def _remaining(namespace: Object) -> str:
    conditions = namespace["status"].get("conditions") or []
    held = [f"{each['reason']}: {each['message']}" for each in conditions if each["status"] == "True"]
    return (
        "; ".join(held) or f"its phase is {namespace['status']['phase']}, and the cluster reports no reason"
    )
