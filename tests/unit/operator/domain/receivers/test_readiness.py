"""Readiness: what is wrong with a receiver, in one sentence."""

import pytest

from notification_domain.receivers.health import Readiness, ReadyReason
from notification_domain.receivers.references import ReferenceReason


@pytest.mark.parametrize("reason", ReferenceReason)
def test_problem_is_that_of_the_references_first(reason: ReferenceReason) -> None:
    readiness = Readiness(
        references=reason,
        references_message="about Secrets",
        reason=ReadyReason.INVALID,
        message="about the spec",
    )
    resolved = reason in {ReferenceReason.FOUND, ReferenceReason.NONE}
    assert readiness.problem == ("about the spec" if resolved else "about Secrets")


def test_receiver_that_is_ready_has_no_problem() -> None:
    assert Readiness(references=ReferenceReason.FOUND, references_message="Read Secret hook").problem == ""
