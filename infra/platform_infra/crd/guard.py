"""The guard of the definitions: none is applied that rejects objects of the one in the cluster or in the state (DD-CRD-001)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pulumi

from platform_infra.crd.compatibility import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Definitions = dict[str, dict[str, Any]]
"""Definitions by the plural of their kinds."""


class Cluster(Protocol):
    """Where definitions may be already."""

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """Return the definition of that name; None if there is none, or if the account may not read it."""


class CrdError(pulumi.RunError):
    """The new definition rejects objects that the applied one accepts; the message lists every reason."""

    def __init__(self, reasons: Mapping[str, Sequence[str]]) -> None:
        listed = "\n".join(
            f"incompatible CRD change of {plural}: existing or new objects would be rejected:\n"
            + "\n".join(f"  - {reason}" for reason in each)
            for plural, each in reasons.items()
        )
        super().__init__(
            f"{listed}\n"
            "Revert these changes, or serve a new version in addition to this one; to apply the change nevertheless, "
            "for example in a rollback, set crdAllowIncompatible to true for this `up`"
        )


class CompatibilityGuard:
    """Compares the definitions of a stack with those in a cluster, and with those in the state of the stack.

    `cluster` is None where none can be asked: it does not answer, or the same program makes it.
    """

    def __init__(self, definitions: Definitions, cluster: Cluster | None) -> None:
        self._definitions = definitions
        self._cluster = cluster

    def before_create(self, _creation: pulumi.ResourceHookArgs) -> None:
        """Check every definition before the engine creates one of them: a retained one may exist in the cluster.

        Raises:
            CrdError: at least one is incompatible; the message lists every field of each one.
        """
        _refuse({plural: self._live(plural) for plural in self._definitions})

    def before_update(self, change: pulumi.ResourceHookArgs) -> None:
        """Check an update of a definition before the engine applies it.

        Raises:
            CrdError: the update is incompatible; the message lists every field.
        """
        new = change.new_inputs or {}
        plural: str = new["spec"]["names"]["plural"]
        recorded = problems(change.old_inputs or {}, new)
        _refuse({plural: [*recorded, *(each for each in self._live(plural) if each not in recorded)]})

    def _live(self, plural: str) -> list[str]:
        """Return what the definition of this stack takes less than the one in the cluster."""
        new = self._definitions[plural]
        live = self._cluster.definition(new["metadata"]["name"]) if self._cluster else None
        return problems(live, new) if live else []

    def binding(self, name: str) -> pulumi.ResourceHookBinding:
        """Return the hooks of an instance: the engine knows a hook by its name."""

        def hook(part: str, check: Callable[[pulumi.ResourceHookArgs], None]) -> pulumi.ResourceHook:
            options = pulumi.ResourceHookOptions(on_dry_run=True)
            return pulumi.ResourceHook(f"{name}-{part}", check, opts=options)

        return pulumi.ResourceHookBinding(
            before_create=[hook("compatibility-with-cluster", self.before_create)],
            before_update=[hook("compatibility", self.before_update)],
        )


def _refuse(reasons: Mapping[str, Sequence[str]]) -> None:
    incompatible = {plural: each for plural, each in reasons.items() if each}
    if incompatible:
        raise CrdError(incompatible)
