"""Settings for the scheduling of the operator's pods, and for the protection of data. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from platform_infra.settings.sections.base import LabelKey, LabelValue, OptionalObjectName, Section


class Spread(StrEnum):
    """How strictly replicas are spread over zones or nodes."""

    NONE = "none"
    PREFERRED = "preferred"
    REQUIRED = "required"


class TolerationOperator(StrEnum):
    """The operator of a toleration."""

    EQUAL = "Equal"
    EXISTS = "Exists"


class TaintEffect(StrEnum):
    """The effect of a taint; empty matches all effects."""

    ALL = ""
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(Section):
    """A toleration of the pods, with the field names of the Kubernetes API."""

    key: Annotated[str, StringConstraints(max_length=316)] = ""
    """Key of the taint; empty with `Exists` matches all keys."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """`Equal` compares the value, `Exists` matches any value."""
    value: LabelValue = ""
    """Value of the taint, for `Equal`."""
    effect: TaintEffect = TaintEffect.ALL
    """Effect of the taint; empty matches all effects."""
    tolerationSeconds: Annotated[int, Field(ge=0)] | None = None  # noqa: N815 - the API's name
    """For `NoExecute`: seconds that a pod stays on a tainted node."""

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.operator == TolerationOperator.EXISTS and self.value:
            raise ValueError("operator `Exists` cannot have a value")
        if self.operator == TolerationOperator.EQUAL and not self.key:
            raise ValueError("operator `Equal` requires a key")
        if self.tolerationSeconds is not None and self.effect != TaintEffect.NO_EXECUTE:
            raise ValueError("tolerationSeconds requires the effect `NoExecute`")
        return self


class Placement(Section):
    """The scheduling of the operator's pods."""

    zone_spread: Spread = Spread.NONE
    """How replicas are spread over zones (node label `topology.kubernetes.io/zone`): `preferred` spreads on a best-effort basis; `required` leaves pods Pending instead."""
    node_spread: Spread = Spread.PREFERRED
    """How replicas are spread over nodes (node label `kubernetes.io/hostname`), with more than one replica: `preferred` spreads on a best-effort basis; `required` leaves pods Pending instead."""
    priority_class: OptionalObjectName = ""
    """PriorityClass of the pods; empty uses the cluster's default."""
    node_selector: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels that a node must have to run the pods."""
    tolerations: tuple[Toleration, ...] = ()
    """Tolerations of the pods, such as `[{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]`."""
    affinity: dict[str, Any] = Field(default_factory=dict)
    """Affinity of the pods, as in the Kubernetes API, such as `{"nodeAffinity": {…}}`."""
    max_unavailable: Annotated[int, Field(ge=1, le=9)] = 1
    """Maximum number of pods that are unavailable while nodes are drained (PodDisruptionBudget)."""


class Protection(Section):
    """Protection of data against accidental deletion."""

    data: bool = False
    """Whether Pulumi refuses to delete the CRDs, the namespace and the file channel's volume. `pulumi state unprotect` lifts the protection."""
