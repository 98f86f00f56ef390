"""The platform in programs of others: as a component in Python, and as a package for every language."""

from __future__ import annotations

import ast
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
from tests.unit.infra.recording import Monitor, listen
from tools.generate.artifacts import artifact
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from platform_infra.component_args import NotificationPlatformArgs

KUBECONFIG = "apiVersion: v1\nkind: Config\n"
GIVEN: NotificationPlatformArgs = {
    "kubeconfig": KUBECONFIG,
    "context": "shared",
    "operator_image": "registry.example.com/operator:1",
}


def recorded(args: NotificationPlatformArgs) -> Monitor:
    """Run a program that makes the component, and return what it asked the engine for."""
    monitor = Monitor()
    listen(monitor)

    @pulumi.runtime.test
    def program() -> pulumi.Output[str]:
        return NotificationPlatform("notifications", args).namespace

    program()
    return monitor


def problems(**wrong: Any) -> list[str]:
    args: Any = wrong
    with pytest.raises(SettingsError) as caught:
        recorded(args)
    assert "in the component's arguments:" in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def test_five_statements_of_another_program_bring_the_platform_as_the_documentation_shows_them() -> None:
    text = (ROOT / "docs" / "environments.md").read_text("utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(ast.parse(example).body) == 5
    monitor = Monitor({"kubeconfig": KUBECONFIG, "context": "shared"})
    listen(monitor)

    @pulumi.runtime.test
    def program() -> Any:
        made: dict[str, Any] = {}
        exec(compile(example, "docs/environments.md", "exec"), made)  # noqa: S102 - the documentation's own example
        return made["platform"].namespace

    program()
    kinds = {entry.kind for entry in monitor.registered}
    assert kinds >= {"Deployment", "CustomResourceDefinition", "NetworkPolicy"}
    (told,) = [entry.inputs for entry in monitor.registered if entry.kind == "kubernetes"]
    assert told["context"] == "shared"


def test_a_cluster_that_the_program_brings_is_the_one_that_all_is_put_into() -> None:
    monitor = recorded(GIVEN | {"kubeconfig": pulumi.Output.secret(KUBECONFIG)})
    (told,) = [entry.inputs for entry in monitor.registered if entry.kind == "kubernetes"]
    assert rpc.unwrap_rpc_secret(told["kubeconfig"]) == KUBECONFIG
    assert told["context"] == "shared"


def test_values_come_as_a_program_has_them_and_numbers_as_other_languages_send_them() -> None:
    wanted: Any = {"operator_replicas": 2.0, "channels_file_enabled": True, "watch_namespaces": ["a"]}
    (deployment,) = [
        entry for entry in recorded({**GIVEN, **wanted}).registered if entry.kind == "Deployment"
    ]
    assert deployment.inputs["spec"]["replicas"] == 2


def test_the_component_is_the_one_root_of_what_it_makes() -> None:
    roots = [entry for entry in recorded(GIVEN).registered if "pulumi:pulumi:Stack::" in entry.parent]
    assert [entry.type for entry in roots] == [f"{PROJECT}:index:NotificationPlatform"]


def test_all_wrong_arguments_are_told_at_once_in_the_words_of_a_program() -> None:
    said = problems(operator_replicas="many", operatr_workers=3, log_level="loud")
    assert [text.split()[0] for text in said] == ["operatrWorkers", "operatorReplicas", "logLevel"]
    assert "is 'many', but should be a valid integer" in said[1]
    assert not any("pulumi config" in text for text in said)


def test_a_cluster_that_is_brought_is_brought_whole_and_needs_an_image_that_it_can_pull() -> None:
    assert problems(kubeconfig=KUBECONFIG)[0].startswith("context is missing")
    assert problems(context="shared")[0].startswith("kubeconfig is missing")
    assert problems(kubeconfig=KUBECONFIG, context="shared")[0].startswith("operatorImage is empty")


def test_wrong_arguments_make_no_resource() -> None:
    monitor = Monitor()
    listen(monitor)

    @pulumi.runtime.test
    def program() -> None:
        with pytest.raises(SettingsError):
            NotificationPlatform("notifications", {"log_level": "loud"})

    program()
    assert monitor.registered == []


def test_the_arguments_are_those_that_the_model_generates() -> None:
    assert artifact("infra/platform_infra/component_args.py").is_current(ROOT), "run `make generate`"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """What Pulumi tells other languages of the package."""
    found: dict[str, Any] = json.loads(ComponentProvider([NotificationPlatform], PROJECT).schema or "")
    return found


def test_other_languages_see_every_setting_with_its_type_and_meaning(schema: dict[str, Any]) -> None:
    inputs = schema["resources"][f"{PROJECT}:index:NotificationPlatform"]["inputProperties"]
    assert inputs.keys() == config_block().keys() | {"kubeconfig", "context"}
    for key, entry in config_block().items():
        # Pulumi.yaml has no type for a number with a fraction.
        expected = "number" if key == "deliveryVisibleAfterSeconds" else entry["type"]
        assert inputs[key]["type"] == expected, key
        assert inputs[key]["description"].startswith(entry["description"]), key
    assert "plain" not in inputs["kubeconfig"]


def test_other_languages_see_what_comes_out(schema: dict[str, Any]) -> None:
    component = schema["resources"][f"{PROJECT}:index:NotificationPlatform"]
    assert component["isComponent"]
    assert component["properties"].keys() == {"namespace", "image"}
    assert set(component.get("requiredInputs", [])) == set()


def test_the_package_asks_for_the_versions_that_the_program_is_tried_with() -> None:
    asked = set((ROOT / "infra" / "component_package" / "requirements.txt").read_text("utf-8").splitlines())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(project["optional-dependencies"]["infra"]) <= asked
    for name in ("kubernetes", "pydantic", "pyyaml"):
        assert {line for line in asked if re.match(rf"{name}[>=]", line)} <= set(project["dependencies"])
