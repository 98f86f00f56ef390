"""What is committed is what the settings model generates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from platform_infra.declarations import config_block
from platform_infra.settings import parse
from tools import declare
from tools.engine import ROOT
from tools.stack_file import StackFileError, check_stack_file

if TYPE_CHECKING:
    from pathlib import Path


def test_pulumi_yaml_declares_what_the_model_generates() -> None:
    text = (ROOT / "Pulumi.yaml").read_text("utf-8")
    assert declare.project_file(text) == text
    assert yaml.safe_load(text)["config"] == config_block()


def test_the_stacks_readme_lists_what_the_model_generates() -> None:
    text = (ROOT / "stacks" / "README.md").read_text("utf-8")
    assert declare.stacks_readme(text) == text


def test_every_key_has_a_type_a_default_and_a_meaning() -> None:
    for key, entry in config_block().items():
        assert entry.keys() >= {"type", "default", "description"}, key
        assert entry["description"].endswith("."), key


def test_the_declared_defaults_are_valid() -> None:
    assert parse({}) is not None


@pytest.mark.parametrize("stack", ["dev", "ci"])
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
