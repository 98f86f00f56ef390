"""What the cluster has before a stack creates it: refused, unless this run adopts it (DD-OWNER-001).

A creation applies to an object that exists. Every object of a stack therefore names its owner, and the first creation of a run
compares all of them with the cluster.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from platform_infra import names
from platform_infra.cluster.connection import ClusterError
from platform_infra.cluster.ownership import OWNERSHIP_PAGE, Owner
from platform_infra.cluster.planned import Planned, field_of
from platform_infra.outputs import value_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from platform_infra.cluster.api_server import ApiServer
    from platform_infra.cluster.ownership import Identity
    from platform_infra.settings.model import Settings

PREFIX = "kubernetes:"
"""Of the types of objects in a cluster."""
NAMESPACE, DEFINITION = "Namespace", "CustomResourceDefinition"


def adopts() -> bool:
    """Return whether the environment asks to adopt what exists for this stack."""
    return os.environ.get(names.ADOPT_VARIABLE, "") == pulumi.get_stack()


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """An object in the cluster: its owner's annotation, empty if it has none, and the field managers that have written it."""

    planned: Planned
    owner: str
    managers: tuple[str, ...]

    @classmethod
    def of(cls, planned: Planned, document: Mapping[str, Any]) -> Existing:
        metadata = document["metadata"]
        managers = [entry.get("manager") or "unknown" for entry in metadata.get("managedFields") or ()]
        return cls(
            planned=planned,
            owner=str((metadata.get("annotations") or {}).get(names.CRD_OWNER) or ""),
            managers=tuple(dict.fromkeys(managers)),
        )

    def belongs_to(self, ours: Owner) -> bool:
        return bool(self.owner) and ours.owns(Owner.parse(self.owner))

    def __str__(self) -> str:
        managers = ", ".join(self.managers) or "unknown"
        return f"{self.planned}: owner {self.owner or 'none'}; written by {managers}"


class Adoption:
    """Adds the owner to every object of a stack, and checks before the first creation what exists.

    `reader` returns the API server once it is known; it is None where the cluster is that of this stack alone, or cannot be asked.
    By the settings, the stack hands its namespace or its CRDs over: these get no owner.
    """

    def __init__(
        self,
        name: str,
        *,
        identity: Identity,
        reader: Callable[[], Awaitable[ApiServer | None]] | None,
        settings: Settings,
        adopt: bool,
    ) -> None:
        self._identity = identity
        self._reader = reader
        self._home = settings.operator.namespace
        managed = {NAMESPACE: settings.namespace.managed, DEFINITION: settings.crd.managed}
        self._handed_over = {kind for kind, own in managed.items() if not own}
        self._adopt = adopt
        self._planned: dict[tuple[str, str], Planned] = {}
        """By the type and the name of the resource."""
        self._examination: asyncio.Future[None] | None = None
        self._hooks = pulumi.ResourceOptions()
        if reader:
            hook = pulumi.ResourceHook(
                f"{name}-existing-objects",
                self._before_create,
                opts=pulumi.ResourceHookOptions(on_dry_run=True),
            )
            self._hooks.hooks = pulumi.ResourceHookBinding(before_create=[hook])

    def options(self) -> pulumi.ResourceOptions:
        """Return the options of a component whose objects are marked and checked."""
        return pulumi.ResourceOptions(transformations=[self._mark])

    def _mark(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        key = (args.type_, args.name)
        # A component hands its options to its children, in addition to their own.
        if not args.type_.startswith(PREFIX) or key in self._planned:
            return None
        metadata = args.props["metadata"]
        self._planned[key] = planned = Planned.of(args.type_, metadata, self._home)
        if not (planned.kind in self._handed_over and args.opts.retain_on_delete):
            metadata = _annotated(metadata, names.CRD_OWNER, self._identity.owner())
        return pulumi.ResourceTransformationResult(
            props={**args.props, "metadata": metadata},
            opts=pulumi.ResourceOptions.merge(args.opts, self._hooks),
        )

    def check(self, owned: Sequence[Planned]) -> None:
        """Check that none of these objects belongs to another state, before any object is registered.

        Raises:
            ClusterError: at least one does, and this run adopts nothing.
        """
        if self._identity.reader is None:
            return
        ours = self._identity.described(wait_for(self._identity.state) or "")
        known = existing(self._identity.reader, owned)
        self._decide([each for each in known if each.owner and not each.belongs_to(ours)], ours)

    async def _before_create(self, _creation: pulumi.ResourceHookArgs) -> None:
        """Check every object before the engine creates one of them: none is created if one is refused.

        The program registers all of them in one turn of its event loop, so that the first call of this hook knows all.

        Raises:
            ClusterError: at least one exists and is not of this state, and this run adopts nothing.
        """
        if self._examination is None:
            self._examination = asyncio.ensure_future(self._examine())
        await self._examination

    async def _examine(self) -> None:
        reader = await self._reader() if self._reader else None
        if reader is None:
            return
        ours = self._identity.described(await value_of(self._identity.state) or "")
        try:
            strangers = [] if self._at_home(reader, ours) else self._strangers(reader, ours)
        except ClusterError as error:
            # The previewed change may be the one that repairs the access.
            if not pulumi.runtime.is_dry_run():
                raise
            pulumi.log.warn(f"{error}; this preview does not check which objects exist")
            return
        self._decide(strangers, ours)

    def _at_home(self, reader: ApiServer, ours: Owner) -> bool:
        """Return whether the operator's namespace, or its account in a namespace of others, is of this state."""
        owners = (
            reader.owner_of_namespace(self._home),
            reader.owner_of_account(self._home, names.OPERATOR),
        )
        return any(text and ours.owns(Owner.parse(text)) for text in owners)

    def _strangers(self, reader: ApiServer, ours: Owner) -> list[Existing]:
        known = existing(reader, sorted(set(self._planned.values())))
        return [each for each in known if not each.belongs_to(ours)]

    def _decide(self, found: Sequence[Existing], ours: Owner) -> None:
        """Refuse what was found, or report that this run adopts it."""
        if not found:
            return
        listed = "\n".join(f"  - {each}" for each in found)
        if self._adopt:
            pulumi.log.info(f"{names.ADOPTED}:\n{listed}")
            return
        raise ClusterError(
            f"these objects exist in the cluster, and no state of this stack has them:\n{listed}\nThis stack is {ours.text()}. No "
            f"object has been created. If another state owns them, set PULUMI_BACKEND_URL to its backend. If this stack has never created "
            f"them, give it another operatorNamespace and set crdManaged to false; otherwise that would delete them. To take them over, "
            f"{self._remedy}; see {OWNERSHIP_PAGE}"
        )

    @property
    def _remedy(self) -> str:
        if self._identity.instance:
            return "set adoptExisting to true"
        return f"run `tools/notif-platform up {pulumi.get_stack()} --adopt`"


def existing(reader: ApiServer, planned: Sequence[Planned]) -> list[Existing]:
    return [Existing.of(each, document) for each, document in reader.existing(planned).items()]


def _annotated(metadata: Any, key: str, value: pulumi.Output[str]) -> Any:  # noqa: ANN401 - as above
    annotations = {**(field_of(metadata, "annotations") or {}), key: value}
    if isinstance(metadata, dict):
        return {**metadata, "annotations": annotations}
    metadata.annotations = annotations
    return metadata
