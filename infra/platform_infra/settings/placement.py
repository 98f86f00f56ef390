"""The settings for where pods run and how they share nodes with others. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from platform_infra.settings.base import LabelKey, LabelValue, ObjectName, Section


class ZoneSpread(StrEnum):
    """Whether replicas are spread over zones."""

    NONE = "none"
    PREFERRED = "preferred"
    REQUIRED = "required"


class TolerationOperator(StrEnum):
    """How a toleration compares."""

    EQUAL = "Equal"
    EXISTS = "Exists"


class TaintEffect(StrEnum):
    """What a taint does to pods; empty stands for all effects."""

    ALL = ""
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(Section):
    """A taint of nodes that the pods put up with, with the names that Kubernetes gives these fields."""

    key: Annotated[str, StringConstraints(max_length=316)] = ""
    """The taint's key; empty for all keys, with `Exists`."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """`Equal` compares the value, `Exists` takes any."""
    value: LabelValue = ""
    """The taint's value, with `Equal`."""
    effect: TaintEffect = TaintEffect.ALL
    """The taint's effect; empty for all effects."""
    tolerationSeconds: Annotated[int, Field(ge=0)] | None = None  # noqa: N815 - the API's name
    """With `NoExecute`: for how long a pod stays."""

    @model_validator(mode="after")
    def _is_one_that_the_api_takes(self) -> Self:
        if self.operator == TolerationOperator.EXISTS and self.value:
            raise ValueError("operator `Exists` takes no value")
        if self.operator == TolerationOperator.EQUAL and not self.key:
            raise ValueError("operator `Equal` needs a key")
        if self.tolerationSeconds is not None and self.effect != TaintEffect.NO_EXECUTE:
            raise ValueError("tolerationSeconds is for the effect `NoExecute` alone")
        return self


class Placement(Section):
    """Where the operator's pods run."""

    zone_spread: ZoneSpread = ZoneSpread.NONE
    """Replicas over zones, by nodes' label `topology.kubernetes.io/zone`: `preferred` where it can be had, `required` leaves a pod unscheduled rather."""
    priority_class: ObjectName = ""
    """A PriorityClass of the cluster; empty for the default one."""
    node_selector: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that the pods put up with: `[{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]`."""
    max_unavailable: Annotated[int, Field(ge=1, le=9)] = 1
    """Pods that may be missing while nodes are drained: the PodDisruptionBudget."""


class Protection(Section):
    """What keeps data from being deleted by mistake."""

    data: bool = False
    """Whether a deletion of the CRD, the namespace or the file channel's volume is refused, until `pulumi state unprotect`."""
