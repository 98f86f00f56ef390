"""From the objects of receivers to the catalog that the operator makes of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_cli.views.explaining.known import Known
from notification_cli.views.receivers import receiver_view
from notification_operator.domain.receivers.catalog import Catalog
from notification_operator.domain.receivers.compact import PartPool
from notification_operator.domain.receivers.declared import declare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_operator.domain.receivers.catalog import ReceiverKey


def declared(objects: Mapping[ReceiverKey, Mapping[str, Any]], *, home: str) -> Known:
    """Return what some objects declare; `home` is the operator's namespace."""
    parts = PartPool()
    declarations = {key: declare(obj, None, home=home, parts=parts) for key, obj in objects.items()}
    return Known(
        catalog=Catalog(
            home=home,
            receivers={key: each.receiver for key, each in declarations.items() if each.receiver is not None},
        ),
        views={key: receiver_view(obj) for key, obj in objects.items()},
        problems={key: each.problems for key, each in declarations.items() if each.problems},
    )
