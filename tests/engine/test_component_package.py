"""The component package, as the engine starts it for programs in other languages."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.engine.checkout import Checkout

PROGRAM = f"""
import json
import tomllib
import os

import pulumi


class Platform(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(self, args):
        kind = "{PROJECT}:index:NotificationPlatform"
        super().__init__(kind, "notifications", {{**args, "namespace": None}}, None, remote=True)


arguments = json.loads(os.environ["TRIAL_ARGUMENTS"])
kubeconfig = pulumi.Output.secret("apiVersion: v1\\nkind: Config\\n")
pulumi.export("namespace", Platform({{"kubeconfig": kubeconfig, "context": "there", **arguments}}).namespace)
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
    """A checkout whose component package uses the packages of this environment."""
    (checkout.folder / "infra" / "component_package" / "requirements.txt").unlink()
    return checkout


def variables(checkout: Checkout) -> dict[str, str]:
    # Needed by a language host that does not find the package by itself; others ignore it.
    return {"PULUMI_PYTHON_CMD": str(checkout.folder / "infra" / "component_package" / "python")}


def test_schema_has_every_argument(package: Checkout) -> None:
    result = package.pulumi("package", "get-schema", "./infra/component_package", **variables(package))
    assert result.code == 0
    schema = json.loads(result.text[result.text.index("{\n") :])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert (schema["namespace"], schema["version"]) == ("kubernaut", version)
    component = schema["resources"][f"{PROJECT}:index:NotificationPlatform"]
    assert component["inputProperties"].keys() == config_block().keys() | {"kubeconfig", "context"}


def previewed(package: Checkout, **arguments: object) -> str:
    """Return the output of a preview of a program that uses the component as other languages do."""
    folder = package.folder / "another"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(PROJECT_FILE)
    (folder / "__main__.py").write_text(PROGRAM)
    environment = {
        **variables(package),
        "PULUMI_BACKEND_URL": f"file://{package.folder}/state?create_dir=true",
        "TRIAL_ARGUMENTS": json.dumps(arguments),
    }
    assert package.pulumi("-C", str(folder), "stack", "init", "trial", **environment).code == 0
    return package.pulumi("-C", str(folder), "preview", "--stack", "trial", **environment).text


def test_program_in_another_language_gets_the_whole_platform(package: Checkout) -> None:
    text = previewed(package, operatorImage="i:1", operatorReplicas=2)
    for resource in (
        "NotificationPlatform notifications",
        "CustomResourceDefinition",
        "Deployment notifications-operator-deployment",
    ):
        assert resource in text
    assert "errored" not in text


def test_wrong_arguments_are_reported_at_once(package: Checkout) -> None:
    text = previewed(package, operatorImage="i:1", operatorReplicas=0, logLevel="loud")
    assert "2 problem(s) in the component's arguments:" in text
    assert "logLevel is 'loud', but should be" in text
