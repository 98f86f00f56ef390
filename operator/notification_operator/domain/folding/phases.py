"""The phase machine: one table of the moves that a status write may make.

The diagram in docs/notificationrequest.md is drawn from this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

MOVES: Final[Mapping[Phase, frozenset[Phase]]] = {
    # A quick delivery is written once, from Pending straight to its result.
    Phase.PENDING: frozenset(set(Phase) - {Phase.PENDING}),
    # What waits for its rate limit is shown as Sending, and may be suppressed then.
    Phase.SENDING: frozenset(
        {Phase.RETRYING, Phase.SENT, Phase.PARTIALLY_SENT, Phase.FAILED, Phase.SUPPRESSED}
    ),
    # A target has succeeded, so Failed is out of reach.
    Phase.RETRYING: frozenset({Phase.SENT, Phase.PARTIALLY_SENT}),
    Phase.SENT: frozenset(),
    Phase.PARTIALLY_SENT: frozenset(),
    Phase.FAILED: frozenset(),
    Phase.SUPPRESSED: frozenset(),
}

FINAL: Final = frozenset(phase for phase, moves in MOVES.items() if not moves)


class IllegalMoveError(Exception):
    """A status would leave the table: a wrong decision, or a status of another writer."""

    def __init__(self, before: Phase, after: Phase) -> None:
        super().__init__(f"phase {before} cannot become {after}")


def check_move(before: Phase, after: Phase) -> None:
    """Check a move against the table; staying is always allowed.

    Raises:
        IllegalMoveError: the table has no such move.
    """
    if before is not after and after not in MOVES[before]:
        raise IllegalMoveError(before, after)
