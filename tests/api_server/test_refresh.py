"""A refresh finds nothing to change: 40 stacks of the whole space of settings, in one cluster and one program."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pulumi.automation import Stack

from platform_infra.settings.model import PATHS
from tests.api_server.edits import EDITS
from tests.api_server.settings_space import FIXED, SEED, UNUSED, draw, pairs, values_of
from tests.harness.shared_clusters import OBJECT_CONTROLLERS, Team, shared_cluster
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.changes import Operation
from tools.platform.pulumi.engine import Engine, workspace_of
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.events import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.api_server.settings_space import Values
    from tests.harness.checkout import Checkout
    from tests.harness.shared_clusters import SharedCluster
    from tools.platform.pulumi.changes import Change

pytestmark = [pytest.mark.xdist_group("shared-clusters"), pytest.mark.timeout(300, func_only=True)]
PROGRAM = Path(__file__).with_name("many_stacks.py")
STACKS = 40
PARALLEL = 32
"""Objects at a time: the API server answers faster than the engine asks."""
NAME = "trial"
FASTER = {
    # Otherwise, the engine writes the whole state after each of a thousand objects.
    "PULUMI_EXPERIMENTAL": "true",
    "PULUMI_SKIP_CHECKPOINTS": "true",
}
IN_THE_STATE = {"kubernetes", "pulumi", "Stash"}
"""Kinds of resources that are no objects in the cluster."""
OF_PREVIEWS = {"ResourceQuota"}
"""Kinds that the stack with an edit of each kind does not have."""
WATCHED = ("shop", "billing")


@pytest.fixture(scope="module")
def drawn() -> list[Values]:
    return draw(STACKS, seed=SEED)


@pytest.fixture
def cluster() -> Iterator[SharedCluster]:
    with shared_cluster(*OBJECT_CONTROLLERS) as started:
        started.serve_monitoring_kinds()
        for name in WATCHED:
            started.core.create_namespace({"metadata": {"name": name}})
        yield started


@pytest.fixture
def program(cluster: SharedCluster, drawn: list[Values], tmp_path: Path) -> Stack:
    """The stack of a program with all of them, each in its own namespace."""
    team = Team(tmp_path / "team")
    team.add_context("there", server=cluster.server, authority=cluster.authority, token=cluster.token)
    shutil.copy(PROGRAM, team.checkout.folder / "infra" / "__main__.py")
    stacks = {
        f"s{number}": {
            **{key: value for key, value in values.items() if value is not None},
            "operatorNamespace": f"s{number}",
        }
        for number, values in enumerate(drawn)
    }
    for name, values in stacks.items():
        if not values["namespaceManaged"]:
            # Its owner permits the types of its receivers.
            annotations = {"kubernaut.ai/channels": "email,pagerduty"}
            cluster.core.create_namespace({"metadata": {"name": name, "annotations": annotations}})
    file = tmp_path / "stacks.json"
    file.write_text(json.dumps(stacks), "utf-8")
    team.checkout.write_stack(NAME)
    variables = {"TRIAL_STACKS": str(file), "TRIAL_KUBECONFIG": str(team.kubeconfig), **FASTER}
    return stack(team.checkout, variables)


def stack(checkout: Checkout, variables: Mapping[str, str]) -> Stack:
    """Create a stack of a checkout, whose program gets these variables."""
    own = {"PYTHONPATH": checkout.variables({})["PYTHONPATH"], **checkout.environment, **variables}
    engine = Engine(toolchain=ensure(ENGINE_GROUPS), backend=own["PULUMI_BACKEND_URL"])
    place = workspace_of(engine, folder=str(checkout.folder), **own)
    place.create_stack(NAME)
    return Stack.select(NAME, place)


def changes(operation: Callable[..., object]) -> EventLog:
    """Run an operation of the engine; return what it reported."""
    log = EventLog()
    with log.operation():
        operation(on_event=log.on_event, parallel=PARALLEL, suppress_progress=True, suppress_outputs=True)
    return log


def test_refresh_and_preview_after_up_find_nothing_to_change(program: Stack) -> None:
    created = changes(program.up).completed
    assert {each.operation for each in created} == {Operation.CREATE}
    assert {each.kind for each in created if each.object_name} - IN_THE_STATE - OF_PREVIEWS == EDITS.keys()
    assert lines(changes(program.refresh).completed) == []
    assert lines(changes(program.preview).planned) == []


def lines(reported: Sequence[Change]) -> list[str]:
    return [line for change in reported for line in change.text()]


def test_every_value_of_every_setting_is_drawn(drawn: list[Values]) -> None:
    for key in PATHS.keys() - {*FIXED, *UNUSED}:
        tried = [values[key] for values in drawn]
        assert [value for value in values_of(key) if value not in tried] == [], key


def test_nearly_every_pair_of_values_is_drawn(drawn: list[Values]) -> None:
    keys = sorted(PATHS.keys() - {*FIXED, *UNUSED})
    number = {key: len({str(value) for value in values_of(key)}) for key in keys}
    possible = sum(number[one] * number[other] for one, other in combinations(keys, 2))
    assert len(set[object]().union(*map(pairs, drawn))) > 0.95 * possible
