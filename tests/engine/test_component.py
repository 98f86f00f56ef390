"""The component in another program, with the real engine: two instances, their outputs, and outputs as arguments."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.control_plane import control_plane

if TYPE_CHECKING:
    from tests.harness.checkout import Checkout, CommandResult

URL = "https://hooks.slack.example/services/T0/B0/hidden"
IMAGE = "registry.example/operator:1"
CHECKSUM = 16
STACK = ("--stack", "trial")
UP = ("up", "--yes", "--skip-preview", *STACK)
INSTANCES = Path(__file__).with_name("instances.py")


@pytest.fixture
def program(checkout: Checkout) -> Checkout:
    """A checkout whose program has two instances of the component in one cluster, and a third in another."""
    checkout.use_own_secrets()
    checkout.environment |= {"TRIAL_IMAGE": IMAGE, "TRIAL_URL": URL}
    shutil.copy(INSTANCES, checkout.folder / "infra" / "__main__.py")
    assert checkout.pulumi("stack", "init", "trial").code == 0
    return checkout


def exported(checkout: Checkout) -> str:
    """Return the state of the stack as Pulumi exports it, without secrets."""
    result = checkout.pulumi("stack", "export", *STACK)
    assert result.code == 0, result.text
    return result.json_text


def created(result: CommandResult) -> int:
    """Return how many resources a preview or an update creates."""
    (count,) = re.findall(r"^ +\+ (\d+) (?:to create|created)$", result.text, re.MULTILINE)
    return int(count)


def resources(checkout: Checkout) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(exported(checkout))["deployment"]["resources"]
    return entries


def test_instances_are_created_and_do_not_change_again(program: Checkout) -> None:
    preview = program.pulumi("preview", *STACK)
    assert preview.code == 0, preview.text
    assert "orders-operator-deployment" in preview.text
    assert "billing-operator-deployment" in preview.text
    # What the cluster has once is that of the first instance.
    assert "orders-crds-notificationrequests" in preview.text
    assert "billing-crds" not in preview.text
    first = program.pulumi(*UP)
    assert first.code == 0, first.text
    # No resource waits for an output before it is registered.
    assert created(preview) == created(first)
    again = program.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", *STACK)
    assert again.code == 0, again.text
    providers = {
        each["urn"].rpartition("::")[2]
        for each in resources(program)
        if each["type"] == "pulumi:providers:kubernetes"
    }
    assert providers == {"cluster", "another"}


@pytest.mark.xdist_group("api-server")
def test_two_instances_share_one_cluster(program: Checkout) -> None:
    with control_plane() as plane:
        program.environment["TRIAL_KUBECONFIG"] = str(plane.kubeconfig)
        first = program.pulumi(*UP)
        assert first.code == 0, first.text
        for command in ("up", "refresh"):
            again = program.pulumi(command, "--yes", "--skip-preview", "--expect-no-changes", *STACK)
            assert again.code == 0, again.text
        assert URL not in exported(program)


def test_outputs_reach_their_objects_and_stay_secret(program: Checkout) -> None:
    result = program.pulumi(*UP)
    assert result.code == 0, result.text
    assert URL not in result.text
    assert URL not in exported(program)
    objects = [
        yaml.safe_load(file.read_text("utf-8")) for file in (program.folder / "manifests").glob("*/*.yaml")
    ]
    images = {
        container["image"]
        for each in objects
        if each["kind"] == "Deployment"
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    assert images == {IMAGE}
    (monitor,) = [each for each in objects if each["kind"] == "PodMonitor"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    secrets = {each["metadata"]["name"] for each in objects if each["kind"] == "Secret"}
    assert secrets == {"notification-slack-webhook", "pd"}
    (deployment,) = [
        each for each in resources(program) if each["urn"].endswith("::orders-operator-deployment")
    ]
    # The checksum of the secret does not make the whole Deployment a secret.
    template = deployment["inputs"]["spec"]["template"]
    assert len(template["metadata"]["annotations"]["kubernaut.ai/slack-webhook-checksum"]) == CHECKSUM
    result = program.pulumi("stack", "output", "--json", *STACK)
    assert json.loads(result.json_text) == {
        "image": IMAGE,
        "account": "notification-operator",
        "crds": ["notificationrequests.kubernaut.ai", "notificationreceivers.kubernaut.ai"],
        "metrics": "http://notification-operator.orders-notifications.svc:9090/metrics",
    }


def test_output_that_is_no_valid_value_fails_the_update(program: Checkout) -> None:
    result = program.pulumi(*UP, TRIAL_IMAGE="")
    assert result.code != 0
    assert "operatorImage is empty; set it to an image that the cluster can pull" in result.text
