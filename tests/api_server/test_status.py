"""What `status` reports of a stack that is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.shared_clusters import STACK

if TYPE_CHECKING:
    from tests.harness.shared_clusters import Team

pytestmark = [pytest.mark.long, pytest.mark.timeout(300, func_only=True)]


def test_stack_is_shown_with_its_last_update_and_its_cluster(team: Team) -> None:
    before = team.platform("status", STACK)
    assert (before.code, f"{STACK} is not up." in before.text) == (1, True), before.text
    team.up()
    after = team.platform("status", STACK)
    assert after.code == 0, after.text
    for line in (
        f"stack        {STACK}",
        "last update  succeeded, update, started 2",
        "cluster      context there",
    ):
        assert line in after.text
