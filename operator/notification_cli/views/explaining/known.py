"""What was found out about the receivers that a notification can reach. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from notification_operator.domain.receivers.catalog import EMPTY
from notification_operator.domain.receivers.targets import Resolver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_cli.views.receivers import ReceiverView
    from notification_operator.domain.receivers.catalog import Catalog, ReceiverKey

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
    channels: frozenset[str] | None = None
    """The channels of the operator's settings; None if they are not known."""
    notes: tuple[str, ...] = ()
    """What is missing in all this, such as a right."""

    @property
    def resolver(self) -> Resolver:
        """How the operator finds the targets, with these receivers."""
        return Resolver(
            catalog=self.catalog, configured=USUAL_CHANNELS if self.channels is None else self.channels
        )


NOTHING_KNOWN: Final = Known()
