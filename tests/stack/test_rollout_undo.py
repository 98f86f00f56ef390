"""`kubectl rollout undo` after a change of settings: the pods of the earlier revision come up, with the earlier settings."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platform_infra import names
from tests.harness.deploy import BuiltImages, bring_up, stack_name, take_away
from tests.harness.operators import OperatorSpec
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import drop_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack

pytestmark = [
    pytest.mark.needs_pod,
    pytest.mark.xdist_group("engine"),
    pytest.mark.timeout(300, func_only=True),
]

SPEC = OperatorSpec(name="undone", namespace="notification-undone", settings={"channelsFileEnabled": False})
DEPLOYMENT = f"deployment/{names.OPERATOR}"


class Undone:
    """An operator with several revisions, each with another number of workers."""

    def __init__(self, stack: EphemeralStack, cluster: Cluster) -> None:
        self._stack = stack
        self._cluster = cluster
        deployed = cluster.deployment("notification-system", names.OPERATOR)
        self._image = deployed["spec"]["template"]["spec"]["containers"][0]["image"]

    def up(self, workers: int) -> None:
        spec = replace(SPEC, settings={**SPEC.settings, "operatorWorkers": workers})
        bring_up(self._stack, spec, BuiltImages(operator=self._image, stubs=self._image))

    def kubectl(self, *arguments: str) -> str:
        command = [str(ensure().program("kubectl")), f"--kubeconfig={self._stack.kubeconfig}"]
        result = subprocess.run(
            [*command, f"--namespace={SPEC.namespace}", *arguments],
            capture_output=True,
            check=False,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def settings(self) -> str:
        """Return the configuration file in the pod."""
        program = f"print(open({names.CONFIG_FILE!r}).read(), end='')"
        return self.kubectl("exec", DEPLOYMENT, "--", "python3", "-c", program)

    def config_maps(self) -> set[str]:
        listed = self._cluster.core.list_namespaced_config_map(SPEC.namespace).items
        return {each.metadata.name for each in listed}


@pytest.fixture
def undone(stack: EphemeralStack, cluster: Cluster) -> Iterator[Undone]:
    try:
        yield Undone(stack, cluster)
    finally:
        take_away(stack, SPEC)
        drop_kubeconfig(stack_name(stack, SPEC))


def test_rollout_undo_brings_the_earlier_settings_up(undone: Undone) -> None:
    undone.up(workers=8)
    undone.up(workers=9)
    assert "workers: 9\n" in undone.settings()

    undone.kubectl("rollout", "undo", DEPLOYMENT)
    undone.kubectl("rollout", "status", DEPLOYMENT, "--timeout=90s")
    assert "workers: 8\n" in undone.settings()

    undone.up(workers=10)
    assert "workers: 10\n" in undone.settings()
    assert undone.config_maps() == {"kube-root-ca.crt"}
