"""A namespace in a stack's cluster: the health of its operator, and whether a notification is delivered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from notification_client import Notifier, Options
from platform_infra.names import GROUP, OPERATOR, PLURAL, VERSION
from platform_infra.settings.sections.preview import LABEL
from tools.platform.preview.model import PreviewError
from tools.platform.pulumi.removal.finalizers import Deletions, explained

if TYPE_CHECKING:
    from typing import Unpack

REQUEST_SECONDS = 5
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
        """Whether the notification was delivered."""
        return self.phase == "Sent"


class Namespace:
    """A namespace, with the kubeconfig and the context of its stack's outputs."""

    def __init__(self, name: str, *, kubeconfig: str, context: str) -> None:
        document = yaml.safe_load(kubeconfig)
        self._api = config.new_client_from_config_dict(document, context=context)
        # A caller wants to know at once that a cluster does not answer.
        self._api.configuration.retries = False
        self._name = name
        self._context = context

    def answers(self) -> bool:
        try:
            client.VersionApi(self._api).get_code(_request_timeout=REQUEST_SECONDS)
        except ApiException as error:
            return bool(error.status)
        except HTTPError:
            return False
        return True

    def health(self) -> str:
        """Return `ready`, or why the operator is not."""
        try:
            deployment: Any = client.AppsV1Api(self._api).read_namespaced_deployment(
                OPERATOR, self._name, _request_timeout=REQUEST_SECONDS
            )
        except ApiException as error:
            return f"no operator ({error.status})"
        except HTTPError:
            return "cluster does not answer"
        ready, replicas = deployment.status.ready_replicas or 0, deployment.spec.replicas
        return "ready" if ready >= replicas else f"{ready} of {replicas} pods ready"

    def notify(self, subject: str, body: str, **options: Unpack[Options]) -> str:
        """Create a notification and return its name.

        Raises:
            ApiException: the API server rejects it.
        """
        return Notifier(self._name, api=self._api).send(subject, body, **options).name

    def send(self, *, within: float) -> Smoke:
        """Send a notification through the log channel, wait until it is final or the time is over, and delete it.

        Raises:
            ApiException: the API server rejects it.
        """
        start = time.monotonic()
        handle = Notifier(self._name, api=self._api).send("preview", "It works.", **SMOKE)
        try:
            status = handle.wait(within)
        except TimeoutError:
            status = handle.status()
        seconds = time.monotonic() - start
        client.CustomObjectsApi(self._api).delete_namespaced_custom_object(
            GROUP, VERSION, self._name, PLURAL, handle.name
        )
        return Smoke(phase=status.phase, seconds=seconds, message=status.message)

    def delete(self, number: int, *, within: float = DELETION_SECONDS) -> None:
        """Delete the namespace if it has the label of this preview, and wait until it is deleted.

        Raises:
            PreviewError: it still exists after that many seconds; the message has what the API server reports about it.
            ApiException: the API server refuses it.
            HTTPError: the API server does not answer.
        """
        core, deadline = client.CoreV1Api(self._api), time.monotonic() + within
        namespace = self._of_preview(core, number)
        while namespace:
            if not namespace.metadata.deletion_timestamp:
                core.delete_namespace(self._name, _request_timeout=REQUEST_SECONDS)
            time.sleep(1)
            namespace = self._of_preview(core, number)
            if namespace and time.monotonic() >= deadline:
                raise self._held(namespace, number, within)

    def _held(self, namespace: Any, number: int, within: float) -> PreviewError:  # noqa: ANN401 - likewise
        """Return what holds the namespace: objects with finalizers, or what its conditions report."""
        again = f"make preview-down PR={number}"
        late = f"the namespace {self._name} still exists {within:g} s after its deletion:"
        if held := Deletions(self._api).in_namespace(self._name):
            lines, hint = explained(held, self._context, again=again)
            return PreviewError(f"{late}{lines}", hint=hint)
        return PreviewError(
            f"{late} {_remaining(namespace)}", hint=f"remove what holds it, then run `{again}` again"
        )

    def _of_preview(self, core: client.CoreV1Api, number: int) -> Any:  # noqa: ANN401 - the client declares no type
        """Return the namespace if it exists and belongs to this preview."""
        try:
            namespace: Any = core.read_namespace(self._name, _request_timeout=REQUEST_SECONDS)
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return namespace if (namespace.metadata.labels or {}).get(LABEL) == str(number) else None


def _remaining(namespace: Any) -> str:  # noqa: ANN401 - the client declares no type
    """Return what holds a namespace that is being deleted, as its conditions report it."""
    conditions = namespace.status.conditions or []
    held = [f"{each.reason}: {each.message}" for each in conditions if each.status == "True"]
    return "; ".join(held) or f"its phase is {namespace.status.phase}, and the cluster reports no reason"
