"""What a stack needs of its cluster, by a preview of its program: objects, what their pods and receivers refer to, rights, and the roles that grant these.

RBAC lets an account grant only what it holds itself: whoever creates a Role needs every right in it, or the verb `escalate`, and
whoever creates a binding needs every right of the bound role, or the verb `bind`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, product
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_contract.kinds.receiver import parse_spec
from notification_contract.names import SOURCE_KIND
from platform_infra import names
from tools.platform.pulumi.engine import offline_stack
from tools.platform.pulumi.events import EventLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pulumi.automation import EngineEvent

    from platform_infra.cluster.kubeconfig import SingleContext
    from platform_infra.settings.model import Settings
    from tools.platform.kinds import Kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedObject:
    """An object in the form of the Kubernetes API; `only_read` if it belongs to others."""

    document: Mapping[str, Any]
    only_read: bool = False

    @property
    def api_version(self) -> str:
        return str(self.document["apiVersion"])

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.document["metadata"].get("namespace") or "")

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """An object of others, and its key that is read; empty for all keys."""

    kind: str
    namespace: str
    name: str
    key: str = ""
    of_receiver: bool = False
    """Whether a receiver refers to it, and no pod."""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def references(objects: Sequence[PlannedObject]) -> list[Reference]:
    created = {(each.kind, each.namespace, each.name) for each in objects}
    found = {reference for each in objects for reference in (*_of_pods(each), *_of_receiver(each))}
    return sorted(each for each in found if (each.kind, each.namespace, each.name) not in created)


def pod_template(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    spec = document.get("spec") or {}
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"] if document["kind"] in {"Deployment", "CronJob"} else None


def _of_pods(each: PlannedObject) -> Iterator[Reference]:
    template = pod_template(each.document)
    if template is None:
        return
    pod, home = template["spec"], each.namespace
    for secret in pod.get("imagePullSecrets") or ():
        yield Reference(kind="Secret", namespace=home, name=secret["name"])
    for container in pod["containers"]:
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            yield from _keyed(home, "Secret", source.get("secretKeyRef"))
            yield from _keyed(home, "ConfigMap", source.get("configMapKeyRef"))
    for volume in pod.get("volumes") or ():
        yield from _of_volume(home, volume)


def _of_receiver(each: PlannedObject) -> Iterator[Reference]:
    if each.kind != names.RECEIVER_KIND:
        return
    for use in parse_spec(each.document["spec"]).secret_uses():
        yield Reference(kind="Secret", namespace=each.namespace, name=use.name, key=use.key, of_receiver=True)


def _of_volume(home: str, volume: Mapping[str, Any]) -> Iterator[Reference]:
    for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
        yield from _items(home, "Secret", source.get("secret"))
        yield from _items(home, "ConfigMap", source.get("configMap"))
    if claim := volume.get("persistentVolumeClaim"):
        yield Reference(kind="PersistentVolumeClaim", namespace=home, name=claim["claimName"])


def _keyed(home: str, kind: str, source: Mapping[str, Any] | None) -> Iterator[Reference]:
    if source and not source.get("optional"):
        yield Reference(kind=kind, namespace=home, name=source["name"], key=source["key"])


def _items(home: str, kind: str, source: Mapping[str, Any] | None) -> Iterator[Reference]:
    """Yield the reference of a volume; a volume names its Secret otherwise than a projected one."""
    if source is None or source.get("optional"):
        return
    name = str(source.get("secretName") or source.get("name"))
    keys: Iterable[str] = [item["key"] for item in source.get("items") or ()] or [""]
    for key in keys:
        yield Reference(kind=kind, namespace=home, name=name, key=key)


def kinds_of_others(settings: Settings) -> list[str]:
    """Return the kinds of the platform that the programs of a stack need and whose CRDs it does not own."""
    operator = settings.operator.enabled
    needed = {
        names.KIND: operator,
        names.RECEIVER_KIND: operator and settings.receivers_enabled,
        SOURCE_KIND: settings.gateway.enabled,
    }
    return [kind for kind, is_needed in needed.items() if is_needed and not settings.crd.managed]


PREFIX = "kubernetes:"
SECRET_FIELDS = ("data", "stringData")


def planned_objects(stack: str, settings: Settings, single: SingleContext) -> list[PlannedObject]:
    """Return what the program would register for a stack's file; values that are encrypted in it are not known.

    `settings` are those of the file. A namespace of others, which the program reads, comes first.
    """
    objects = registered_objects(stack, kubeconfig=single.text(), context=single.context)
    if settings.namespace.managed:
        return objects
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": settings.operator.namespace}}
    return [PlannedObject(document=home, only_read=True), *objects]


def registered_objects(stack: str, *, kubeconfig: str = "", context: str = "") -> list[PlannedObject]:
    """Return what the program would register in the cluster of a context; without one, no cluster is asked."""
    log, objects = EventLog(), []

    def collect(event: EngineEvent) -> None:
        log.on_event(event)
        step = event.resource_pre_event.metadata if event.resource_pre_event else None
        if step and step.new and step.type.startswith(PREFIX):
            objects.append(PlannedObject(document=_document(step.new.inputs)))

    with offline_stack(stack, kubeconfig=kubeconfig, context=context) as offline, log.operation():
        offline.preview(on_event=collect, color="never", suppress_progress=True)
    return objects


def _document(inputs: Any) -> dict[str, Any]:  # noqa: ANN401 - the engine's properties
    """Return an object of the Kubernetes API; the engine redacts the content of a Secret."""
    return {key: value for key, value in dict(inputs).items() if key not in SECRET_FIELDS or _is_plain(value)}


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - any property
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


RBAC: Final = "rbac.authorization.k8s.io"
OF_AN_OBJECT: Final = ("get", "create", "patch", "delete")
"""Server-side apply needs `patch`, and `create` if the object does not exist."""
OF_A_KIND: Final = ("list", "watch")
"""A deletion waits until the object is gone."""
AWAITED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "Deployment": (("apps", "replicasets"), ("", "pods"), ("", "persistentvolumeclaims")),
}
"""What the provider watches until an object of a kind is ready."""
ROLES: Final = {"Role": "roles", "ClusterRole": "clusterroles"}
BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Right:
    """What a request does to a resource; empty `namespace` for the whole cluster, empty `name` for every object."""

    namespace: str
    group: str
    resource: str
    """The resource with its subresource, such as `notificationrequests/status`."""
    verb: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A right that is needed for an object, unless the account has another one; `purpose` is such as `manage`."""

    right: Right
    purpose: str
    subject: str
    """The object, such as `Role team-a/operator`."""
    unless: Right | None = None


