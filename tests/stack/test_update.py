"""An update and a rollback under traffic: nothing is lost or sent twice, and no gap is long."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from platform_infra import names
from platform_infra.cluster.local.images import load_image
from tests.harness.crowd import crowd
from tests.harness.deploy import BuiltImages, bring_up, stack_name, take_away
from tests.harness.eventually import eventually
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.readings import header
from tests.harness.sink_client import SlackSink
from tests.harness.traffic import outcome, traffic
from tools.platform.deployment.rollback import roll_back
from tools.platform.pulumi.environment import drop_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack
    from tests.harness.traffic import Outcome

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.needs_pod,
    pytest.mark.timeout(400, func_only=True),
]

SPEC = OperatorSpec(
    name="rolling",
    namespace="notification-rolling",
    settings={"channelsFileEnabled": False, "channelsSlackConnections": 20},
)
SLACK = [{"slack": "#traffic"}]
PER_SECOND = 20
AROUND = 5.0
"""Seconds of traffic before and after."""
LONGEST_GAP = 5.0


def wait_for_traffic(created: Sequence[str]) -> None:
    """Wait for the traffic before or after a change."""
    wanted = len(created) + AROUND * PER_SECOND
    eventually(lambda: len(created), lambda count: count >= wanted, within=4 * AROUND)


class Rolling:
    """An operator that is updated: its stack, and two names of the same image."""

    def __init__(self, stack: EphemeralStack, cluster: Cluster) -> None:
        self.stack = stack
        self.cluster = cluster
        self.name = stack_name(stack, SPEC)
        deployed = cluster.deployment("notification-system", names.OPERATOR)
        self.first = deployed["spec"]["template"]["spec"]["containers"][0]["image"]
        self.second = f"{self.first}-next"
        subprocess.run(["docker", "tag", self.first, self.second], check=True)
        load_image(stack.container, self.second)

    def run(self, image: str) -> None:
        bring_up(self.stack, SPEC, BuiltImages(operator=image, stubs=image))

    @property
    def image(self) -> str:
        """The image in the Deployment."""
        deployed = self.cluster.deployment(SPEC.namespace, names.OPERATOR)
        result: str = deployed["spec"]["template"]["spec"]["containers"][0]["image"]
        return result

    def during(self, change: Callable[[], None]) -> Outcome:
        """Make a change under traffic, and return the outcome of the traffic."""
        namespace = self.cluster.create_namespace({LABEL: SPEC.name})
        try:
            with crowd(self.cluster, namespace) as some:

                def create() -> str:
                    (notification,) = some.create(1, channels=["slack"], recipients=SLACK)
                    return str(notification["spec"]["subject"])

                with traffic(create, per_second=PER_SECOND) as created:
                    wait_for_traffic(created)
                    change()
                    wait_for_traffic(created)
                some.all_in("Sent", within=120)
                hits = SlackSink(self.stack.sink, SPEC.name).hits(some.run)
                words = [(hit["at"], header(hit)) for hit in hits]
                subjects = [next(s for s in created if text.endswith(s)) for _, text in words]
                attempts = [obj["status"]["totalAttempts"] for obj in some.seen()]
                assert set(attempts) == {1}
                return outcome(created, [(at, s) for (at, _), s in zip(words, subjects, strict=True)])
        finally:
            self.cluster.core.delete_namespace(namespace)


@pytest.fixture
def rolling(stack: EphemeralStack, cluster: Cluster) -> Iterator[Rolling]:
    rolling = Rolling(stack, cluster)
    try:
        rolling.run(rolling.first)
        yield rolling
    finally:
        take_away(stack, SPEC)
        drop_kubeconfig(rolling.name)
        subprocess.run(["docker", "image", "rm", rolling.second], check=True, stdout=subprocess.DEVNULL)


def test_update_and_rollback_under_traffic_lose_and_repeat_nothing(
    rolling: Rolling,
) -> None:
    updated = rolling.during(lambda: rolling.run(rolling.second))
    assert rolling.image == rolling.second
    console = Console(stderr=True)
    console.print(f"update: {updated}")

    back = rolling.during(lambda: roll_back(rolling.name, console, yes=True))
    assert rolling.image == rolling.first
    console.print(f"rollback: {back}")

    for seen in (updated, back):
        assert seen.created >= 10 * AROUND
        assert (seen.lost, seen.repeated) == (0, 0)
        assert seen.longest_gap <= LONGEST_GAP
