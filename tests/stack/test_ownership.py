"""Ownership on a real cluster: protected data, the CRD of another stack, a missing image, a component."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra import names
from platform_infra.cluster.local.images import load_image
from platform_infra.cluster.local.spec import CONTEXT
from platform_infra.cluster.ownership import Owner
from platform_infra.image import build as image_build
from tests.harness.bare_node import BareNode, bare_node
from tests.harness.checkout import Checkout
from tests.harness.notifications import notification
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.needs_pod,
    pytest.mark.timeout(400, func_only=True),
]
KNOWN = {"PULUMI_CONFIG_PASSPHRASE": "trial"}
UNKNOWN = "no state of this stack has them"
NOWHERE = "127.0.0.1:1/operator:not-there"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRDS = [f"{DEFINITIONS}/{name}" for name in (names.CRD, names.RECEIVER_CRD)]


@pytest.fixture
def bare() -> Iterator[BareNode]:
    with bare_node() as created:
        yield created


class Trial:
    """Stacks of a copy of the checkout, in the cluster of a bare node."""

    def __init__(self, bare: BareNode, place: Path) -> None:
        self.bare = bare
        self.checkout = Checkout(place)
        self.variables = {**KNOWN, "PULUMI_BACKEND_URL": f"file://{place}/trial-state?create_dir=true"}

    def up(self, stack: str, *options: str, **values: object) -> str:
        """Bring a stack up with these settings, and return the output."""
        return self._run("up", stack, *options, values=values, code=0)

    def refused(self, stack: str, **values: object) -> str:
        """The same for a stack that must fail; return the error."""
        return self._run("up", stack, values=values, code=1).partition("error: ")[2]

    def down(self, stack: str, *, code: int = 0) -> str:
        """Take a stack down, and return the output."""
        output = self.checkout.platform("down", stack, "--yes", **self.variables)
        assert output.code == code, output.text
        return output.text

    def _run(self, verb: str, stack: str, *options: str, values: dict[str, object], code: int) -> str:
        place: dict[str, Any] = {
            "clusterKind": "existing",
            "clusterKubeconfig": self.bare.kubeconfig,
            "clusterContext": CONTEXT,
            "operatorNamespace": f"notification-{stack}",
            "monitoringMode": "none",
        }
        self.checkout.write_stack(stack, **place, **values)
        output = self.checkout.platform(verb, stack, *options, **self.variables)
        assert output.code == code, output.text
        return output.text

    @property
    def owner(self) -> str:
        """The stack that owns both CRDs, from their annotations."""
        definitions = [self.bare.cluster.request("GET", path) for path in CRDS]
        (owner,) = {each["metadata"]["annotations"].get(names.CRD_OWNER, "") for each in definitions}
        return Owner.parse(owner).stack


@pytest.fixture
def trial(bare: BareNode, tmp_path: Path) -> Trial:
    return Trial(bare, tmp_path)


def test_destroy_keeps_data_and_crd_until_the_stack_gives_it_up(
    trial: Trial,
) -> None:
    cluster = trial.bare.cluster
    kept = {"operatorEnabled": False, "crdRetain": True}
    trial.up("holder", **kept, protectionData=True)
    stored = cluster.create(notification("default"))

    output = trial.down("holder", code=1)
    assert "protected" in output
    assert cluster.get("default", stored["metadata"]["name"])

    output = trial.refused("claimer", operatorEnabled=False)
    assert UNKNOWN in output
    trial.down("claimer")
    assert trial.owner == "organization/notification-platform/holder"

    trial.up("holder", **kept)
    trial.down("holder")
    result = cluster.get("default", stored["metadata"]["name"])
    assert result is not None
    assert result["metadata"]["uid"] == stored["metadata"]["uid"]
    assert UNKNOWN in trial.refused("claimer", operatorEnabled=False)
    trial.down("claimer")

    trial.up("claimer", "--adopt", "--yes", operatorEnabled=False)
    assert trial.owner == "organization/notification-platform/claimer"
    trial.down("claimer")
    assert not cluster.has_kind()


@pytest.fixture
def image(bare: BareNode) -> str:
    """The operator's image, loaded into the node."""
    name = image_build.image_name("")
    image_build.build(image=name, base="")
    load_image(bare.container, name)
    return name


def test_missing_image_is_reported_and_previous_pods_keep_running(trial: Trial, image: str) -> None:
    trial.up("trial", operatorImage=image)
    output = trial.refused("trial", operatorImage=NOWHERE)
    assert NOWHERE in output
    assert "correct operatorImage" in output
    cluster = trial.bare.cluster
    obj = cluster.create(notification("default"))
    cluster.phase("default", obj["metadata"]["name"], "Sent", within=30)

    back = trial.checkout.platform("rollback", "trial", **trial.variables)
    assert back.code == 0, back.text
    cluster.delete("default", obj["metadata"]["name"])
    trial.down("trial")


def documented_program(kubeconfig: str, image: str) -> str:
    """Return the first program of docs/component.md, with its inputs, for the namespace `default`."""
    program, *_ = re.findall(
        r"^```python\n(.*?)^```",
        (ROOT / "docs" / "component.md").read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    for input_, value in {
        'pulumi.StackReference("acme/clusters/shared").require_output("kubeconfig")': f"open({kubeconfig!r}).read()",
        'config.require("image")': repr(image),
        'config.require_secret("slackUrl")': 'pulumi.Output.secret("https://slack.example/services/trial")',
        '["orders"]': '["default"]',
    }.items():
        assert input_ in program
        program = program.replace(input_, value)
    return str(program)


def test_component_in_another_program_is_created_and_destroyed_with_it(trial: Trial, image: str) -> None:
    program = documented_program(trial.bare.kubeconfig, image)
    place = trial.checkout.folder / "another"
    place.mkdir()
    (place / "Pulumi.yaml").write_text("name: another\nruntime: python\n")
    (place / "__main__.py").write_text(program)
    fields = {**KNOWN, "PULUMI_BACKEND_URL": f"file://{trial.checkout.folder}/state?create_dir=true"}
    run = ["-C", str(place)]
    assert trial.checkout.pulumi(*run, "stack", "init", "trial", **fields).code == 0
    output = trial.checkout.pulumi(*run, "up", "--yes", "--skip-preview", "--stack", "trial", **fields)
    assert output.code == 0, output.text

    cluster = trial.bare.cluster
    obj = cluster.create(notification("default"))
    cluster.phase("default", obj["metadata"]["name"], "Sent", within=30)

    output = trial.checkout.pulumi(*run, "destroy", "--yes", "--skip-preview", "--stack", "trial", **fields)
    assert output.code == 0, output.text
    assert not cluster.has_kind()
