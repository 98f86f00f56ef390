"""The environment variables of the Pulumi engine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.localcluster.toolchain import Toolchain
from tools.platform.commands.pulumi import stack_of
from tools.platform.pulumi.engine import engine_environment
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE, ROOT, passphrase_variable

TOOLCHAIN = Toolchain(root=Path("/cache/toolchain/key"))


@pytest.fixture(autouse=True)
def no_login(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged in to a backend."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for variable in ("PULUMI_HOME", "PULUMI_CREDENTIALS_PATH", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


def test_project_python_and_toolchain_are_first_on_path() -> None:
    first, second, *_ = engine_environment(TOOLCHAIN, {})["PATH"].split(os.pathsep)
    assert (first, second) == (str(Path(sys.executable).parent), "/cache/toolchain/key/bin")


def test_state_backend_is_inside_the_checkout() -> None:
    assert engine_environment(TOOLCHAIN, {})["PULUMI_BACKEND_URL"].startswith(f"file://{ROOT}/.pulumi-state")


def test_local_stacks_use_the_documented_passphrase() -> None:
    assert engine_environment(TOOLCHAIN, {})["PULUMI_CONFIG_PASSPHRASE"] == LOCAL_PASSPHRASE
    assert LOCAL_PASSPHRASE in (ROOT / "stacks" / "README.md").read_text("utf-8")


def test_collection_of_memory_is_that_of_the_user_if_chosen() -> None:
    assert engine_environment(TOOLCHAIN, {"GOGC": "50"})["GOGC"] == "50"
    assert int(engine_environment(TOOLCHAIN, {})["GOGC"]) > 100, "Go's default"


@pytest.mark.parametrize("variable", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_passphrase_of_the_caller_is_kept(variable: str) -> None:
    assert "PULUMI_CONFIG_PASSPHRASE" not in engine_environment(TOOLCHAIN, {variable: "mine"})


def test_stack_passphrase_applies_to_that_stack_only() -> None:
    variables = {passphrase_variable("staging"): "theirs"}
    assert engine_environment(TOOLCHAIN, variables, stack="staging")["PULUMI_CONFIG_PASSPHRASE"] == "theirs"
    for stack in ("dev", ""):
        passphrase = engine_environment(TOOLCHAIN, variables, stack=stack)["PULUMI_CONFIG_PASSPHRASE"]
        assert passphrase == LOCAL_PASSPHRASE
    assert passphrase_variable("pr-7") == "PULUMI_CONFIG_PASSPHRASE_PR_7"


def test_backend_of_the_caller_is_kept() -> None:
    variables = {"PULUMI_BACKEND_URL": "s3://state"}
    assert engine_environment(TOOLCHAIN, variables)["PULUMI_BACKEND_URL"] == "s3://state"


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("file://~/state", "file://~/state?metadata=skip"),
        ("file:///state?create_dir=true", "file:///state?create_dir=true&metadata=skip"),
        ("file:///state?metadata=", "file:///state?metadata="),
    ],
)
def test_engine_keeps_no_attributes_of_the_files_of_a_folder(url: str, given: str) -> None:
    assert engine_environment(TOOLCHAIN, {"PULUMI_BACKEND_URL": url})["PULUMI_BACKEND_URL"] == given


@pytest.mark.parametrize(
    ("line", "stack"),
    [("preview -s dev", "dev"), ("up --stack ci --yes", "ci"), ("up --stack=ci", "ci"), ("version", None)],
)
def test_stack_is_parsed_from_the_command_line(line: str, stack: str | None) -> None:
    assert stack_of(line.split()) == stack
