"""The fields of a pod specification that decide where the operator's pods run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_kubernetes.core.v1 import LocalObjectReferenceArgs, TolerationArgs, TopologySpreadConstraintArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from platform_infra import names
from platform_infra.settings.sections.placement import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from platform_infra.settings.sections.deployment import Operator
    from platform_infra.settings.sections.placement import Placement

ZONE = "topology.kubernetes.io/zone"
NODE = "kubernetes.io/hostname"
UNSATISFIABLE = {Spread.PREFERRED: "ScheduleAnyway", Spread.REQUIRED: "DoNotSchedule"}


def pod_fields(
    placement: Placement, operator: Operator, pull_secrets: Sequence[pulumi.Input[str]] = ()
) -> dict[str, Any]:
    """Return the fields of a pod specification that the settings set; the image is pulled with `pull_secrets`."""
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
        "topology_spread_constraints": _spread(placement, operator.replicas),
        # The default is not written: a cluster that does not serve the field refuses it.
        "host_users": None if operator.host_users else False,
    }
    return {name: value for name, value in fields.items() if value or value is False}


def _spread(placement: Placement, replicas: int) -> list[TopologySpreadConstraintArgs]:
    """Return a constraint for zones, and one for nodes unless there is only one pod."""
    spreads = {ZONE: placement.zone_spread, NODE: placement.node_spread if replicas > 1 else Spread.NONE}
    return [
        TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable=UNSATISFIABLE[spread],
            label_selector=LabelSelectorArgs(match_labels=names.selector()),
            # Without this, old pods count during a rollout and skew the new ones.
            match_label_keys=["pod-template-hash"],
        )
        for key, spread in spreads.items()
        if spread != Spread.NONE
    ]
