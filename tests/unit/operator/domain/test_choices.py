"""The choices of the domain are those of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_contract.kinds import choices
from notification_operator.domain import attempt, conditions, status
from notification_operator.domain.folding import target_status
from notification_operator.domain.receivers import status as receiver_status

if TYPE_CHECKING:
    from enum import StrEnum


@pytest.mark.parametrize(
    ("domain", "contract"),
    [
        (status.Phase, choices.Phase),
        (attempt.AttemptStatus, choices.AttemptStatus),
        (target_status.TargetState, choices.TargetState),
        (conditions.ConditionStatus, choices.ConditionStatus),
        (receiver_status.CircuitState, choices.CircuitState),
        (receiver_status.ReceiverTestOutcome, choices.ReceiverTestOutcome),
    ],
)
def test_choice_has_the_values_of_the_contract(domain: type[StrEnum], contract: type[StrEnum]) -> None:
    assert [*domain] == [*contract]
