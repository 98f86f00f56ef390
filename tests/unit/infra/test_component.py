"""The component in other programs: in Python, and as a package for every Pulumi language."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime import rpc

from platform_infra import NotificationPlatform, SettingsError
from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block
from tests.kit.recording import Recording, record_program
from tools.generate.artifacts import artifact
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from platform_infra.component_args import NotificationPlatformArgs

KUBECONFIG = "apiVersion: v1\nkind: Config\n"
ARGS: NotificationPlatformArgs = {
    "kubeconfig": KUBECONFIG,
    "context": "shared",
    "operator_image": "registry.example.com/operator:1",
}


def recorded(args: NotificationPlatformArgs) -> Recording:
    """Run a program that creates the component and return its registrations."""
    return record_program(lambda: NotificationPlatform("notifications", args).namespace)


def problems(**wrong: Any) -> list[str]:
    args: Any = wrong
    with pytest.raises(SettingsError) as caught:
        recorded(args)
    assert "in the component's arguments:" in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def test_documented_examples_deploy_two_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "component.md").read_text("utf-8")
    example = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    values = {"image": "registry.example/operator:1", "slackUrl": "https://hooks.slack.example/x"}
    monkeypatch.setenv(
        "PULUMI_CONFIG", json.dumps({f"{PROJECT}:{key}": each for key, each in values.items()})
    )

    def program() -> Any:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(example, "docs/component.md", "exec"), namespace)  # noqa: S102 - the documentation's own example
        return namespace["platform"].namespace

    recording = record_program(program, owner={"kubeconfig": KUBECONFIG})
    kinds = [entry.kind for entry in recording.registered]
    assert [kinds.count(kind) for kind in ("Deployment", "CustomResourceDefinition", "kubernetes")] == [
        2,
        2,
        1,
    ]


@pytest.mark.parametrize(
    ("language", "arguments"), [("typescript", r"^    (\w+):"), ("yaml", r"^      (\w+):")]
)
def test_documented_arguments_of_other_languages_exist(
    schema: dict[str, Any], language: str, arguments: str
) -> None:
    text = (ROOT / "docs" / "component.md").read_text("utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (example,) = [block for block in blocks if "NotificationPlatform" in block]
    component = schema["resources"][f"{PROJECT}:index:NotificationPlatform"]
    platform = example[example.rindex("NotificationPlatform") :]
    used = set(re.findall(arguments, platform.partition("    options:")[0], re.MULTILINE))
    assert len(used) == 5
    assert used <= component["inputProperties"].keys()


def test_component_uses_the_kubeconfig_of_the_program() -> None:
    recording = recorded(ARGS | {"kubeconfig": pulumi.Output.secret(KUBECONFIG)})
    (inputs,) = [entry.inputs for entry in recording.registered if entry.kind == "kubernetes"]
    assert rpc.unwrap_rpc_secret(inputs["kubeconfig"]) == KUBECONFIG
    assert inputs["context"] == "shared"


def test_component_accepts_native_values_and_whole_floats() -> None:
    extra: Any = {"operator_replicas": 2.0, "channels_file_enabled": True, "watch_namespaces": ["a"]}
    (deployment,) = [entry for entry in recorded({**ARGS, **extra}).registered if entry.kind == "Deployment"]
    assert deployment.inputs["spec"]["replicas"] == 2


def test_component_is_the_only_root_resource() -> None:
    roots = [entry for entry in recorded(ARGS).registered if "pulumi:pulumi:Stack::" in entry.parent]
    assert [entry.type for entry in roots] == [f"{PROJECT}:index:NotificationPlatform"]


def test_invalid_arguments_are_reported_together_without_commands() -> None:
    messages = problems(cluster_kind="local", operator_replicas="many", operatr_workers=3, log_level="loud")
    assert [text.split()[0] for text in messages] == ["operatrWorkers", "operatorReplicas", "logLevel"]
    assert "is 'many', but should be a valid integer" in messages[1]
    assert not any("pulumi config" in text for text in messages)


def test_own_cluster_needs_kubeconfig_context_and_image() -> None:
    assert problems(kubeconfig=KUBECONFIG)[0].startswith("context is missing")
    assert problems(context="shared")[0].startswith("kubeconfig is missing")
    assert problems(kubeconfig=KUBECONFIG, context="shared")[0].startswith("operatorImage is empty")


def test_invalid_arguments_register_no_resource() -> None:
    def program() -> None:
        with pytest.raises(SettingsError):
            NotificationPlatform("notifications", {"log_level": "loud"})

    assert record_program(program).registered == []


def test_component_arguments_match_the_settings_model() -> None:
    assert artifact("infra/platform_infra/component_args.py").is_current(ROOT), "run `make generate`"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema from which Pulumi generates the SDKs of other languages."""
    schema: dict[str, Any] = json.loads(ComponentProvider([NotificationPlatform], PROJECT).schema or "")
    return schema


def test_package_schema_describes_every_setting(schema: dict[str, Any]) -> None:
    inputs = schema["resources"][f"{PROJECT}:index:NotificationPlatform"]["inputProperties"]
    assert inputs.keys() == config_block().keys() | {"kubeconfig", "context", "adoptExisting"}
    for key, entry in config_block().items():
        # Pulumi.yaml has no type for a number with a fraction, and none for a secret.
        expected = "number" if key == "deliveryVisibleAfterSeconds" else entry.get("type", "string")
        assert inputs[key]["type"] == expected, key
        assert inputs[key]["description"].startswith(entry["description"]), key
    assert "plain" not in inputs["kubeconfig"]


def test_package_schema_describes_the_outputs(schema: dict[str, Any]) -> None:
    component = schema["resources"][f"{PROJECT}:index:NotificationPlatform"]
    assert component["isComponent"]
    assert component["properties"].keys() == {
        "crdNames",
        "gatewayUrl",
        "image",
        "metricsService",
        "metricsUrl",
        "namespace",
        "serviceAccount",
    }
    assert set(component.get("requiredInputs", [])) == set()


def test_package_requires_the_versions_of_the_program() -> None:
    # The package also has upper bounds, because nothing locks the versions of its users.
    text = (ROOT / "infra" / "component_package" / "requirements.txt").read_text("utf-8")
    requirements = {re.sub(r",<\d+$", "", line) for line in text.splitlines()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    infra = {re.sub(r",<\d+$", "", line) for line in project["optional-dependencies"]["infra"]}
    assert infra <= requirements
    for name in ("kubernetes", "pydantic", "pyyaml"):
        assert {line for line in requirements if re.match(rf"{name}[>=]", line)} <= set(
            project["dependencies"]
        )
