"""What a destruction deletes and where: the content of a stack's state, and whether its cluster is the one that is reached."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.cluster.api_server import ApiServer
from platform_infra.cluster.connection import ClusterError
from platform_infra.cluster.existing import named as named_context
from platform_infra.cluster.ownership import OwnedObject, Owner, same_identity
from platform_infra.names import CRD_OWNER, crd_names
from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pulumi.automation import Stack

    from platform_infra.settings.model import Settings
    from platform_infra.settings.sections.cluster import Cluster

Resource = dict[str, Any]

IN_CLUSTER = "kubernetes:"
PROVIDER = "pulumi:providers:kubernetes"
STASH = "pulumi:index:Stash"
STATE_ONLY = ("pulumi:providers:", "pulumi:pulumi:", STASH)
"""Prefixes of the types of resources that exist in the state alone."""
NAMESPACE = "kubernetes:core/v1:Namespace"
DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
OWNED = {
    NAMESPACE: "namespace",
    DEFINITION: "crd",
    "kubernetes:core/v1:ServiceAccount": "serviceaccount",
}
"""Types of objects that can have an owner, and their names for kubectl."""


class WrongClusterError(PlatformError):
    """The cluster cannot be confirmed to be the one that the stack's resources are in; nothing has been destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The state of a stack: its resources, and the connection that the engine would use to delete them."""

    deleted: Mapping[str, int]
    """Number of resources by their kind."""
    retained: Mapping[str, int]
    """Number of resources that stay in the cluster, by their kind."""
    namespaces: Sequence[str]
    """Names of the namespaces that are deleted, with everything in them."""
    definitions: Sequence[str]
    """Names of the CRDs that are deleted, with every object of them."""
    kubeconfig: str
    """The kubeconfig of the connection; empty if the state has none."""
    context: str
    cluster: str
    """The recorded uid of the cluster; empty if none is recorded."""
    may_vanish: bool
    """Whether the cluster is a node on this machine, which can disappear with all its objects."""
    owned: Sequence[tuple[OwnedObject, Owner]]
    objects: Sequence[tuple[str, str]]
    """Objects in a cluster, each with the engine's type and id."""

    @property
    def is_empty(self) -> bool:
        return not self.deleted and not self.retained

    @property
    def server(self) -> str:
        """The URL of the API server; empty if the state has no connection."""
        document = yaml.safe_load(self.kubeconfig) if self.kubeconfig else {}
        return next((entry["cluster"]["server"] for entry in document.get("clusters") or []), "")

    def text(self, stack: str, backend: str, *, cluster_gone: bool = False) -> str:
        """Return what is destroyed, for a person who has to confirm it.

        With `cluster_gone` the objects in the cluster are only forgotten.
        """
        lines = [f"`down` destroys the stack {stack}:"]
        if self.kubeconfig:
            uid = f", uid {self.cluster}" if self.cluster else ""
            lines.append(f"  cluster  {self.server} (context {self.context}{uid})")
        lines.append(f"  backend  {backend}")
        if cluster_gone:
            forgotten = Counter(_kind(type_) for type_, _ in self.objects)
            elsewhere = Counter(self.deleted) + Counter(self.retained) - forgotten
            lines.append(f"  deletes  {_listed(elsewhere)}")
            lines.append(f"  forgets  {_listed(forgotten)}, which stay in the cluster if it still exists")
            return "\n".join(lines)
        lines.append(f"  deletes  {_listed(self.deleted)}")
        lines += [
            f"  deletes  everything in the namespace {name}: receivers, Secrets, notifications and volume claims, also those that the "
            "stack has not created"
            for name in self.namespaces
        ]
        every = "every object of {}, in all namespaces of the cluster"
        lines += [f"  deletes  {every.format(name)}" for name in self.definitions]
        if self.retained:
            objects = ""
            if self.retained.get(_kind(DEFINITION)):
                some = "the notifications and receivers in other namespaces"
                objects = f", with {some if self.namespaces else 'all notifications and receivers'}"
            lines.append(f"  keeps    {_listed(self.retained)}, which stay in the cluster{objects}")
        return "\n".join(lines)


