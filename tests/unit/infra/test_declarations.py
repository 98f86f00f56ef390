"""What is committed is what the settings model generates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_infra.names import PROJECT
from platform_infra.settings.declarations import config_block
from platform_infra.settings.model import parse
from tools import declare
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import StackFileError, check_secrets, check_stack_file

if TYPE_CHECKING:
    from pathlib import Path


def test_pulumi_yaml_declares_what_the_model_generates() -> None:
    text = (ROOT / "Pulumi.yaml").read_text("utf-8")
    assert declare.project_file(text) == text
    assert yaml.safe_load(text)["config"] == config_block()


def test_the_stacks_readme_lists_what_the_model_generates() -> None:
    text = (ROOT / "stacks" / "README.md").read_text("utf-8")
    assert declare.stacks_readme(text) == text


def test_the_schema_for_editors_is_what_the_model_generates() -> None:
    assert (ROOT / "stacks" / "schema.json").read_text("utf-8") == declare.schema_file()


def test_the_schema_for_editors_knows_every_key_and_every_reference_in_it_leads_somewhere() -> None:
    schema = json.loads(declare.schema_file())
    assert [*schema["properties"]["config"]["properties"]] == [f"{PROJECT}:{key}" for key in config_block()]
    referred = set(re.findall(r'"#/\$defs/(\w+)"', declare.schema_file()))
    assert referred == schema["$defs"].keys()


@pytest.mark.parametrize("stack", ["dev", "ci", "staging", "prod"])
def test_the_committed_stacks_name_the_schema_and_hold_nothing_but_values(stack: str) -> None:
    text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    schema = json.loads(declare.schema_file())
    content = yaml.safe_load(text)
    assert content.keys() <= schema["properties"].keys()
    assert content["config"].keys() <= schema["properties"]["config"]["properties"].keys()


def test_prod_keeps_its_data_and_takes_its_image_by_digest() -> None:
    settings = check_stack_file("prod")
    assert settings.protection.data
    assert settings.crd.retain
    assert settings.operator.replicas >= 2
    assert "@sha256:" in settings.operator.image


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_a_stack_that_others_depend_on_is_never_encrypted_with_what_everybody_knows(
    stack: str, tmp_path: Path
) -> None:
    with pytest.raises(StackFileError, match="would be encrypted with a well-known passphrase"):
        check_secrets(stack, variables={"PULUMI_CONFIG_PASSPHRASE": ""})
    check_secrets(stack, variables={"PULUMI_CONFIG_PASSPHRASE_FILE": "/run/secrets/it"})
    check_secrets(stack, variables={f"PULUMI_CONFIG_PASSPHRASE_{stack.upper()}": "its own"})
    (tmp_path / f"Pulumi.{stack}.yaml").write_text("secretsprovider: awskms://alias/it\n")
    check_secrets(stack, tmp_path, variables={})
    check_secrets("dev", variables={})


def test_a_stack_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text("- a list\n")
    with pytest.raises(StackFileError, match="is not a mapping"):
        check_stack_file("x", tmp_path)


def test_every_key_has_a_type_a_default_and_a_meaning() -> None:
    for key, entry in config_block().items():
        assert entry.keys() >= {"type", "default", "description"}, key
        assert entry["description"].endswith("."), key


def test_the_declared_defaults_are_valid() -> None:
    assert parse({}) is not None


@pytest.mark.parametrize("stack", ["dev", "ci", "staging", "prod"])
def test_the_committed_stacks_are_valid(stack: str) -> None:
    check_stack_file(stack)


def test_a_stack_file_with_three_mistakes_of_any_kind_gets_three_messages(tmp_path: Path) -> None:
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


def test_encrypted_values_of_a_stack_file_are_left_to_the_program(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text(
        "config:\n"
        "  notification-platform:clusterKind: existing\n"
        "  notification-platform:clusterContext: c\n"
        "  notification-platform:operatorImage: i\n"
        "  notification-platform:clusterKubeconfig:\n"
        "    secure: v1:abc\n"
    )
    check_stack_file("x", tmp_path)
