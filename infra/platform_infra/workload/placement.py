"""The fields of a pod specification that decide where the operator's pods run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_kubernetes.core.v1 import LocalObjectReferenceArgs, TolerationArgs, TopologySpreadConstraintArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from platform_infra import names
from platform_infra.settings.placement import ZoneSpread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.settings.placement import Placement

ZONE = "topology.kubernetes.io/zone"
UNSATISFIABLE = {ZoneSpread.PREFERRED: "ScheduleAnyway", ZoneSpread.REQUIRED: "DoNotSchedule"}


def pod_fields(placement: Placement, image_pull_secrets: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a pod specification that the settings set."""
    fields = {
        "image_pull_secrets": [LocalObjectReferenceArgs(name=name) for name in image_pull_secrets],
        "priority_class_name": placement.priority_class,
        "node_selector": placement.node_selector,
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
        "topology_spread_constraints": _spread(placement),
    }
    return {name: value for name, value in fields.items() if value}


def _spread(placement: Placement) -> list[TopologySpreadConstraintArgs]:
    if placement.zone_spread == ZoneSpread.NONE:
        return []
    return [
        TopologySpreadConstraintArgs(
            topology_key=ZONE,
            max_skew=1,
            when_unsatisfiable=UNSATISFIABLE[placement.zone_spread],
            label_selector=LabelSelectorArgs(match_labels=names.selector()),
            # Without this, old pods count during a rollout and skew the new ones.
            match_label_keys=["pod-template-hash"],
        )
    ]
