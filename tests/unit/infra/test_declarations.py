"""The committed declarations are those that the settings generate."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block
from platform_infra.settings.model import SECRET_KEYS
from platform_infra.settings.reader import parse
from tools.generate.artifacts import artifact, editor_schema
from tools.localcluster.toolchain.sources.pins import version_of
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import StackFileError, check_stack_file

if TYPE_CHECKING:
    from pathlib import Path


def test_pulumi_yaml_is_up_to_date() -> None:
    text = (ROOT / "Pulumi.yaml").read_text("utf-8")
    assert artifact("Pulumi.yaml").render(text) == text
    assert yaml.safe_load(text)["config"] == config_block()


def test_pulumi_yaml_requires_the_engine_of_the_toolchain_or_a_newer_one() -> None:
    text = (ROOT / "Pulumi.yaml").read_text("utf-8")
    assert yaml.safe_load(text)["requiredPulumiVersion"] == f">={version_of('pulumi')} <4.0.0"


def test_secret_settings_are_marked_and_have_no_type() -> None:
    """The engine refuses a secret with a type if its default applies, which is in plain text."""
    marked = {key: entry for key, entry in config_block().items() if entry.get("secret")}
    # A kubeconfig can also be a path.
    assert marked.keys() == SECRET_KEYS - {"clusterKubeconfig"}
    assert all("type" not in entry for entry in marked.values())


def test_readme_of_the_stacks_is_up_to_date() -> None:
    assert artifact("stacks/README.md").is_current(ROOT)


def test_schema_for_editors_is_up_to_date() -> None:
    assert artifact("stacks/schema.json").is_current(ROOT)


def test_schema_has_every_key_and_resolves_every_reference() -> None:
    schema = json.loads(editor_schema())
    assert [*schema["properties"]["config"]["properties"]] == [f"{PROJECT}:{key}" for key in config_block()]
    references = set(re.findall(r'"#/\$defs/(\w+)"', editor_schema()))
    assert references == schema["$defs"].keys()


@pytest.mark.parametrize("stack", ["dev", "ci", "staging", "prod"])
def test_committed_stack_names_the_schema_and_has_only_known_keys(stack: str) -> None:
    text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    schema = json.loads(editor_schema())
    content = yaml.safe_load(text)
    assert content.keys() <= schema["properties"].keys()
    assert content["config"].keys() <= schema["properties"]["config"]["properties"].keys()


def test_prod_protects_its_data() -> None:
    settings = check_stack_file("prod")
    assert settings.protection.data
    assert settings.crd.retain
    assert settings.operator.replicas >= 2


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_stack_that_ci_deploys_names_its_image_by_digest_or_has_none(stack: str) -> None:
    settings = check_stack_file(stack)
    assert settings.deploy_wave
    assert "@sha256:" in settings.operator.image or not settings.operator.image


def test_stack_file_that_is_not_a_mapping_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text("- a list\n")
    with pytest.raises(StackFileError, match="is not a mapping"):
        check_stack_file("x", tmp_path)


def test_every_key_has_a_type_or_is_secret_with_default_and_description() -> None:
    for key, entry in config_block().items():
        assert entry.keys() >= {"secret" if "secret" in entry else "type", "default", "description"}, key
        assert entry["description"].endswith("."), key


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), (True, True), ("false", False), ("public", "public")]
)
def test_setting_of_a_boolean_or_a_word_accepts_both(value: object, expected: object) -> None:
    """Pulumi checks the value against a text, as which it stores a boolean of a stack's file, too."""
    assert config_block()["sanitizerIpAddresses"]["type"] == "string"
    assert parse({"sanitizerIpAddresses": value}).sanitizer.ip_addresses == expected


def test_declared_defaults_are_valid() -> None:
    assert parse({}) is not None


@pytest.mark.parametrize("stack", ["dev", "ci", "staging", "prod"])
def test_committed_stack_is_valid(stack: str) -> None:
    check_stack_file(stack)


def test_three_mistakes_of_a_stack_file_are_three_problems(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text(
        "config:\n"
        "  notification-platform:operatorReplicas: several\n"
        "  notification-platform:logLevel: loud\n"
        "  notification-platform:clusterKnd: local\n"
        "  kubernetes:context: left-to-the-engine\n"
    )
    with pytest.raises(StackFileError) as caught:
        check_stack_file("x", tmp_path)
    for key in ("operatorReplicas", "logLevel", "clusterKnd"):
        assert f"- {key} is " in str(caught.value)


def test_encrypted_values_of_a_stack_file_are_trusted(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text(
        "config:\n"
        "  notification-platform:clusterKind: existing\n"
        "  notification-platform:clusterContext: c\n"
        "  notification-platform:operatorImage: i\n"
        "  notification-platform:clusterKubeconfig:\n"
        "    secure: v1:abc\n"
        "  notification-platform:operatorEnv:\n"
        "    HTTPS_PROXY:\n"
        "      secure: v1:def\n"
    )
    check_stack_file("x", tmp_path)