def contents(stack: Stack) -> Contents:
    deployment = stack.export_stack().deployment or {}
    return contents_of(deployment.get("resources") or [])


def contents_of(resources: Iterable[Resource]) -> Contents:
    known = [each for each in resources if not each.get("delete")]
    objects = [each for each in known if each.get("custom") and not each["type"].startswith(STATE_ONLY)]
    provider = next((each for each in known if each["type"] == PROVIDER), {})
    inputs = {key: _plain(value) for key, value in (provider.get("inputs") or {}).items()}
    return Contents(
        deleted=_kinds(each for each in objects if not each.get("retainOnDelete")),
        retained=_kinds(each for each in objects if each.get("retainOnDelete")),
        namespaces=_deleted_names(objects, NAMESPACE),
        definitions=_deleted_names(objects, DEFINITION),
        kubeconfig=str(inputs.get("kubeconfig") or ""),
        context=str(inputs.get("context") or ""),
        cluster=str(inputs.get("clusterIdentifier") or ""),
        may_vanish=str(inputs.get("deleteUnreachable")).lower() == "true",
        owned=[pair for each in objects for pair in _owned(each)],
        objects=[
            (each["type"], each.get("id", "")) for each in objects if each["type"].startswith(IN_CLUSTER)
        ],
    )


def check_place(stack: str, state: Contents, settings: Cluster, *, run_program: bool = False) -> None:
    """Check that state and settings lead to the recorded cluster, and that its objects still belong to this state.

    With `run_program` the cluster is asked with the credentials of the settings, because those of the state may have expired.

    Raises:
        WrongClusterError: they do not, or no API server answers.
    """
    if not state.kubeconfig:
        return
    if run_program and settings.kind.is_named:
        _check_owners(stack, state, _named_cluster(stack, settings, state.cluster))
        return
    api = ApiServer(kubeconfig=state.kubeconfig, context=state.context)
    reached = _identity(stack, api, state.cluster)
    if state.cluster and reached and reached != state.cluster:
        raise _wrong(stack, f"the address in its state ({state.server})", reached, state.cluster)
    if settings.kind.is_named:
        _named_cluster(stack, settings, state.cluster or reached)
    _check_owners(stack, state, api)


def check_given_up(stack: Stack, settings: Settings) -> None:
    """Check that an update deletes no CRD and no namespace that another state has taken over.

    The program does not register what the settings leave out, so it cannot check this. It reports a cluster that does not answer, or
    that is another one.

    Raises:
        WrongClusterError: the update would delete one.
    """
    state = contents(stack)
    left_out = {*state.definitions, *state.namespaces} - set(_managed(settings))
    given_up = [(each, ours) for each, ours in state.owned if each.name in left_out]
    if not given_up:
        return
    try:
        api = _present_cluster(state, settings.cluster)
        if same_identity(api, state.cluster) != state.cluster:
            return
        lost = list(_taken_over(given_up, api))
    except ClusterError:
        return
    if lost:
        names = _joined(each.name for each, _, _ in lost)
        raise WrongClusterError(
            f"{stack.name}: this update would delete {names}, which {_belong(lost)}; nothing has been changed",
            hint=f"to hand it over, undo the change of the settings, take it back with `tools/notif-platform up {stack.name} --adopt --refresh`, "
            "set crdManaged or namespaceManaged to false, run `up` twice, and then `up --adopt` of the other stack",
        )


def _managed(settings: Settings) -> Iterator[str]:
    """Yield the names of the CRDs and of the namespace that the program registers."""
    if settings.crd.managed:
        yield from crd_names(gateway=settings.gateway.enabled)
    if settings.namespace.managed:
        yield settings.operator.namespace


def _present_cluster(state: Contents, settings: Cluster) -> ApiServer:
    """Return the cluster with the credentials of the settings, or with those of the state where the settings have none."""
    if not settings.kind.is_named:
        return ApiServer(kubeconfig=state.kubeconfig, context=state.context)
    single = named_context(settings)
    return ApiServer(kubeconfig=single.text(), context=single.context)


