"""Compares what a program registers with what a cluster permits, and reports what is missing and what to do about it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.secrets import GRANT, SECRET_TYPES, grant_command
from notification_contract.names import API_VERSION, SOURCE_LABEL
from platform_infra import names
from platform_infra.cluster.api_server import NAMESPACES
from tools.platform.errors import PlatformError
from tools.platform.kinds import Kind, kinds_at
from tools.platform.preflight.rights import BINDINGS, Need, Reference, Right, needs, pod_template, references

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from platform_infra.cluster.api_client import ApiClient
    from tools.platform.preflight.rights import PlannedObject

DEFINITION: Final = "CustomResourceDefinition"
DEFAULT_ACCOUNT: Final = "default"
ASK: Final = "change the setting that the message names, or ask the owner of the cluster"
REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MANAGER: Final = "notification-platform-preflight"
CONCURRENCY: Final = 8
URL_HINT: Final = "add its name to gatewaySecrets, or give the sender the URL that `notif source url` prints, and delete the Secret"


def examine(api: ApiClient, objects: Sequence[PlannedObject], needed: Sequence[str] = ()) -> Report:
    """Return every problem that the API server knows, or fail if it does not answer.

    `needed` are kinds of the platform that must be served although the program registers no object of them.
    """
    report = Report(objects=len(objects))
    wanted = {(each.api_version, each.kind): unserved(each) for each in objects}
    wanted |= {(API_VERSION, kind): CRDS_OF_OTHERS for kind in needed}
    kinds = kinds_at(api, sorted({version for version, _ in wanted}))
    served = {(kind.version, kind.name): kind for kind in kinds}
    known = {**served, **_defined(objects)}
    for (version, kind), hint in wanted.items():
        if (version, kind) not in known:
            report.find(f"the cluster does not serve the kind {kind} of {version}", hint)
    absent = _absent_namespaces(api, objects, report)
    rights = needs(objects, known)
    report.rights = len(distinct(rights))
    report.missing = _missing(api, rights)
    for reference in references(objects):
        if reference.namespace not in absent:
            _check_reference(api, reference, report)
    _check_stored_urls(api, objects, report)
    refused = {need.subject for need in report.missing}
    for each in objects:
        if str(each) in refused and (hint := setting(each)):
            report.hints.append(hint)
        served_kind = served.get((each.api_version, each.kind))
        if each.only_read or served_kind is None or each.namespace in absent or str(each) in refused:
            continue
        _dry_run(api, each, served_kind, report)
        _check_pods(api, each, report)
    return report


def _absent_namespaces(api: ApiClient, objects: Sequence[PlannedObject], report: Report) -> set[str]:
    """Return the namespaces that do not exist; those that the program does not create are problems."""
    created = {each.name for each in objects if each.kind == "Namespace" and not each.only_read}
    read = {each.name for each in objects if each.kind == "Namespace" and each.only_read}
    used = {each.namespace for each in objects if each.namespace}
    absent = set()
    for name in sorted(created | read | used):
        status = api.get(f"{NAMESPACES}/{name}").status
        if status == HTTPStatus.NOT_FOUND:
            absent.add(name)
        if name in created:
            continue
        if status == HTTPStatus.NOT_FOUND:
            hint = "ask the owner of the cluster for it, or correct operatorNamespace or watchNamespaces"
            report.find(f"the namespace {name} does not exist", hint)
        elif status == HTTPStatus.FORBIDDEN:
            report.notes.append(f"whether the namespace {name} exists, because the account may not read it")
    return absent


def _missing(api: ApiClient, wanted: Sequence[Need]) -> list[Need]:
    asked = {need.right for need in wanted} | {need.unless for need in wanted if need.unless}
    held = allowed(api, sorted(asked))
    return [need for need in wanted if not held[need.right] and not (need.unless and held[need.unless])]


def _check_reference(api: ApiClient, each: Reference, report: Report) -> None:
    """Find an object of others that pods would wait for, or without which a receiver is not ready."""
    answer = api.get(f"{NAMESPACES}/{each.namespace}/{each.kind.lower()}s/{each.name}")
    if answer.status == HTTPStatus.FORBIDDEN:
        report.notes.append(f"whether the {each} exists, because the account may not read it")
    elif answer.status == HTTPStatus.NOT_FOUND:
        waiting = "no receiver is ready without it" if each.of_receiver else "pods wait for it"
        hint = f"create it, or correct the setting that names it; {waiting}"
        report.find(f"the {each} does not exist", hint)
    elif answer.accepted and each.of_receiver:
        _check_grant(each, answer.document, report)
    if answer.accepted and each.key and each.key not in (answer.document.get("data") or {}):
        keys = ", ".join(sorted(answer.document.get("data") or {})) or "none"
        what = f"the {each} has no key {each.key!r}; its keys are: {keys}"
        report.find(what, "add the key, or correct the setting that names it")


def _check_grant(each: Reference, secret: Mapping[str, Any], report: Report) -> None:
    """Find a Secret whose owner does not let receivers use it (DD-SECRET-001)."""
    if (secret["metadata"].get("labels") or {}).get(names.SECRET_LABEL) != "true":
        report.find(f"the {each} lacks the label {GRANT}", f"run {grant_command(each.namespace, each.name)}")
    if secret.get("type") not in SECRET_TYPES:
        hint = f"create one of the types {', '.join(SECRET_TYPES)}"
        report.find(f"the {each} has a type that receivers may not use", hint)


def _check_stored_urls(api: ApiClient, objects: Sequence[PlannedObject], report: Report) -> None:
    """Find URLs of sources that an earlier version has stored in Secrets, and that the gateway would no longer accept."""
    for each in objects:
        if each.name != f"{names.cluster_scoped(each.namespace, names.GATEWAY)}.own" or each.kind != "Role":
            continue
        limits = [
            rule.get("resourceNames") for rule in each.document["rules"] if rule["resources"] == ["secrets"]
        ]
        if None in limits:
            continue
        named = {name for limit in limits for name in limit}
        listed = api.get(f"{NAMESPACES}/{each.namespace}/secrets?labelSelector={SOURCE_LABEL}")
        for secret in listed.document.get("items") or () if listed.accepted else ():
            if (name := secret["metadata"]["name"]) not in named:
                what = f"the gateway would not accept the URL in the Secret {each.namespace}/{name}, which an earlier version created"
                report.find(what, URL_HINT)


def _dry_run(api: ApiClient, each: PlannedObject, kind: Kind, report: Report) -> None:
    options = f"dryRun=All&force=true&fieldManager={MANAGER}"
    answer = api.send("PATCH", f"{kind.path(each.namespace, each.name)}?{options}", each.document)
    # A dry run stores no role, so that a binding to it cannot be checked.
    if not answer.accepted and (each.kind not in BINDINGS or answer.status != HTTPStatus.NOT_FOUND):
        report.find(f"the API server does not accept {each}: {answer.message}", setting(each) or ASK)


def _check_pods(api: ApiClient, each: PlannedObject, report: Report) -> None:
    """Find what refuses the pods: Pod Security, quotas, limits, admission policies, a priority class."""
    template = pod_template(each.document)
    if template is None:
        return
    create = Right(namespace=each.namespace, group="", resource="pods", verb="create")
    if not allowed(api, [create])[create]:
        report.notes.append(f"the pods of {each}, because the account may not create pods")
        return
    # The account of the pods exists only after `up`.
    pod = {**template["spec"], "serviceAccountName": DEFAULT_ACCOUNT}
    metadata = {**template.get("metadata", {}), "generateName": f"{each.name}-"}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
    answer = api.send("POST", f"{NAMESPACES}/{each.namespace}/pods?dryRun=All", document)
    if f'serviceaccount "{DEFAULT_ACCOUNT}" not found' in answer.message:
        report.notes.append(f"the pods of {each}, because the namespace has no account {DEFAULT_ACCOUNT}")
    elif not answer.accepted:
        hint = _hint(each.name, answer.message)
        report.find(f"the API server does not accept the pods of {each}: {answer.message}", hint)


def _hint(name: str, refusal: str) -> str:
    """Return what to do about refused pods. A quota of processor time requires a limit, which no pod has by default."""
    if "limits.cpu" not in refusal:
        return ASK
    key = "gatewayCpuLimit" if name == names.GATEWAY else "operatorCpuLimit"
    return f"set {key} to a limit that the quota permits, or ask the owner of the cluster"


def _defined(objects: Sequence[PlannedObject]) -> dict[tuple[str, str], Kind]:
    result = {}
    for spec in (each.document["spec"] for each in objects if each.kind == DEFINITION):
        name, plural = spec["names"]["kind"], spec["names"]["plural"]
        for served in spec["versions"]:
            version, namespaced = f"{spec['group']}/{served['name']}", spec["scope"] == "Namespaced"
            result[version, name] = Kind(version=version, name=name, plural=plural, namespaced=namespaced)
    return result


def user_of(api: ApiClient) -> str:
    """Return the name of the account; empty where the API server does not tell."""
    version = "authentication.k8s.io/v1"
    body = {"apiVersion": version, "kind": "SelfSubjectReview"}
    answer = api.send("POST", f"/apis/{version}/selfsubjectreviews", body)
    return str(((answer.document.get("status") or {}).get("userInfo") or {}).get("username") or "")


def allowed(api: ApiClient, rights: Collection[Right]) -> dict[Right, bool]:
    """Return whether the account has each right."""
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return dict(zip(rights, pool.map(lambda right: _may(api, right), rights), strict=True))


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


SHOWN_PURPOSES = 2


@dataclass(slots=True, kw_only=True)
class Report:
    missing: Sequence[Need] = ()
    """Rights that the account does not have."""
    hints: list[str] = field(default_factory=list)
    """Settings with which the stack needs fewer of these rights."""
    findings: list[str] = field(default_factory=list)
    """What `up` would fail on otherwise, and what to do about it."""
    notes: list[str] = field(default_factory=list)
    """What could not be checked, and why."""
    rights: int = 0
    """Number of rights that were asked for."""
    objects: int = 0
    """Number of objects that the program registers."""

    def find(self, what: str, hint: str) -> None:
        self.findings.append(f"{what}; {hint}")

    @property
    def passed(self) -> bool:
        return not self.missing and not self.findings

    def lines(self) -> Iterator[str]:
        """Yield the report: the missing rights by place, the other problems, and what was not checked."""
        for namespace in sorted({need.right.namespace for need in self.missing}):
            place = f"in the namespace {namespace}" if namespace else "in the whole cluster"
            yield f"missing rights {place}:"
            here = [need for need in self.missing if need.right.namespace == namespace]
            yield from (f"  - {line}" for line in _grouped(here))
        yield from (f"to need fewer rights: {hint}" for hint in dict.fromkeys(self.hints))
        yield from (f"- {finding}" for finding in dict.fromkeys(self.findings))
        yield from (f"not checked: {note}" for note in dict.fromkeys(self.notes))


def _grouped(missing: Sequence[Need]) -> Iterator[str]:
    """Yield one line per resource and object with all its verbs, and what they are for."""
    kinds: dict[tuple[str, str, str], list[Need]] = {}
    for need in missing:
        kinds.setdefault((need.right.group, need.right.resource, need.right.name), []).append(need)
    for (group, resource, name), same in sorted(kinds.items()):
        verbs = ", ".join(dict.fromkeys(need.right.verb for need in same))
        purposes = list(dict.fromkeys(f"{need.purpose} {need.subject}" for need in same))
        more = f" and {len(purposes) - SHOWN_PURPOSES} more" if len(purposes) > SHOWN_PURPOSES else ""
        target = f"{qualified(group, resource)} {name}".strip()
        yield f"{verbs} {target}: to {', to '.join(purposes[:SHOWN_PURPOSES])}{more}"


def qualified(group: str, resource: str) -> str:
    """Return a resource as `kubectl auth can-i` accepts it, such as `notificationrequests.kubernaut.ai/status`."""
    plural, slash, subresource = resource.partition("/")
    return f"{plural}.{group}{slash}{subresource}" if group else resource


def distinct(needs: Iterable[Need]) -> list[Right]:
    return list(dict.fromkeys(need.right for need in needs))


SETTINGS: Final = {
    "Namespace": "set namespaceManaged to false to use a namespace of others",
    "CustomResourceDefinition": "set crdManaged to false to use the CRDs of others",
    "ClusterRole": "set watchNamespaces for Roles in these namespaces only",
    "ClusterRoleBinding": "set watchNamespaces for Roles in these namespaces only",
    "FlowSchema": "set operatorFlowSchemas to false",
    "ValidatingAdmissionPolicy": "set admissionEnabled to false",
    "ValidatingAdmissionPolicyBinding": "set admissionEnabled to false",
    "PersistentVolume": "set channelsFileVolume to pvc or emptyDir",
    "PodMonitor": "set monitoringMode to annotations or none",
    "PrometheusRule": "set monitoringMode to annotations or none",
    "CronJob": "remove drillSchedule",
    "Ingress": "remove gatewayHost",
}
"""How the stack does without an object, by its kind."""
OF_THE_GATEWAY: Final = "set gatewayTokenReviews and gatewayTenantSources to false, and watchNamespaces for Roles in these namespaces only"
"""How the gateway does without a role in the whole cluster."""
USER_ROLES: Final = "set crdUserRoles to false, or crdManaged to false to use the CRDs of others"
CRDS_OF_OTHERS: Final = (
    "ask the owner of the cluster to install the CRDs, with a stack that has crdManaged true (and gatewayEnabled true for "
    "NotificationSource) or with `kubectl apply` of the files in operator/notification_contract/crds"
)


def setting(each: PlannedObject) -> str:
    """Return how the stack does without an object; empty if it needs the object."""
    if each.kind in {"ClusterRole", "ClusterRoleBinding"} and each.name.startswith(names.GATEWAY):
        return OF_THE_GATEWAY
    if each.kind == "ClusterRole" and not each.name.startswith(names.OPERATOR):
        return USER_ROLES
    return SETTINGS.get(each.kind, "")


def unserved(each: PlannedObject) -> str:
    if each.group == names.GROUP:
        return CRDS_OF_OTHERS
    newer = "use a newer version of Kubernetes"
    return f"{setting(each)}, or {newer}" if setting(each) else newer
