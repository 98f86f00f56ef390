"""The component package as the engine starts it for programs in other languages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block

if TYPE_CHECKING:
    from tests.engine.checkout import Checkout

PROGRAM = f"""
import json
import os

import pulumi


class Platform(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(self, args):
        kind = "{PROJECT}:index:NotificationPlatform"
        super().__init__(kind, "notifications", {{**args, "namespace": None}}, None, remote=True)


given = json.loads(os.environ["TRIAL_ARGUMENTS"])
kubeconfig = pulumi.Output.secret("apiVersion: v1\\nkind: Config\\n")
pulumi.export("namespace", Platform({{"kubeconfig": kubeconfig, "context": "there", **given}}).namespace)
"""
PROJECT_FILE = f"""
name: another
runtime: python
plugins:
  providers:
    - name: {PROJECT}
      path: ../infra/component_package
"""


@pytest.fixture
def package(checkout: Checkout) -> Checkout:
    """A checkout whose component package takes the packages of this environment."""
    (checkout.place / "infra" / "component_package" / "requirements.txt").unlink()
    return checkout


def variables(checkout: Checkout) -> dict[str, str]:
    # Where the language host is one that has to be told where the package lies; another one does not look at it.
    return {"PULUMI_PYTHON_CMD": str(checkout.place / "infra" / "component_package" / "python")}


def test_the_engine_reads_every_argument_from_the_package(package: Checkout) -> None:
    said = package.pulumi("package", "get-schema", "./infra/component_package", **variables(package))
    assert said.code == 0
    schema = json.loads(said.text[said.text.index("{\n") :])
    component = schema["resources"][f"{PROJECT}:index:NotificationPlatform"]
    assert component["inputProperties"].keys() == config_block().keys() | {"kubeconfig", "context"}


def previewed(package: Checkout, **arguments: object) -> str:
    """Return what a preview says of a program that calls the component as other languages do."""
    place = package.place / "another"
    place.mkdir()
    (place / "Pulumi.yaml").write_text(PROJECT_FILE)
    (place / "__main__.py").write_text(PROGRAM)
    given = {
        **variables(package),
        "PULUMI_BACKEND_URL": f"file://{package.place}/state?create_dir=true",
        "TRIAL_ARGUMENTS": json.dumps(arguments),
    }
    assert package.pulumi("-C", str(place), "stack", "init", "trial", **given).code == 0
    return package.pulumi("-C", str(place), "preview", "--stack", "trial", **given).text


def test_a_program_of_another_language_gets_the_whole_platform(package: Checkout) -> None:
    text = previewed(package, operatorImage="i:1", operatorReplicas=2)
    for made in ("NotificationPlatform notifications", "CustomResourceDefinition", "Deployment operator"):
        assert made in text
    assert "errored" not in text


def test_its_wrong_arguments_are_told_at_once(package: Checkout) -> None:
    text = previewed(package, operatorImage="i:1", operatorReplicas=0, logLevel="loud")
    assert "2 problem(s) in the component's arguments:" in text
    assert "logLevel is 'loud', but should be" in text
