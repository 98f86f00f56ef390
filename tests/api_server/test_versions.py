"""Updates from an earlier operator, rollbacks to it and updates again, with the settings of today's program and under traffic.

The operators are processes next to an API server, with the account and the file that the program of this checkout creates.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import yaml

from notification_contract import names
from notification_contract.settings import SETTINGS_VERSION
from notification_contract.settings.version import mark
from tests.chaos.lane import Lane
from tests.chaos.stage import EVERYTHING, Stage
from tests.chaos.versions import earlier_sources
from tests.harness.eventually import eventually
from tests.harness.operator_deployment import METRICS
from tests.harness.readings import header
from tests.harness.traffic import outcome, traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.operator import ChaosOperator
    from tests.harness.traffic import Outcome

pytestmark = [pytest.mark.xdist_group("versions"), pytest.mark.timeout(240, func_only=True)]
PER_SECOND = 10
AROUND = 2 * PER_SECOND
"""Notifications between two changes."""
ELECTED = {"operatorLeaderElection": True}


@pytest.fixture(scope="module")
def lane() -> Iterator[Lane]:
    with Lane() as started:
        yield started


@pytest.fixture
def stage(lane: Lane) -> Iterator[Stage]:
    with contextlib.closing(Stage(lane, "versions")) as opened:
        opened.always({})
        yield opened


def replace(stage: Stage, leaving: ChaosOperator, coming: ChaosOperator) -> None:
    """Replace an operator as a rolling update does: the new pod is ready before the old one stops."""
    stage.start(coming)
    leaving.stop()


def delivered(stage: Stage, created: list[str]) -> Outcome:
    """Compare what was created with what arrived."""
    headers = [(hit["at"], header(hit)) for hit in stage.slack.hits(EVERYTHING)]
    subjects = [(at, next(each for each in created if text.endswith(each))) for at, text in headers]
    return outcome(created, subjects)


def test_update_rollback_and_update_lose_and_repeat_nothing(stage: Stage) -> None:
    earlier = stage.operator(settings=ELECTED, sources=earlier_sources("", stage.cleanup))
    present = stage.operator(settings=ELECTED, start=False)

    def create() -> str:
        (notification,) = stage.create(1)
        return str(notification["spec"]["subject"])

    def more(created: list[str]) -> None:
        wanted = len(created) + AROUND
        eventually(lambda: len(created), lambda count: count >= wanted, within=60)

    with traffic(create, per_second=PER_SECOND) as created:
        for leaving, coming in ((earlier, present), (present, earlier), (earlier, present)):
            more(created)
            replace(stage, leaving, coming)
        more(created)
    finished = stage.settle(within=60)

    assert {obj["status"]["phase"] for obj in finished} == {"Sent"}
    assert {obj["status"]["totalAttempts"] for obj in finished} == {1}
    result = delivered(stage, created)
    assert (result.lost, result.repeated) == (0, 0), result
    assert len(finished) == result.created >= 4 * AROUND


def test_file_for_a_newer_version_is_used_and_reported(stage: Stage) -> None:
    operator = stage.operator(start=False)
    file = operator.folder / names.CONFIG_KEY
    content = {**yaml.safe_load(file.read_text("utf-8")), "novel": {"setting": 1}}
    file.write_text(mark(SETTINGS_VERSION + 1) + yaml.safe_dump(content), "utf-8")
    stage.start(operator)
    stage.create(1)

    (finished,) = stage.settle(within=30)

    assert finished["status"]["phase"] == "Sent"
    (record,) = [each for each in operator.records() if each["event"] == "settings ignored"]
    assert (record["level"], record["settings"]) == ("warning", ["novel"])
    assert (record["settings_version"], record["settings_version_of_file"]) == (
        SETTINGS_VERSION,
        SETTINGS_VERSION + 1,
    )
    assert "kubernaut_notification_settings_ignored 1.0" in operator.page(METRICS, "metrics")
