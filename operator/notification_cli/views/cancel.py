"""What a cancellation prevents, and what it cannot take back. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_cli.views.text import clean
from notification_contract.kinds.choices import TargetState
from notification_domain.json_values import entries, mapping, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def delivered_targets(obj: Mapping[str, Any]) -> Sequence[str]:
    return [name for name, state in _targets(obj) if state == TargetState.DELIVERED]


def open_targets(obj: Mapping[str, Any]) -> Sequence[str]:
    """Return the targets that the notification still goes to; those of its spec before it has recorded any."""
    recorded = list(_targets(obj))
    if recorded:
        return [name for name, state in recorded if state in {TargetState.WAITING, TargetState.DELIVERING}]
    spec = mapping(obj.get("spec"))
    refs = [mapping(each) for each in entries(spec.get("receiverRefs"))]
    receivers = [
        "/".join(filter(None, (text(each.get("namespace")), text(each.get("name"))))) for each in refs
    ]
    return [clean(each) for each in (*entries(spec.get("channels")), *receivers)]


def _targets(obj: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    recorded = map(mapping, entries(mapping(obj.get("status")).get("targets")))
    return [(clean(text(each.get("name"))), text(each.get("state"))) for each in recorded]
