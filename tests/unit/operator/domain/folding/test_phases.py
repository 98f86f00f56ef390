"""The phase machine."""

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.status import FINAL, MOVES, IllegalMoveError, check_move

P = Phase
ALLOWED = {
    *(
        (P.PENDING, after)
        for after in (P.SENDING, P.RETRYING, P.SENT, P.PARTIALLY_SENT, P.FAILED, P.SUPPRESSED)
    ),
    *((P.SENDING, after) for after in (P.RETRYING, P.SENT, P.PARTIALLY_SENT, P.FAILED, P.SUPPRESSED)),
    *((P.RETRYING, after) for after in (P.SENT, P.PARTIALLY_SENT)),
}


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("after", Phase)
def test_move_is_legal_only_if_the_contract_has_it(before: Phase, after: Phase) -> None:
    if before is after or (before, after) in ALLOWED:
        check_move(before, after)
    else:
        with pytest.raises(IllegalMoveError, match=f"{before} cannot become {after}"):
            check_move(before, after)


def test_table_holds_every_phase() -> None:
    assert set(MOVES) == set(Phase)


def test_phases_without_moves_are_final() -> None:
    assert {P.SENT, P.PARTIALLY_SENT, P.FAILED, P.SUPPRESSED} == FINAL
