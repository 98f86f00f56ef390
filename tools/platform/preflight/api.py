"""The questions of `preflight` to an API server. None of them changes anything: rights, kinds, and dry runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from tools.platform.errors import PlatformError
from tools.platform.preflight.objects import ApiResource

if TYPE_CHECKING:
    from collections.abc import Collection

    from platform_infra.cluster.api_client import Answer, ApiClient
    from tools.platform.preflight.objects import PlannedObject, Served
    from tools.platform.preflight.rights import Right

REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MANAGER: Final = "notification-platform-preflight"
CONCURRENCY: Final = 8


def user_of(api: ApiClient) -> str:
    """Return the name of the account; empty where the API server does not tell."""
    version = "authentication.k8s.io/v1"
    body = {"apiVersion": version, "kind": "SelfSubjectReview"}
    answer = api.send("POST", f"/apis/{version}/selfsubjectreviews", body)
    return str(((answer.document.get("status") or {}).get("userInfo") or {}).get("username") or "")


def allowed(api: ApiClient, rights: Collection[Right]) -> dict[Right, bool]:
    """Return whether the account has each right.

    Raises:
        PlatformError: the API server does not answer the question.
    """
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return dict(zip(rights, pool.map(lambda right: _may(api, right), rights), strict=True))


def served(api: ApiClient, versions: Collection[str]) -> Served:
    """Return the resources of the given groups with their versions, as far as they are served."""
    return {
        (version, each["kind"]): ApiResource(plural=each["name"], namespaced=each["namespaced"])
        for version in versions
        for each in api.get(_base(version)).document.get("resources") or ()
        if "/" not in each["name"]
    }


def dry_run(api: ApiClient, each: PlannedObject, resource: ApiResource) -> Answer:
    """Let the API server check an object, without storing it."""
    place = f"/namespaces/{each.namespace}" if resource.namespaced else ""
    path = f"{_base(each.api_version)}{place}/{resource.plural}/{each.name}"
    return api.send("PATCH", f"{path}?dryRun=All&force=true&fieldManager={MANAGER}", each.document)


def _may(api: ApiClient, right: Right) -> bool:
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
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.send("POST", REVIEWS, body)
    if not answer.accepted:
        raise PlatformError(f"the API server does not tell which rights the account has: {answer.message}")
    return bool(answer.document["status"]["allowed"])


def _base(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
