"""The fields of a pod specification that decide where the operator's pods run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_kubernetes.core.v1 import LocalObjectReferenceArgs, TolerationArgs, TopologySpreadConstraintArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from platform_infra.settings.sections.placement import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from platform_infra.settings.sections.deployment import Operator
    from platform_infra.settings.sections.placement import Placement

ZONE = "topology.kubernetes.io/zone"
NODE = "kubernetes.io/hostname"
UNSATISFIABLE = {Spread.PREFERRED: "ScheduleAnyway", Spread.REQUIRED: "DoNotSchedule"}


def pod_fields(
    placement: Placement, operator: Operator, pull_secrets: Sequence[pulumi.Input[str]] = ()
) -> dict[str, Any]:
    """Return the fields of any pod that the settings set, without `spread`; the image is pulled with `pull_secrets`."""
    fields = {
        "image_pull_secrets": [LocalObjectReferenceArgs(name=name) for name in pull_secrets],
        "priority_class_name": placement.priority_class,
        "node_selector": placement.node_selector,
        "affinity": placement.affinity,
        "tolerations": [
            TolerationArgs(
                key=toleration.key or None,
                operator=toleration.operator,
                value=toleration.value or None,
                effect=toleration.effect or None,
                toleration_seconds=toleration.tolerationSeconds,
            )
            for toleration in placement.tolerations
        ],
        # The default is not written: a cluster that does not serve the field refuses it.
        "host_users": None if operator.host_users else False,
    }
    return {name: value for name, value in fields.items() if value or value is False}


def spread(
    placement: Placement, replicas: int, selector: Mapping[str, str]
) -> list[TopologySpreadConstraintArgs] | None:
    """Return a constraint for zones, and one for nodes unless there is only one pod; None without any."""
    spreads = {ZONE: placement.zone_spread, NODE: placement.node_spread if replicas > 1 else Spread.NONE}
    constraints = [
        TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable=UNSATISFIABLE[strictness],
            label_selector=LabelSelectorArgs(match_labels=selector),
            # Without this, old pods count during a rollout and skew the new ones.
            match_label_keys=["pod-template-hash"],
        )
        for key, strictness in spreads.items()
        if strictness != Spread.NONE
    ]
    return constraints or None
