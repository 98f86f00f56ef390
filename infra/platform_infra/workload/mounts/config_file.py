"""The operator's configuration file, rendered from a stack's settings. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract.settings import render as render_operator
from platform_infra.settings.derivation import operator_settings

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings


def render(settings: Settings, *, stack: str = "") -> str:
    """Return the text of the file: what differs from the operator's defaults, except secrets, which a Secret holds.

    `stack` is the name of the cluster in messages if the settings have none.
    """
    named = settings.model_copy(update={"receivers_cluster": settings.receivers_cluster or stack})
    return render_operator(operator_settings(named))