def needs(objects: Sequence[PlannedObject], served: Kinds) -> list[Need]:
    """Return every right that the objects need, each once for a purpose; kinds that are not served are left out."""
    known = [(each, served.get((each.api_version, each.kind))) for each in objects]
    own = [need for each, resource in known if resource for need in _of_object(each, resource.plural)]
    return list(dict.fromkeys([*own, *_of_roles(objects)]))


def _of_object(each: PlannedObject, plural: str) -> Iterator[Need]:
    def right(verb: str, name: str = "", resource: tuple[str, str] = (each.group, plural)) -> Right:
        group, kind = resource
        return Right(namespace=each.namespace, group=group, resource=kind, verb=verb, name=name)

    if each.only_read:
        home = Right(namespace=each.name, group=each.group, resource=plural, verb="get", name=each.name)
        yield Need(right=home, purpose="read", subject=str(each))
        return
    for verb in OF_AN_OBJECT:
        yield Need(right=right(verb, each.name), purpose="manage", subject=str(each))
    for verb in OF_A_KIND:
        yield Need(right=right(verb), purpose="wait for", subject=str(each))
        for resource in AWAITED.get(each.kind, ()):
            yield Need(right=right(verb, resource=resource), purpose="wait for", subject=str(each))


def _of_roles(objects: Iterable[PlannedObject]) -> Iterator[Need]:
    """Yield what must be held to create the roles and to bind them."""
    known = {(each.kind, each.namespace, each.name): each for each in objects if each.kind in ROLES}
    for role in known.values():
        allowed = _on_role("escalate", role.kind, role.namespace, role.name)
        yield from _held(role, role, allowed, "grant it in")
    for binding in objects:
        if binding.kind not in BINDINGS:
            continue
        reference = binding.document["roleRef"]
        kind, name = str(reference["kind"]), str(reference["name"])
        home = binding.namespace if kind == "Role" else ""
        # The verb is asked for where the binding is.
        allowed = _on_role("bind", kind, binding.namespace, name)
        if bound := known.get((kind, home, name)):
            yield from _held(bound, binding, allowed, "bind it in")
        else:
            yield Need(right=allowed, purpose="create", subject=str(binding))


def _on_role(verb: str, kind: str, namespace: str, name: str) -> Right:
    return Right(namespace=namespace, group=RBAC, resource=ROLES[kind], verb=verb, name=name)


def _held(role: PlannedObject, subject: PlannedObject, unless: Right, purpose: str) -> Iterator[Need]:
    """Yield every right of a role, which must be held where the subject is: the role itself or a binding."""
    home = subject.namespace
    for rule in role.document.get("rules") or ():
        names_of = rule.get("resourceNames") or ("",)
        for parts in product(rule["apiGroups"], rule["resources"], rule["verbs"], names_of):
            group, resource, verb, name = parts
            right = Right(namespace=home, group=group, resource=resource, verb=verb, name=name)
            yield Need(right=right, purpose=purpose, subject=str(subject), unless=unless)


DEPLOYER: Final = f"{names.PROJECT}-deployer"
ACCOUNT_PREFIX: Final = "system:serviceaccount:"


def manifest(rights: Iterable[Right], user: str) -> str:
    places = groupby(sorted(set(rights)), key=lambda right: right.namespace)
    documents = [each for namespace, held in places for each in _place(namespace, list(held), user)]
    return yaml.safe_dump_all(documents, sort_keys=False)


def _place(namespace: str, rights: Sequence[Right], user: str) -> list[dict[str, Any]]:
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": DEPLOYER, **({"namespace": namespace} if namespace else {})}
    role = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules(rights)}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": DEPLOYER},
        "subjects": [_subject(user)],
    }
    return [role, binding]


def rules(rights: Sequence[Right]) -> list[dict[str, Any]]:
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for each in rights:
        verbs.setdefault((each.group, each.resource, each.name), []).append(each.verb)
    names_of: dict[tuple[str, str, bool, tuple[str, ...]], list[str]] = {}
    for (group, resource, name), held in verbs.items():
        names_of.setdefault((group, resource, bool(name), tuple(sorted(held))), []).append(name)
    return [
        {"apiGroups": [group], "resources": [resource]}
        | ({"resourceNames": listed} if named else {})
        | {"verbs": list(held)}
        for (group, resource, named, held), listed in names_of.items()
    ]


def _subject(user: str) -> dict[str, str]:
    if user.startswith(ACCOUNT_PREFIX):
        namespace, _, name = user.removeprefix(ACCOUNT_PREFIX).partition(":")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": RBAC, "kind": "User", "name": user}
