"""The component package, as the engine starts it for programs in other languages."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block
from tests.engine.component_package import schema, variables
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.harness.checkout import Checkout, CommandResult

URL = "https://hooks.slack.example/services/T0/B0/hidden"
KEY = "s3cr3t-routing-key"
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
OWN_PROVIDER = f"""
import json
import os

import pulumi
import pulumi_kubernetes as kubernetes


class Platform(pulumi.ComponentResource):
    crdNames: pulumi.Output[list[str]]
    metricsUrl: pulumi.Output[str]

    def __init__(self, args, opts):
        outputs = {{"crdNames": None, "metricsUrl": None}}
        super().__init__("{PROJECT}:index:NotificationPlatform", "notifications", {{**args, **outputs}}, opts, remote=True)

files = kubernetes.Provider("files", render_yaml_to_directory="../manifests")
receiver = {{
    "name": "on-call",
    "spec": {{"type": "pagerduty", "pagerduty": {{"routingKeySecretRef": {{"name": "pd"}}}}}},
    "secrets": {{"pd": {{"routing-key": pulumi.Output.secret("{KEY}")}}}},
}}
arguments = json.loads(os.environ["TRIAL_ARGUMENTS"])
platform = Platform({{**arguments, "receivers": [receiver]}}, pulumi.ResourceOptions(providers=[files]))
pulumi.export("crds", platform.crdNames)
pulumi.export("metrics", platform.metricsUrl)
"""
PROJECT_FILE = f"""
name: another
runtime: python
plugins:
  providers:
    - name: {PROJECT}
      path: ../infra/component_package
"""


def test_schema_has_every_argument(package: Checkout) -> None:
    document = json.loads(schema(package))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert (document["namespace"], document["version"]) == ("kubernaut", version)
    component = document["resources"][f"{PROJECT}:index:NotificationPlatform"]
    others = {"kubeconfig", "context", "adoptExisting"}
    assert component["inputProperties"].keys() == config_block().keys() | others


def prepare(package: Checkout, program: str, **arguments: object) -> None:
    """Write a program that uses the component as other languages do, and create its stack."""
    folder = package.folder / "another"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(PROJECT_FILE)
    (folder / "__main__.py").write_text(program)
    package.environment = {
        **variables(package),
        "PULUMI_BACKEND_URL": f"file://{package.folder}/state?create_dir=true",
        "TRIAL_ARGUMENTS": json.dumps(arguments),
    }
    assert package.pulumi("-C", "another", "stack", "init", "trial").code == 0


def run(package: Checkout, *command: str) -> CommandResult:
    """Run a command for the stack of the program."""
    return package.pulumi("-C", "another", *command, "--stack", "trial")


def previewed(package: Checkout, **arguments: object) -> str:
    """Return the output of a preview."""
    prepare(package, PROGRAM, **arguments)
    return run(package, "preview").text


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


def test_provider_and_secrets_of_another_language_reach_the_component(package: Checkout) -> None:
    prepare(
        package,
        OWN_PROVIDER,
        operatorImage="i:1",
        channelsSlackEnabled=True,
        channelsSlackWebhookUrl=URL,
    )
    first = run(package, "up", "--yes", "--skip-preview")
    assert first.code == 0, first.text
    again = run(package, "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert again.code == 0, again.text
    state = run(package, "stack", "export")
    assert (URL in state.text, KEY in state.text) == (False, False)
    resources = json.loads(state.json_text)["deployment"]["resources"]
    assert [each["urn"] for each in resources if each["type"] == "pulumi:providers:kubernetes"] == [
        "urn:pulumi:trial::another::pulumi:providers:kubernetes::files"
    ]
    assert json.loads(run(package, "stack", "output", "--json").json_text) == {
        "crds": ["notificationrequests.kubernaut.ai", "notificationreceivers.kubernaut.ai"],
        "metrics": "http://notification-operator.notification-system.svc:9090/metrics",
    }
