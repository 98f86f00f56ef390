"""Which stack, which state and which cluster belong together: the owner of objects, recorded in both (DD-OWNER-001).

A state keeps an id of its own and the uid of its cluster. The objects that a stack needs for itself have both in their
annotation, so that neither another cluster nor another state is taken for the right one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pulumi

from platform_infra.cluster.api_server import IDENTITY_NAMESPACE, ApiServer
from platform_infra.cluster.connection import ClusterError
from platform_infra.outputs import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_infra.cluster.connection import Connection

OWNERSHIP_PAGE = "docs/clusters.md#owner"
STATE, CLUSTER = "state", "cluster"
"""Keys of the annotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The owner of an object. `cluster` is empty where the cluster has not been identified."""

    stack: str
    """The stack as `organization/project/stack`, with `/instance` for an instance of the component."""
    state: str
    """The id of the state that holds the object; empty if the annotation names none."""
    cluster: str = ""
    """The uid of the cluster that the state belongs to."""

    def text(self) -> str:
        """Return the value of the annotation, such as `organization/notification-platform/prod state=1f… cluster=9a…`."""
        parts = {STATE: self.state, CLUSTER: self.cluster}
        return " ".join([self.stack, *(f"{key}={value}" for key, value in parts.items() if value)])

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Return the owner that an annotation names."""
        stack, *parts = text.split()
        values = dict(part.partition("=")[::2] for part in parts)
        return cls(stack=stack, state=values.get(STATE, ""), cluster=values.get(CLUSTER, ""))

    def owns(self, other: Owner) -> bool:
        """Return whether objects of the `other` owner belong to this one: to the same state, whatever its stack is called."""
        return bool(other.state) and other.state == self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedObject:
    """An object that belongs to one stack: a CRD, the operator's namespace, or its account in a namespace of others."""

    kind: str
    """The kind in kubectl's spelling: `namespace`, `crd` or `serviceaccount`."""
    name: str
    namespace: str = ""

    def owner(self, reader: ApiServer) -> str:
        """Return its owner's annotation in the cluster; empty if it has none."""
        match self.kind:
            case "crd":
                return reader.owner_of_definition(self.name)
            case "serviceaccount":
                return reader.owner_of_account(self.namespace, self.name)
            case _:
                return reader.owner_of_namespace(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The stack of this program with its state and its cluster; `reader` is empty where no cluster is checked.

    `owners` is asked for the owners of objects that the stack hands over; empty where it hands over nothing, or no cluster is known.
    """

    state: pulumi.Output[str]
    cluster: str
    reader: ApiServer | None
    owners: ApiServer | None = None
    context: str = ""
    instance: str = ""
    """The name of the component's instance; empty in the platform's own program."""

    def owner(self) -> pulumi.Output[str]:
        """Return the value of the annotation for this stack's objects."""
        return self.state.apply(lambda state: self.described(state).text())

    def owns_namespace(self, name: str) -> bool:
        """Return whether a namespace in the cluster belongs to this state; no where no cluster is asked."""
        return self._owns(partial(self.owners.owner_of_namespace, name)) if self.owners else False

    def owns_definition(self, name: str) -> bool:
        """Return whether a CRD in the cluster belongs to this state; no where no cluster is asked."""
        return self._owns(partial(self.owners.owner_of_definition, name)) if self.owners else False

    def _owns(self, ask: Callable[[], str]) -> bool:
        text = _asked(ask, "what this stack has created") or ""
        return bool(text) and self.described(wait_for(self.state) or "").owns(Owner.parse(text))

    def described(self, state: str) -> Owner:
        """Return this stack with the id of its state."""
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        name = f"{stack}/{self.instance}" if self.instance else stack
        return Owner(stack=name, state=state, cluster=self.cluster)


def identify(  # noqa: PLR0913 - what decides what is asked
    name: str,
    connection: Connection,
    opts: pulumi.ResourceOptions,
    *,
    instance: str = "",
    tenancy: str = "",
    hands_over: bool = False,
) -> Identity:
    """Record the state's id and the identity of a lasting cluster, and check that it is the cluster of this state.

    `tenancy` is the namespace of another team, if the stack lives in one; it identifies the cluster if kube-system cannot be read. `hands_over` is
    whether the settings leave out the namespace or the CRDs, which the stack may have created.

    Raises:
        ClusterError: the cluster is another one, or does not answer; in a preview, a silent cluster is a warning.
    """
    state = _kept(f"{name}-state", new_state_id(), opts)
    api = _lasting(connection)
    if api is None:
        owners = _server(connection) if hands_over and _is_of_program(connection) else None
        return Identity(state=state, cluster="", reader=None, owners=owners, instance=instance)
    reached = _asked(partial(reached_identity, api, tenancy))
    recorded = wait_for(_kept(f"{name}-uid", reached or "", opts)) or ""
    if recorded and source_of(recorded) != source_of(reached or ""):
        reached = _asked(partial(same_identity, api, recorded))
    reader = None if reached is None else api
    if reached and recorded and reached != recorded:
        raise ClusterError(_another_cluster(api.context, reached, recorded))
    if reached == "":
        pulumi.log.warn(_unidentified(api.context))
    return Identity(
        state=state,
        cluster=recorded,
        reader=reader,
        owners=reader,
        context=api.context,
        instance=instance,
    )


def new_state_id() -> str:
    """Return the id of a state that has none yet."""
    return str(uuid.uuid4())


def _kept(name: str, value: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Return the value that the state keeps under a name; this value if it keeps none."""
    keep = pulumi.ResourceOptions(ignore_changes=["input"])
    kept: pulumi.Output[str] = pulumi.Stash(
        name, input=value, opts=pulumi.ResourceOptions.merge(opts, keep)
    ).output
    return kept


def _lasting(connection: Connection) -> ApiServer | None:
    """Return the API server of a lasting cluster; None for another one, and where a preview does not know it."""
    return _server(connection) if wait_for(pulumi.Output.from_input(connection.lasting)) else None


def _is_of_program(connection: Connection) -> bool:
    """Return whether the program, or a stack that it names, may have created the cluster."""
    return connection.shared or connection.may_vanish is not False


def _server(connection: Connection) -> ApiServer | None:
    """Return the API server; None with a provider of the program, and where a preview does not know it."""
    kubeconfig = wait_for(pulumi.Output.from_input(connection.kubeconfig))
    context = wait_for(pulumi.Output.from_input(connection.context))
    return ApiServer(kubeconfig=kubeconfig, context=context) if kubeconfig and context else None


def reached_identity(reader: ApiServer, tenancy: str) -> str:
    """Return what identifies a cluster: the uid of kube-system, or `tenancy/uid` with the uid of the namespace `tenancy`.

    Empty if the account may read neither.
    """
    if uid := reader.uid():
        return uid
    uid = reader.uid(tenancy) if tenancy else ""
    return f"{tenancy}/{uid}" if uid else ""


def same_identity(reader: ApiServer, recorded: str) -> str:
    """Return the identity of the cluster by the namespace that a recorded identity comes from; empty if it is unknown."""
    source = source_of(recorded)
    uid = reader.uid(source)
    return f"{source}/{uid}" if uid and source != IDENTITY_NAMESPACE else uid


def source_of(identity: str) -> str:
    """Return the namespace that an identity comes from."""
    namespace, slash, _ = identity.partition("/")
    return namespace if slash else IDENTITY_NAMESPACE


def _asked(ask: Callable[[], str], unchecked: str = "whether it is the cluster of this stack") -> str | None:
    """Return the answer of the cluster; None if a preview gets none, with a warning about what is then unchecked."""
    try:
        return ask()
    except ClusterError as error:
        # The previewed change may be the one that repairs the access.
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"{error}; this preview does not check {unchecked}")
        return None


def _unidentified(context: str) -> str:
    return (
        f"the account of context {context!r} may not read the namespace {IDENTITY_NAMESPACE}, so it is not checked "
        f"whether this is the cluster of this stack; permit it to get this namespace: {OWNERSHIP_PAGE}"
    )


def _another_cluster(context: str, reached: str, recorded: str) -> str:
    stack, source = pulumi.get_stack(), source_of(recorded)
    ours, theirs = (identity.rpartition("/")[2] for identity in (recorded, reached))
    return (
        f"clusterContext: the context {context!r} leads to another cluster than that of the stack {stack}: its namespace "
        f"{source} has the uid {theirs}, in the stack's state it is {ours}. Nothing has been changed. Correct "
        f"clusterKubeconfig and clusterContext, or clusterStack; to move the stack to this cluster, see {OWNERSHIP_PAGE}"
    )
