"""The questions of `preflight` to an API server. None of them changes anything: rights, kinds, objects, and dry runs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from platform_infra.cluster.api_client import api_client
from tools.platform.errors import PlatformError
from tools.platform.preflight.objects import ApiResource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from platform_infra.cluster.kubeconfig import SingleContext
    from tools.platform.preflight.objects import PlannedObject, Served
    from tools.platform.preflight.rights import Right

AUTHORIZATION: Final = "authorization.k8s.io/v1"
AUTHENTICATION: Final = "authentication.k8s.io/v1"
MANAGER: Final = "notification-platform-preflight"
TIMEOUT_SECONDS: Final = 20
CONCURRENCY: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The status code of an answer, and its object."""

    status: int
    document: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def message(self) -> str:
        """What the API server says about a refusal."""
        return str(self.document.get("message") or self.status)


class Api:
    """A client of one API server with the credentials of one context."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - the client declares no types
        self._client = client

    def user(self) -> tuple[str, list[str]]:
        """Return the name and the groups of the account; empty where the API server does not tell."""
        body = {"apiVersion": AUTHENTICATION, "kind": "SelfSubjectReview"}
        answer = self.send("POST", f"/apis/{AUTHENTICATION}/selfsubjectreviews", body)
        info = (answer.document.get("status") or {}).get("userInfo") or {}
        return str(info.get("username") or ""), list(info.get("groups") or ())

    def allowed(self, rights: Collection[Right]) -> dict[Right, bool]:
        """Return whether the account has each right.

        Raises:
            PlatformError: the API server does not answer the question.
        """
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            return dict(zip(rights, pool.map(self._may, rights), strict=True))

    def served(self, versions: Collection[str]) -> Served:
        """Return the resources of the given groups with their versions, as far as they are served."""
        result: dict[tuple[str, str], ApiResource] = {}
        for version in versions:
            for each in self.send("GET", _base(version)).document.get("resources") or ():
                if "/" not in each["name"]:
                    resource = ApiResource(plural=each["name"], namespaced=each["namespaced"])
                    result[version, each["kind"]] = resource
        return result

    def read(self, plural: str, namespace: str, name: str) -> Answer:
        """Return an object of the core group, or the refusal."""
        return self.send("GET", f"/api/v1/namespaces/{namespace}/{plural}/{name}")

    def namespace(self, name: str) -> Answer:
        """Return a namespace, or the refusal."""
        return self.send("GET", f"/api/v1/namespaces/{name}")

    def apply(self, each: PlannedObject, resource: ApiResource) -> Answer:
        """Let the API server check an object, without storing it."""
        place = f"/namespaces/{each.namespace}" if resource.namespaced else ""
        path = f"{_base(each.api_version)}{place}/{resource.plural}/{each.name}"
        query = f"dryRun=All&force=true&fieldManager={MANAGER}"
        return self.send("PATCH", f"{path}?{query}", each.document)

    def create_pod(self, namespace: str, document: Mapping[str, Any]) -> Answer:
        """Let the API server check a pod, without storing it."""
        return self.send("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", document)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send a request and return the answer, whatever its status.

        Raises:
            HTTPError: there is no answer.
        """
        applied = method == "PATCH"
        header = {
            "Content-Type": "application/apply-patch+yaml" if applied else "application/json",
            "Accept": "application/json",
        }
        # JSON is YAML, too; the client serializes only what it declares as JSON.
        content = json.dumps(body) if applied else body
        sent = self._client.param_serialize(
            method, path, header_params=header, body=content, auth_settings=["BearerToken"]
        )
        answer = self._client.call_api(*sent, _request_timeout=TIMEOUT_SECONDS)
        text = answer.read().decode()
        return Answer(status=answer.status, document=_object(text))

    def _may(self, right: Right) -> bool:
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "namespace": right.namespace,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "verb": right.verb,
            "name": right.name,
        }
        body = {
            "apiVersion": AUTHORIZATION,
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self.send("POST", f"/apis/{AUTHORIZATION}/selfsubjectaccessreviews", body)
        if not answer.accepted:
            raise PlatformError(
                f"the API server does not tell which rights the account has: {answer.message}"
            )
        return bool(answer.document["status"]["allowed"])


@contextmanager
def api(single: SingleContext) -> Iterator[Api]:
    """Yield a client for one context of a kubeconfig."""
    with api_client(single.document, single.context) as client:
        yield Api(client)


def _base(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _object(text: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {"message": text.strip()}
    return content if isinstance(content, dict) else {"message": text.strip()}