def _named_cluster(stack: str, settings: Cluster, expected: str) -> ApiServer:
    """Return the cluster that the settings name, which has to be the expected one: somebody may expect another one."""
    try:
        single = named_context(settings)
    except ClusterError as error:
        raise WrongClusterError(f"{stack}: {error}") from None
    api = ApiServer(kubeconfig=single.text(), context=single.context)
    named = _identity(stack, api, expected)
    if named and expected and named != expected:
        raise _wrong(stack, f"its clusterContext ({single.context}, {single.server})", named, expected)
    return api


def _check_owners(stack: str, state: Contents, api: ApiServer) -> None:
    lost = list(_taken_over(state.owned, api))
    if lost:
        objects = _joined(f"the {each.kind} {each.name}" for each, _, _ in lost)
        raise WrongClusterError(
            f"{stack}: {objects} {_belong(lost)}; nothing has been destroyed",
            hint="use the backend with the state that owns it (PULUMI_BACKEND_URL); if all objects of this state have been "
            f"taken over, remove the state alone: `pulumi stack rm --force --preserve-config {stack}`",
        )


def _taken_over(
    owned: Iterable[tuple[OwnedObject, Owner]], api: ApiServer
) -> Iterator[tuple[OwnedObject, Owner, str]]:
    """Yield the objects of a state that another one owns now, with the owner that the state knows and that of the cluster."""
    for each, ours in owned:
        text = each.owner(api)
        if text and not ours.owns(Owner.parse(text)):
            yield each, ours, text


def _belong(lost: Sequence[tuple[OwnedObject, Owner, str]]) -> str:
    """Say to whom objects belong that another state has taken over."""
    verb, owners = "belongs" if len(lost) == 1 else "belong", _joined(text for _, _, text in lost)
    return (
        f"{verb} to {owners} now, and no longer to this state ({_joined(ours.text() for _, ours, _ in lost)})"
    )


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(sorted(set(texts)))


def _identity(stack: str, api: ApiServer, recorded: str) -> str:
    """Return the identity of the cluster that answers, by the namespace that the recorded one comes from."""
    try:
        return same_identity(api, recorded)
    except ClusterError as error:
        raise WrongClusterError(
            f"{stack}: {error}; nothing has been destroyed",
            hint="if the credentials in the state have expired, pass --run-program, which uses those of the settings, or run `up` "
            "first, which renews them. If the cluster no longer "
            f"exists, run `tools/notif-platform down {stack} --cluster-gone`, which forgets its objects and deletes the rest",
        ) from None


def _wrong(stack: str, what: str, reached: str, expected: str) -> WrongClusterError:
    return WrongClusterError(
        f"{stack}: {what} leads to the cluster with the uid {reached}, but the resources of the stack are in that with the uid "
        f"{expected}; nothing has been destroyed",
        hint="correct clusterKubeconfig and clusterContext, or select the backend of the other stack",
    )


def _owned(resource: Resource) -> Iterable[tuple[OwnedObject, Owner]]:
    metadata = (resource.get("inputs") or {}).get("metadata") or {}
    text = (metadata.get("annotations") or {}).get(CRD_OWNER)
    if text and resource["type"] in OWNED:
        kind, home = OWNED[resource["type"]], str(metadata.get("namespace") or "")
        yield OwnedObject(kind=kind, name=metadata["name"], namespace=home), Owner.parse(text)


def _deleted_names(resources: Iterable[Resource], type_: str) -> list[str]:
    return [
        each["inputs"]["metadata"]["name"]
        for each in resources
        if each["type"] == type_ and not each.get("retainOnDelete")
    ]


def _kinds(resources: Iterable[Resource]) -> Counter[str]:
    return Counter(_kind(each["type"]) for each in resources)


def _kind(type_: str) -> str:
    return type_.rpartition(":")[2]


def _listed(kinds: Mapping[str, int]) -> str:
    total = sum(kinds.values())
    each = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"{total} resource(s): {each}" if total else "nothing"


def _plain(value: Any) -> Any:  # noqa: ANN401 - any property
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value
