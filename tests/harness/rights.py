"""What an account may do, according to the API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubernetes import client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.harness.cluster import Cluster

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of a user, such as `system:serviceaccount:home:notification-operator`."""

    cluster: Cluster
    user: str

    def verbs(
        self, group: str, resource: str, subresource: str, *, namespace: str, name: str = ""
    ) -> set[str]:
        """Return the verbs that the user may use on a resource."""
        attributes = {
            "namespace": namespace,
            "name": name,
            "group": group,
            "resource": resource,
            "subresource": subresource,
        }
        return {verb for verb in VERBS if self._may({**attributes, "verb": verb})}

    def code(self, method: str, path: str, body: bytes | None = None) -> int:
        """Make a request as this user, and return the response code."""
        answer = self.cluster.api.rest_client.pool_manager.request(
            method,
            self.cluster.api.configuration.host + path,
            body=body,
            headers={"Content-Type": "application/merge-patch+json", "Impersonate-User": self.user},
        )
        return int(answer.status)

    def _may(self, attributes: Mapping[str, str]) -> bool:
        groups = ["system:serviceaccounts"]
        review = {"spec": {"user": self.user, "groups": groups, "resourceAttributes": attributes}}
        answer = client.AuthorizationV1Api(self.cluster.api).create_subject_access_review(review)
        return bool(answer.status.allowed)
