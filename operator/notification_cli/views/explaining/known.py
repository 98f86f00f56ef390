"""What was found out about the receivers that a notification can reach. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from notification_domain.receivers.catalog import EMPTY, Catalog
from notification_domain.receivers.targets import Resolver, routed_receivers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from notification_cli.views.receivers import ReceiverView
    from notification_domain.receivers.catalog import ReceiverKey
    from notification_domain.routing import RoutingState

USUAL_CHANNELS: Final = frozenset({"console", "log"})
"""The channels that an operator has unless its settings say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The receivers, as far as the user may read them."""

    catalog: Catalog = EMPTY
    """The receivers with a valid spec."""
    views: Mapping[ReceiverKey, ReceiverView] = field(default_factory=dict)
    """The receivers that exist."""
    problems: Mapping[ReceiverKey, tuple[str, ...]] = field(default_factory=dict)
    """Why a present spec is refused."""
    unreadable: Mapping[ReceiverKey, str] = field(default_factory=dict)
    """Why a receiver cannot be read."""
    routed: AbstractSet[ReceiverKey] = frozenset()
    """The receivers of the operator's namespace that its routing rules may lead to, with their fallbacks."""
    channels: frozenset[str] | None = None
    """The channels of the operator's settings; None if they are not known."""
    notes: tuple[str, ...] = ()
    """What is missing in all this, such as a right."""

    @property
    def resolver(self) -> Resolver:
        configured = USUAL_CHANNELS if self.channels is None else self.channels
        return Resolver(catalog=self.catalog, configured=configured, routed=self.routed)

    def under(self, rules: RoutingState | None) -> Known:
        """Return what is known while these routing rules are in force."""
        table = rules.table if rules else None
        return replace(self, routed=routed_receivers(table.channels if table else (), self.catalog))


NOTHING_KNOWN: Final = Known()


def declared(objects: Mapping[ReceiverKey, Mapping[str, Any]], *, home: str) -> Known:
    """Return what some objects declare, as the operator reads them; `home` is its namespace."""
    # The models of specs take a tenth of a second to load, and most notifications go to channels.
    from notification_cli.views.receivers import receiver_view  # noqa: PLC0415
    from notification_domain.receivers.declared import declare  # noqa: PLC0415

    declarations = {key: declare(obj, None, home=home) for key, obj in objects.items()}
    return Known(
        catalog=Catalog(
            home=home,
            receivers={key: each.receiver for key, each in declarations.items() if each.receiver is not None},
        ),
        views={key: receiver_view(obj) for key, obj in objects.items()},
        problems={key: each.problems for key, each in declarations.items() if each.problems},
    )
