"""What the code of a pull request may try with the account for previews: calls that the API server has to forbid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from platform_infra import names
from platform_infra.names import PREVIEW_ACCOUNT, PREVIEW_LABEL, PREVIEW_NAMESPACE
from platform_infra.preview.admission import QUOTA, SECURITY
from platform_infra.preview.grants import MANAGER_ROLE, RBAC
from platform_infra.settings.sections.preview import PreviewQuota

OWN, BARE, FOREIGN, HOME = "pr-7", "pr-9", "bank", "notification-system"
"""Namespaces: of the preview, of a preview without a quota, of a tenant, and of the base's operator."""
API, AUTHORIZATION = "/api/v1", f"/apis/{RBAC}/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
REQUESTS = f"/apis/{names.GROUP}/{names.VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, and what it attempts."""

    tries: str
    method: str
    path: str
    body: Any = None


def namespace(name: str, *, number: str = "", security: str = "restricted") -> dict[str, Any]:
    labels = ({PREVIEW_LABEL: number} if number else {}) | {SECURITY: security}
    return {"metadata": {"name": name, "labels": labels}}


def inside(name: str, api: str = API) -> str:
    return f"{api}/namespaces/{name}"


def binding(role: str) -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "name": PREVIEW_ACCOUNT, "namespace": PREVIEW_NAMESPACE}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    return {
        "metadata": {"name": f"to-{role.rpartition(':')[2]}"},
        "roleRef": reference,
        "subjects": [subject],
    }


def quota(**more: str) -> dict[str, Any]:
    return {"metadata": {"name": QUOTA}, "spec": {"hard": PreviewQuota().hard() | more}}


def role(resource: str, verb: str) -> dict[str, Any]:
    rule = {"apiGroups": [""], "resources": [resource], "verbs": [verb]}
    return {"metadata": {"name": "more"}, "rules": [rule]}


def workload(kind: str = "Deployment") -> dict[str, Any]:
    pod = {"containers": [{"name": "c", "image": "i"}]}
    labels = {"app": "hostile"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "kind": kind,
        "metadata": {"name": "hostile"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


POD: Final = {"metadata": {"name": "hostile"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
LABELED: Final = {"metadata": {"labels": {PREVIEW_LABEL: "7"}}}
NOTIFICATION: Final = {
    "apiVersion": f"{names.GROUP}/{names.VERSION}",
    "kind": names.KIND,
    "metadata": {"name": "hostile"},
    "spec": {"type": "simple", "priority": "low", "subject": "s", "body": "b", "channels": ["log"]},
}
APPS: Final = "/apis/apps/v1"


FORBIDDEN: Final = tuple(
    Call(tries=tries, method=method, path=path, body=body)
    for tries, method, path, body in (
        ("read every Secret", "GET", f"{API}/secrets", None),
        ("read every pod", "GET", f"{API}/pods", None),
        ("read the nodes", "GET", f"{API}/nodes", None),
        ("read every notification", "GET", f"{REQUESTS}/{names.PLURAL}", None),
        ("create a namespace that is no preview", "POST", f"{API}/namespaces", namespace("shop-2")),
        ("name a preview like a tenant", "POST", f"{API}/namespaces", namespace("shop-2", number="8")),
        ("give a preview another number", "POST", f"{API}/namespaces", namespace("pr-8", number="9")),
        ("number a preview 0", "POST", f"{API}/namespaces", namespace("pr-0", number="0")),
        (
            "create a privileged preview",
            "POST",
            f"{API}/namespaces",
            namespace("pr-8", number="8", security="privileged"),
        ),
        ("make a tenant's namespace a preview", "PATCH", inside(FOREIGN), LABELED),
        ("make the operator's namespace a preview", "PATCH", inside(HOME), LABELED),
        (
            "remove the label of its preview",
            "PATCH",
            inside(OWN),
            {"metadata": {"labels": {PREVIEW_LABEL: None}}},
        ),
        ("permit privileged pods", "PATCH", inside(OWN), {"metadata": {"labels": {SECURITY: "privileged"}}}),
        ("delete a tenant's namespace", "DELETE", inside(FOREIGN), None),
        ("delete the operator's namespace", "DELETE", inside(HOME), None),
        ("delete kube-system", "DELETE", inside("kube-system"), None),
        ("delete its account's namespace", "DELETE", inside(PREVIEW_NAMESPACE), None),
        ("become cluster-admin", "POST", f"{AUTHORIZATION}/clusterrolebindings", binding("cluster-admin")),
        ("create a ClusterRole", "POST", f"{AUTHORIZATION}/clusterroles", role("secrets", "get")),
        ("extend its role", "PATCH", f"{AUTHORIZATION}/clusterroles/{MANAGER_ROLE}", {"rules": []}),
        (
            "bind cluster-admin in its preview",
            "POST",
            f"{inside(OWN, AUTHORIZATION)}/rolebindings",
            binding("cluster-admin"),
        ),
        (
            "bind the role of the scheduler",
            "POST",
            f"{inside(OWN, AUTHORIZATION)}/rolebindings",
            binding("system:kube-scheduler"),
        ),
        (
            "bind its role in a tenant's namespace",
            "POST",
            f"{inside(FOREIGN, AUTHORIZATION)}/rolebindings",
            binding(MANAGER_ROLE),
        ),
        (
            "bind its role in the operator's namespace",
            "POST",
            f"{inside(HOME, AUTHORIZATION)}/rolebindings",
            binding(MANAGER_ROLE),
        ),
        ("grant pods to its operator", "POST", f"{inside(OWN, AUTHORIZATION)}/roles", role("pods", "create")),
        ("grant everything to its operator", "POST", f"{inside(OWN, AUTHORIZATION)}/roles", role("*", "*")),
        (
            "remove a policy",
            "DELETE",
            f"{ADMISSION}/validatingadmissionpolicies/notification-preview-namespaces",
            None,
        ),
        (
            "remove a policy's binding",
            "DELETE",
            f"{ADMISSION}/validatingadmissionpolicybindings/{QUOTA}",
            None,
        ),
        (
            "delete the CRD",
            "DELETE",
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{names.CRD}",
            None,
        ),
        ("read Secrets of the operator", "GET", f"{inside(HOME)}/secrets", None),
        (
            "read the token of its account",
            "GET",
            f"{inside(PREVIEW_NAMESPACE)}/secrets/{PREVIEW_ACCOUNT}-token",
            None,
        ),
        (
            "get a token of the operator",
            "POST",
            f"{inside(HOME)}/serviceaccounts/notification-operator/token",
            {"spec": {}},
        ),
        (
            "change the routing rules",
            "PATCH",
            f"{inside(HOME)}/configmaps/notification-routing-config",
            {"data": {}},
        ),
        ("deploy in a tenant's namespace", "POST", f"{inside(FOREIGN, APPS)}/deployments", workload()),
        ("send in a tenant's namespace", "POST", f"{inside(FOREIGN, REQUESTS)}/{names.PLURAL}", NOTIFICATION),
        ("create a pod without its Deployment", "POST", f"{inside(OWN)}/pods", POD),
        ("run a DaemonSet", "POST", f"{inside(OWN, APPS)}/daemonsets", workload("DaemonSet")),
        ("run a Job", "POST", f"{inside(OWN, '/apis/batch/v1')}/jobs", workload("Job")),
        ("raise its quota", "PATCH", f"{inside(OWN)}/resourcequotas/{QUOTA}", quota(pods="50")),
        ("delete its quota", "DELETE", f"{inside(OWN)}/resourcequotas/{QUOTA}", None),
    )
)
